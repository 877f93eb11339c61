/** What is on the screen: asked for, drawn, asked for again. */

import { showEmpty, showWhetherEmpty } from "./empty.js";
import { dateOf } from "./format.js";
import { askLines } from "./indicators.js";
import { tell as tellOf } from "./legend.js";
import { load, loadBefore } from "./load.js";
import { compare, forecast, list, live, overlay, pen, view } from "./parts.js";
import { keepPrefs } from "./prefs.js";
import { holds } from "./range.js";
import { slots } from "./slots.js";
import { $, keepAddress, now, state } from "./state.js";
import { inPlace, look } from "./visible.js";
import * as words from "./words.js";

/** @typedef {import("./candle.js").Interval} Interval */
/** @typedef {import("./candle.js").Candle} Candle */

const SOON = 300; // ms that the old candles may stand under the new name
let clock = /** @type {Promise<void>} */ (Promise.resolve()); // resolved once the server's clock is known

/** @param {Promise<void>} known */
export const waitForClock = (known) => { clock = known; };

/** The numbers of a candle; null: of the newest. @param {number | null} time */
export const tell = (time) => tellOf(view, time, (at) => overlay.said(at), (at) => compare.said(at));

/** Names, buttons and address. */
export function mark() {
  words.mark(list);
  compare.mark();
  keepAddress();
}

/** @param {string} symbol @param {Interval} interval @returns {Promise<boolean>} whether it is what is shown now */
export async function show(symbol, interval) {
  Object.assign(state, { symbol, interval, hovered: null, seen: null, today: symbol === state.symbol ? state.today : null, settled: false, stale: false, failed: "", newDay: "", candles: new Map(), sessions: [], days: new Map(), lines: new Map() });
  if (state.until && !(state.range && holds(state.range, dateOf(state.until)))) state.until = null;
  overlay.clear();
  pen.letGo();
  forecast.clear();
  const turn = ++state.turn;
  mark();
  keepPrefs({ interval: String(interval) });
  words.showToday();
  live.want("chart", [[symbol, "day"], ...(typeof interval === "number" ? [/** @type {[string, number]} */ ([symbol, interval])] : [])]);
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
    else if (!inPlace(redraw)) look();
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
export async function refresh() {
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
  view.begins = false;
  view.set([], state.interval, state.days);
  tell(null);
  overlay.draw();
  showEmpty(why);
}

/** The first time: looked at where it is wanted. @param {number} turn */
function begin(turn) {
  redraw();
  look();
  state.drawn = turn;
  if (!performance.getEntriesByName("drawn").length) requestAnimationFrame(() => performance.mark("drawn"));
  setTimeout(() => settle(turn), 200);
  $("chart").dataset.ready = `${state.symbol} ${state.interval}`;
}

/** The chart tells of its own first choice of a range, too: nobody moved there. @param {number} turn */
function settle(turn) {
  if (turn !== state.turn) return;
  state.settled = true;
  $("chart").dispatchEvent(new Event("settled"));
}

/** The candles that are held; of a replay those that are over. */
export function drawCandles() {
  const until = state.until ?? Infinity;
  const over = (/** @type {Candle} */ { time }) => until === Infinity || time + 60 * Number(state.interval) <= until;
  const candles = [...state.candles.values()].filter(over).sort((a, b) => a.time - b.time);
  compare.scale();
  view.begins = state.all;
  view.set(slots(candles, state.days, state.interval, Math.min(now(), until)), state.interval, state.days);
  tell(state.hovered);
}

export function redraw() {
  drawCandles();
  for (const part of [overlay, compare, pen, forecast]) part.draw();
  askLines(drawLines);
}

/** The lines as the server has them, and their values at the top. */
export function drawLines() {
  view.drawLines();
  tell(state.hovered);
}

/** What stands left of the candles that are held. */
export async function older() {
  if (state.busy || state.all || !view.candles.length) return;
  state.busy = true;
  try {
    if (await loadBefore(view.candles)) inPlace(redraw);
    else { view.begins = state.all; view.drawBlanks(); }
  } catch (error) {
    words.complain(error);
  } finally {
    state.busy = false;
  }
}
