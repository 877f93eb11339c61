/** What the socket brings: candles, days that are known better, the prices of the list. */

import { candleOf } from "./api.js";
import { isPeriod } from "./candle.js";
import { showEmpty } from "./empty.js";
import { dateOf } from "./format.js";
import { Freshness } from "./freshness.js";
import { askRunning } from "./indicators.js";
import { withToday } from "./load.js";
import { list, live, view } from "./parts.js";
import { holds } from "./range.js";
import { drawLines, redraw, refresh, tell } from "./screen.js";
import { state } from "./state.js";
import { look } from "./visible.js";
import * as words from "./words.js";

/** @typedef {import("./candle.js").Candle} Candle */

export const freshness = new Freshness(() => { live.lost(); refresh(); });

/** @param {any} message */
export function take(message) {
  if (message.type === "error") return words.complain(new Error(message.message));
  if (message.type === "prices") return movePrices(message.rows);
  if (message.symbol !== state.symbol) return;
  if (message.type === "day") return refresh();
  freshness.candle();
  const candle = { ...candleOf(message), received: ++state.received };
  const before = state.today;
  if (message.interval === "day") takeToday(candle);
  if (message.interval === state.interval) takeCandle(candle);
  else if (message.interval === "day" && isPeriod(state.interval)) takeSession(candle, before);
}

/** @param {Candle} candle */
function takeToday(candle) {
  state.today = candle;
  words.showToday();
}

/** The week or month with today as it stands; once the day is over, the server says what it is. @param {Candle} day @param {Candle | null} before the day as it stood */
function takeSession(day, before) {
  if (day.status !== "RUNNING") { if (before?.status === "RUNNING") refresh(); return; }
  if (state.drawn === state.turn) takeCandle(withToday(day));
}

/** @param {Candle} candle */
function takeCandle(candle) {
  if (state.until || (state.range && !holds(state.range, dateOf(candle.time)))) return words.tellPrice(candle);
  const [drawn, first] = [state.drawn === state.turn, view.candles[0]?.time ?? 0];
  if (drawn && candle.time < first) return; // what lies between is not held
  const traded = state.candles.get(candle.time)?.volume !== candle.volume;
  state.candles.set(candle.time, candle);
  if (words.newest() === candle) { words.tellPrice(candle); setPrice(state.symbol, candle.close); }
  if (drawn) add(candle, traded);
}

/** @param {Candle} candle @param {boolean} traded not only sent again, as to every new subscriber */
function add(candle, traded) {
  if (traded) state.heard = Date.now();
  const [empty, day] = [!view.list.length, dateOf(candle.time)];
  if (candle.time === view.list.at(-1)?.time) { view.update(candle); askRunning(drawLines); }
  else redraw();
  if (empty) look();
  showEmpty("");
  if (state.hovered == null) tell(null);
  if (!state.days.has(day) && state.newDay !== day) { state.newDay = day; refresh(); }
}

/** The list's price is the header's. @param {string} symbol @param {number} price */
export function setPrice(symbol, price) {
  const row = state.rows.get(symbol);
  if (!row) return;
  const before = row.previous_close;
  Object.assign(row, { price, change_percent: before ? ((price - before) * 100) / before : null });
  list.price(row);
}

/** Running minutes of the list; the shown symbol has its own candles. @param {{symbol: string, price: number, time: string}[]} moved */
function movePrices(moved) {
  for (const { symbol, price, time } of moved) {
    const row = state.rows.get(symbol);
    if (!row || symbol === state.symbol || (row.time ?? "") > time) continue;
    row.time = time;
    setPrice(symbol, price);
  }
}
