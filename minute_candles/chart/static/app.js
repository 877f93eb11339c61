/** The page: what is asked for, when it is drawn, and what every button and key does. */

import * as api from "./api.js";
import { showEmpty, showWhetherEmpty } from "./empty.js";
import { ForecastView } from "./forecast.js";
import { dateOf } from "./format.js";
import { Freshness } from "./freshness.js";
import { tell as tellOf } from "./legend.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { load, loadBefore } from "./load.js";
import { Overlay } from "./overlay.js";
import { daysOf, holds, placesOf, rangeSeen } from "./range.js";
import { slots } from "./slots.js";
import { $, INTERVALS, keepAddress, now, state } from "./state.js";
import { savePicture, showTable, switchTheme, walk } from "./tools.js";
import { View } from "./view.js";
import * as words from "./words.js";

/** @typedef {import("./state.js").Interval} Interval */

const SOON = 300; // ms that the old candles may stand under the new name

const view = new View($("chart"));
const overlay = new Overlay(view, { complain: words.complain, go, tell: () => tell(state.hovered) });
const forecast = new ForecastView(view);
const list = new List((symbol) => choose(symbol));
const live = new Live(hear, (up) => { state.up = up; words.tellState(view); if (up && (state.stale || (state.turn && state.drawn === state.turn))) refresh(); });

const freshness = new Freshness(() => { live.lost(); refresh(); });

const tell = (/** @type {number | null} */ time) => tellOf(view, time, (at) => overlay.said(at));
const mark = () => words.mark(view, list);

/** @param {string} symbol */
function choose(symbol) {
  document.body.classList.remove("listing");
  if (symbol !== state.symbol) show(symbol, state.interval);
}

/** @param {Interval | undefined} interval */
const chooseInterval = (interval) => { if (interval && interval !== state.interval) show(state.symbol, interval); };

/** @param {string} symbol @param {Interval} interval @returns {Promise<boolean>} whether it is what is shown now */
async function show(symbol, interval) {
  Object.assign(state, { symbol, interval, hovered: null, seen: null, settled: false, stale: false, failed: "", newDay: "", candles: new Map(), days: new Map() });
  overlay.clear();
  forecast.clear();
  const turn = ++state.turn;
  mark();
  live.want([[symbol, interval]]);
  setTimeout(() => { if (turn === state.turn && state.drawn !== turn) blank(state.failed || "캔들을 받는 중…"); }, SOON);
  await fill();
  return turn === state.turn && state.drawn === turn;
}

/** Asks for what is shown and draws it; what fails is stale and asked for again with the next poll. */
async function fill() {
  const turn = state.turn;
  Object.assign(state, { loading: turn, stale: false });
  try {
    if (!(await load(clock))) return;
    state.failed = "";
    if (state.drawn !== turn) begin(turn);
    else if (!view.inPlace(redraw)) look();
    showWhetherEmpty();
  } catch (error) {
    if (turn === state.turn) fail(error);
    return;
  } finally {
    if (state.loading === turn) state.loading = 0;
  }
  if (state.stale) await fill();
}

/** After a reconnection, or when a day is known better. */
async function refresh() {
  state.stale = true;
  if (state.loading !== state.turn) await fill();
}

/** @param {unknown} error */
function fail(error) {
  state.stale = true;
  state.failed = `캔들을 받지 못해 다시 시도합니다. ${error instanceof Error ? error.message : error}`;
  if (state.drawn !== state.turn) blank(state.failed);
  words.tellState(view);
}

/** Rather nothing than the candles of another one. @param {string} why */
function blank(why) {
  view.set([], state.interval === "day", state.days);
  tell(null);
  overlay.draw();
  showEmpty(why);
}

/** The first time: looked at where it is wanted. @param {number} turn */
function begin(turn) {
  redraw();
  look();
  state.drawn = turn;
  settle(turn);
  $("chart").dataset.ready = `${state.symbol} ${state.interval}`;
}

/** The chart tells of its own first choice of a range, too: nobody moved there. @param {number} turn */
function settle(turn) {
  if (!performance.getEntriesByName("drawn").length) requestAnimationFrame(() => performance.mark("drawn"));
  setTimeout(() => {
    if (turn !== state.turn) return;
    state.settled = true;
    soonKeep(view.chart.timeScale().getVisibleLogicalRange());
  }, 200);
}

/** At the range, or at the newest: about seven pixels a candle. */
function look() {
  const length = view.list.length;
  if (!length) return;
  const [from, to] = state.range ? placesOf(state.range, view.list) : [length - view.fitting(), length + 4];
  view.chart.timeScale().setVisibleLogicalRange(state.range ? { from: from - 0.4, to: to + 0.4 } : { from, to });
}

/** Back to what is new. */
function latest() {
  state.seen = null;
  if (state.range) { state.range = null; show(state.symbol, state.interval); }
  else look();
}

/** To a moment, however long ago: of what is not loaded yet, its days are asked for.
 * @param {string} symbol @param {Interval} interval @param {number} time */
async function go(symbol, interval, time) {
  const held = () => view.list[0]?.time <= time && (!state.range || dateOf(time) <= daysOf(state.range).to);
  if (symbol !== state.symbol || interval !== state.interval || !held()) {
    state.range = null;
    if (!(await show(symbol, interval))) return;
    if (!held()) {
      state.range = [dateOf(time - 4 * 86400), dateOf(time)];
      if (!(await show(symbol, interval))) return;
    }
  }
  const at = view.list.findLastIndex((slot) => slot.time <= time);
  if (at >= 0) view.chart.timeScale().setVisibleLogicalRange({ from: at - 80, to: at + 40 });
}

/** What is seen goes into the address, so that it can be sent; the newest, followed, need no range.
 * @param {{from: number, to: number}} places */
function keepSeen(places) {
  const length = view.list.length;
  if (!length) return;
  const away = places.to < length - 1.5;
  const seen = rangeSeen(places, view.list, view.daily);
  $("latest").hidden = !(away || state.range);
  if (state.range && seen) state.range = away ? seen : [seen[0], state.range[1]];
  state.seen = away ? seen : null;
  keepAddress();
  overlay.thin();
}

let keeping = 0;
/** Browsers refuse an address that changes with each pixel. @param {{from: number, to: number} | null} places */
function soonKeep(places) {
  clearTimeout(keeping);
  if (places) keeping = setTimeout(keepSeen, 250, places);
}

function redraw() {
  const candles = [...state.candles.values()].sort((a, b) => a.time - b.time);
  view.set(slots(candles, state.days, state.interval, now()), state.interval === "day", state.days);
  tell(state.hovered);
  overlay.draw();
  forecast.draw();
}

/** @param {any} message */
function hear(message) {
  if (message.type === "error") return words.complain(new Error(message.message));
  if (message.type === "prices") return movePrices(message.rows);
  if (message.symbol !== state.symbol) return;
  if (message.type === "day") return refresh();
  freshness.candle();
  if (message.interval !== state.interval) return;
  const candle = { ...api.candleOf(message), told: ++state.told };
  if (state.range && !holds(state.range, dateOf(candle.time))) return words.tellPrice(candle);
  const [drawn, first] = [state.drawn === state.turn, view.candles[0]?.time ?? 0];
  if (drawn && candle.time < first) return; // what lies between is not held
  const traded = state.candles.get(candle.time)?.volume !== candle.volume;
  state.candles.set(candle.time, candle);
  if (words.newest() === candle) {
    words.tellPrice(candle);
    setPrice(state.symbol, candle.close);
  }
  if (drawn) add(candle, traded);
}

/** @param {import("./state.js").Candle} candle @param {boolean} traded not only told again, as to every new listener */
function add(candle, traded) {
  if (traded) state.heard = Date.now();
  const [empty, day] = [!view.list.length, dateOf(candle.time)];
  if (candle.time === view.list.at(-1)?.time) view.update(candle);
  else redraw();
  if (empty) look();
  showEmpty("");
  if (state.hovered == null) tell(null);
  if (!state.days.has(day) && state.newDay !== day) { state.newDay = day; refresh(); }
}

/** The list's price is the header's. @param {string} symbol @param {number} price */
function setPrice(symbol, price) {
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

async function older() {
  if (state.busy || state.all || !view.candles.length) return;
  state.busy = true;
  try {
    if (await loadBefore(view.candles)) view.inPlace(redraw);
  } catch (error) {
    words.complain(error);
  } finally {
    state.busy = false;
  }
}

async function poll() {
  try {
    const rows = await api.symbols();
    state.rows = new Map(rows.map((row) => [row.symbol, row]));
    list.show(rows);
    const newest = state.range ? null : words.newest();
    if (newest?.status === "RUNNING") setPrice(state.symbol, newest.close);
    if (rows.length && !state.rows.has(state.symbol)) await show(rows[0].symbol, state.interval);
    mark();
    freshness.poll(state.symbol, state.rows.get(state.symbol)?.time);
    if (state.stale || (state.settled && !state.range && !view.candles.length && state.rows.get(state.symbol)?.price != null)) await refresh();
  } catch (error) {
    if (!state.rows.size) words.complain(error);
  }
}

async function pollHealth() {
  try {
    state.health = await api.health();
    state.ahead = Date.parse(`${state.health.now.slice(0, 19)}Z`) / 1000 - Date.now() / 1000;
  } catch (error) {
    if (error instanceof api.NoAnswer) live.lost();
  }
  words.tellState(view);
}

/** @param {string} study */
function toggle(study) {
  if (!view.studies.delete(study)) view.studies.add(study);
  view.draw();
  tell(state.hovered);
  mark();
  overlay.draw();
}

function repaint() {
  view.paint();
  overlay.draw();
}

/** @param {number} step */
function read(step) {
  state.hovered = walk(view, step) ?? state.hovered;
  tell(state.hovered);
}

/** @param {KeyboardEvent} event */
function key(event) {
  const elsewhere = /** @type {Element} */ (event.target).matches("input") || document.querySelector("dialog[open]");
  if (event.ctrlKey || event.metaKey || event.altKey || elsewhere) return;
  if (event.key === "/") { document.body.classList.add("listing"); list.search.focus(); }
  else if (event.key >= "1" && event.key <= "8") chooseInterval(INTERVALS[Number(event.key) - 1]);
  else if (event.target === $("chart") && event.key === "ArrowLeft") read(-1);
  else if (event.target === $("chart") && event.key === "ArrowRight") read(1);
  else if (event.key === "Escape") document.body.classList.remove("listing");
  else return;
  event.preventDefault();
}

/** @param {string} id @param {(data: DOMStringMap) => void} act */
const click = (id, act) => $(id).addEventListener("click", (/** @type {Event} */ event) => act(/** @type {HTMLElement} */ (event.target).dataset));

view.chart.subscribeCrosshairMove((/** @type {any} */ param) => {
  state.hovered = param.time ?? null;
  tell(state.hovered);
});
view.chart.timeScale().subscribeVisibleLogicalRangeChange((/** @type {any} */ range) => {
  if (!range || !state.settled) return;
  if (range.from < (state.range ? -8 : 20)) older();
  soonKeep(range);
});
click("intervals", ({ interval }) => chooseInterval(INTERVALS.find((one) => String(one) === interval)));
click("studies", ({ study }) => { if (study) toggle(study); });
click("theme", () => { switchTheme(); repaint(); });
click("latest", latest);
click("empty-latest", latest);
click("png", () => savePicture(view));
click("table-button", () => showTable(view));
click("table-close", () => $("table").close());
click("forecast-button", () => forecast.explain());
click("forecast-close", () => $("forecast").close());
click("alerts-button", () => overlay.list());
click("alerts-close", () => $("alerts").close());
click("open-list", () => document.body.classList.add("listing"));
click("close-list", () => document.body.classList.remove("listing"));
addEventListener("keydown", key);
addEventListener("themechange", repaint);

const clock = pollHealth();
if (state.symbol) show(state.symbol, state.interval);
poll();
clock.then(() => overlay.poll());
setInterval(poll, 5000);
setInterval(pollHealth, 10000);
setInterval(() => overlay.poll(), 10000);
setInterval(() => forecast.poll(), 20000);
setInterval(() => words.tellState(view), 1000);
