/** A candle of the page, and the windows that candles are folded into. Pure. */

import { dateOf } from "./format.js";

/** `told`: its number among those that came by the socket. @typedef {{time: number, open: number, high: number, low: number, close: number, volume: number, vwap: number | null, status: string, told?: number}} Candle */
/** @typedef {number | "day"} Interval */

/** The start of the window of an interval that a moment falls into. @param {number} time @param {Interval} interval */
export function windowOf(time, interval) {
  const midnight = Date.parse(`${dateOf(time)}T00:00:00Z`) / 1000;
  return interval === "day" ? midnight : time - ((time - midnight) % (interval * 60));
}

/** KRW; where turnover does not prove it, from the middle of its prices. @param {Candle} candle @returns {[number, boolean]} turnover, whether it is exact */
export function turnoverOf({ open, high, low, close, volume, vwap }) {
  return vwap == null ? [((open + high + low + close) / 4) * volume, false] : [vwap * volume, true];
}
