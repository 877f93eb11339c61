/** What is shown, as the server has it: candles and days asked for together, taken together. */

import * as api from "./api.js";
import { foldDays, isPeriod, windowOf } from "./candle.js";
import { daysBack, guessDays } from "./days.js";
import { dateOf } from "./format.js";
import { daysOf } from "./range.js";
import { state } from "./state.js";

/** @typedef {import("./candle.js").Candle} Candle */

const PAGE = 400;
const MOST = 5000, DAYS_OF_A_MONTH = 23;

/** As many as are held: what was loaded further left stays. */
const wanted = () => (state.range ? daysOf(state.range) : { limit: Math.min(MOST, Math.max(PAGE, state.candles.size)) });

/** The candles that are held, as the server is asked for what follows from them. @returns {Record<string, string | number>} */
export function wholeRange() {
  const times = [...state.candles.keys()];
  return state.range && times.length ? { from: dateOf(Math.min(...times)), to: dateOf(Math.max(...times)) } : { limit: Math.min(MOST, Math.max(1, times.length)) };
}

/** What the answer does not name is gone; what was received since it was asked for is newer than it.
 * @param {Promise<void>} clock the server's clock is known @returns {Promise<boolean>} false: another symbol or interval is shown by now */
export async function load(clock) {
  const { turn, received, symbol, interval } = state;
  const sessions = isPeriod(interval) ? api.candles(symbol, "day", { limit: DAYS_OF_A_MONTH }) : [];
  const [found, guessed, its] = await Promise.all([api.candles(symbol, interval, wanted()), clock.then(guessDays), sessions]);
  const first = found[0]?.time;
  const days = await daysBack(guessed, first);
  if (turn !== state.turn) return false;
  const newer = [...state.candles.values()].filter((candle) => (candle.received ?? 0) > received && candle.time >= (first ?? 0));
  Object.assign(state, { days, sessions: its, all: false, loads: state.loads + 1 });
  const running = typeof interval === "string" && !state.range && state.today?.status === "RUNNING" ? [withToday(state.today)] : [];
  state.candles = new Map([...found, ...running, ...newer].map((candle) => [candle.time, candle]));
  return true;
}

/** The day as it stands, or the week or month with it: the table does not hold the running minute. @param {Candle} day */
export function withToday(day) {
  if (!isPeriod(state.interval)) return day;
  const start = windowOf(day.time, state.interval);
  return foldDays([...state.sessions.filter((one) => one.time >= start && one.time < day.time), day], state.interval);
}

/** What stands before the first of these. @param {Candle[]} candles @returns {Promise<boolean>} whether there is more to draw */
export async function loadBefore(candles) {
  const { turn, loads, symbol, interval } = state;
  const [first, day] = [candles[0].time, dateOf(candles[0].time)];
  const held = candles.filter((candle) => dateOf(candle.time) === day).length; // of its day
  const found = await api.candles(symbol, interval, { to: day, limit: Math.min(MOST, held + 2 * PAGE) });
  const days = await daysBack(state.days, found[0]?.time);
  if (turn !== state.turn || loads !== state.loads) return false;
  const before = found.filter((candle) => candle.time < first);
  for (const candle of before) state.candles.set(candle.time, candle);
  Object.assign(state, { days, all: !before.length });
  return before.length > 0;
}
