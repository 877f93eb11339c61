/** Where one looks: another symbol or interval, a moment, the newest; and the address that says so. */

import { dateOf } from "./format.js";
import { overlay, view } from "./parts.js";
import { daysOf, rangeSeen } from "./range.js";
import { older, show } from "./screen.js";
import { $, keepAddress, leaveAddress, readAddress, state } from "./state.js";
import { look } from "./visible.js";

/** @typedef {import("./candle.js").Interval} Interval */

/** @param {string} symbol */
export function choose(symbol) {
  document.body.classList.remove("listing");
  if (symbol === state.symbol) return;
  leaveAddress();
  show(symbol, state.interval);
}

/** @param {Interval | undefined} interval */
export function chooseInterval(interval) {
  if (!interval || interval === state.interval) return;
  leaveAddress();
  show(state.symbol, interval);
}

/** The browser's way back and forth. */
export function followAddress() {
  const { symbol, interval, range } = readAddress();
  state.range = range;
  show(symbol, interval);
}

/** Back to what is new. */
export function latest() {
  state.seen = null;
  if (!state.range) return look();
  state.range = null;
  show(state.symbol, state.interval);
}

/** To the oldest candle that is held; what is older comes. */
export function oldest() {
  const range = view.chart.timeScale().getVisibleLogicalRange();
  if (range) view.chart.timeScale().setVisibleLogicalRange({ from: -0.5, to: range.to - range.from });
}

/** To a moment, however long ago: of what is not loaded yet, its days are asked for.
 * @param {string} symbol @param {Interval} interval @param {number} time */
export async function go(symbol, interval, time) {
  leaveAddress();
  if (!(await hold(symbol, interval, time))) return;
  const at = view.list.findLastIndex((slot) => slot.time <= time);
  if (at >= 0) view.chart.timeScale().setVisibleLogicalRange({ from: at - 80, to: at + 40 });
}

/** @param {string} symbol @param {Interval} interval @param {number} time @returns {Promise<boolean>} whether its candles are held */
async function hold(symbol, interval, time) {
  const held = () => view.list[0]?.time <= time && (!state.range || dateOf(time) <= daysOf(state.range).to);
  if (symbol === state.symbol && interval === state.interval && held()) return true;
  state.range = null;
  if (!(await show(symbol, interval))) return false;
  if (held()) return true;
  state.range = [dateOf(time - 4 * 86400), dateOf(time)];
  return show(symbol, interval);
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

/** @param {{from: number, to: number} | null} range */
export function moved(range) {
  if (!range || !state.settled) return;
  if (range.from < (state.range ? -8 : 20)) older();
  soonKeep(range);
}
