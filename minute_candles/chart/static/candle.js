/** A candle of the page, the windows that candles are folded into, and what a change is counted against. Pure. */

import { dateOf, seconds } from "./format.js";

/** `received`: its number among those that came by the socket. @typedef {{time: number, open: number, high: number, low: number, close: number, volume: number, vwap: number | null, status: string, received?: number}} Candle */
/** @typedef {number | "day" | "week" | "month"} Interval */

/** The start of the window of an interval that a moment falls into. @param {number} time @param {Interval} interval */
export function windowOf(time, interval) {
  const midnight = Date.parse(`${dateOf(time)}T00:00:00Z`) / 1000;
  if (typeof interval === "number") return time - ((time - midnight) % (interval * 60));
  if (interval === "month") return Date.parse(`${dateOf(time).slice(0, 8)}01T00:00:00Z`) / 1000;
  return interval === "week" ? midnight - ((new Date(midnight * 1000).getUTCDay() + 6) % 7) * 86400 : midnight;
}

/** A week or a month: its candles are of several sessions. @param {Interval} interval */
export const isPeriod = (interval) => interval === "week" || interval === "month";

/** The days of one week or month as its candle; the first of each day is never proven, so it has no VWAP.
 * @param {Candle[]} days ascending @param {Interval} interval @returns {Candle} */
export function foldDays(days, interval) {
  const last = days[days.length - 1];
  const [high, low] = [Math.max(...days.map((day) => day.high)), Math.min(...days.map((day) => day.low))];
  const volume = days.reduce((sum, day) => sum + day.volume, 0);
  return { ...last, time: windowOf(last.time, interval), open: days[0].open, high, low, volume, vwap: null };
}

/** The close that a candle's change is counted against: of the session before (of a week or month: the one before);
 * none where that one is not here. @param {Candle[]} candles @param {number} at @param {Interval} interval
 * @param {Map<string, import("./slots.js").Day>} days */
export function closeBefore(candles, at, interval, days) {
  if (at < 0) return null;
  const unit = isPeriod(interval) ? interval : "day";
  const start = windowOf(candles[at].time, unit);
  const known = unit === "day" ? days.get(dateOf(start))?.previous_close : null;
  if (known != null) return known;
  const last = candles.slice(0, at).findLast((candle) => candle.time < start);
  if (!last) return null;
  const [after, its] = [windowOf(last.time, unit), (/** @type {string} */ day) => windowOf(seconds(`${day}T00:00:00`), unit)];
  const between = [...days.values()].filter((one) => its(one.day) > after && its(one.day) < start);
  return between.every((one) => one.status === "NO_TRADES") ? last.close : null;
}

/** KRW; where turnover does not prove it, from the middle of its prices. @param {Candle} candle @returns {[number, boolean]} turnover, whether it is exact */
export function turnoverOf({ open, high, low, close, volume, vwap }) {
  return vwap == null ? [((open + high + low + close) / 4) * volume, false] : [vwap * volume, true];
}
