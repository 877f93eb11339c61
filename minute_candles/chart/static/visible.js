/** Which stretch of the candles is visible: at the newest, at a range, or where it was before something was drawn. */

import { view } from "./parts.js";
import { placesOf } from "./range.js";
import { state } from "./state.js";

/** At the range, or at the newest: about seven pixels a candle; few candles are not stretched over all of it. */
export function look() {
  const { length } = view.list;
  if (!length) return;
  const fitting = Math.min(Math.max(30, Math.round(view.box.clientWidth / 7.5)), Math.max(30, length));
  const [from, to] = state.range ? placesOf(state.range, view.list) : [length - fitting, length + 4];
  view.chart.timeScale().setVisibleLogicalRange(state.range ? { from: from - 0.4, to: to + 0.4 } : { from, to });
}

/** The candles between the edges. */
export function visibleCandles() {
  const range = view.chart.timeScale().getVisibleLogicalRange() ?? { from: 0, to: Infinity };
  return view.list.slice(Math.max(0, Math.round(range.from)), Math.round(range.to) + 1).flatMap((slot) => slot.candle ?? []);
}

/** What is visible stays where it is; who follows the newest still does. @param {() => void} draw @returns {boolean} whether something was visible */
export function inPlace(draw) {
  const [scale, { length }] = [view.chart.timeScale(), view.list];
  const range = scale.getVisibleLogicalRange();
  const left = Math.min(length - 1, Math.max(0, Math.round(range?.from ?? 0)));
  const time = !range || range.to >= length - 1.5 ? null : view.list[left]?.time;
  draw();
  if (!range || !length) return false;
  const at = time == null ? -1 : view.list.findIndex((slot) => slot.time >= time);
  const more = at < 0 ? view.list.length - length : at - left;
  scale.setVisibleLogicalRange({ from: range.from + more, to: range.to + more });
  return true;
}
