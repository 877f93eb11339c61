/** Where a candle could stand, and why none does. Pure. */

import { windowOf } from "./candle.js";
import { dateOf, seconds } from "./format.js";

/** @typedef {import("./candle.js").Candle} Candle */
/** @typedef {{day: string, open: string, close: string, status: string, note: string | null, minutes: number, previous_close?: number | null, turnover?: number | null}} Day */
/** @typedef {{time: number, candle: Candle | null}} Slot */

const minuteOf = (/** @type {string} */ text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

/** Labels of a past CSAT day lie a minute early, 09:59–16:29: seen by what stands before the open or where only orders gather.
 * @param {Candle[]} candles @param {Day} day @param {number} length minutes */
function isEarly(candles, day, length) {
  const [open, close] = [minuteOf(day.open), minuteOf(day.close)];
  if (open !== 600 || close !== 990) return false;
  const minutes = candles.filter((candle) => dateOf(candle.time) === day.day).map((candle) => (candle.time % 86400) / 60);
  return minutes.some((at) => at < open - (open % length) || (length <= 10 && at >= close - 10 && at < close));
}

/** The windows of a day that trades: none in the last ten minutes before the close, when only orders gather.
 * @param {Day} day @param {number} length minutes @param {boolean} early @returns {number[]} */
function windows(day, length, early) {
  const midnight = Date.parse(`${day.day}T00:00:00Z`) / 1000;
  const [open, close] = [day.open, day.close].map((text) => minuteOf(text) - Number(early));
  const minutes = [];
  for (let minute = open; minute < close - 10; minute += 1) minutes.push(minute - (minute % length));
  minutes.push(close - (close % length));
  return [...new Set(minutes)].map((minute) => midnight + minute * 60);
}

/** Candles and gaps in one ascending list. @param {Candle[]} candles @param {Map<string, Day>} days
 * @param {import("./candle.js").Interval} interval @param {number} now chart seconds @returns {Slot[]} */
export function slots(candles, days, interval, now) {
  const found = new Map(candles.map((candle) => [candle.time, /** @type {Slot} */ ({ time: candle.time, candle })]));
  const first = candles[0]?.time ?? Infinity;
  const last = candles.at(-1)?.time ?? 0;
  const seen = new Set(candles.map((candle) => dateOf(candle.time)));
  for (const day of days.values()) {
    const all = typeof interval === "string" ? [windowOf(seconds(`${day.day}T00:00:00`), interval)] : windows(day, interval, isEarly(candles, day, interval));
    const until = typeof interval === "string" ? now : Math.max(last, now - 60 * interval - 5);
    for (const time of seen.has(day.day) ? all : all.slice(0, 1)) {
      if (time > first && time <= until && time < now && !found.has(time)) found.set(time, { time, candle: null });
    }
  }
  return [...found.values()].sort((a, b) => a.time - b.time);
}

/** Why nothing stands there. @param {Slot[]} list @param {number} at index @param {Map<string, Day>} days */
export function reason(list, at, days) {
  const date = dateOf(list[at].time);
  const day = days.get(date) ?? [...days.values()].find((one) => one.day > date); // a week's Monday may be a holiday
  const status = day?.status ?? "PROVISIONAL";
  if (status === "MISSING") return "수집되지 않았습니다. fetch_minute_data.py 가 채웁니다.";
  if (status === "NO_TRADES") return `하루 내내 거래가 없었습니다.${day?.note ? ` ${day.note}` : ""}`;
  if (status === "COMPLETE") return "아무도 거래하지 않았습니다.";
  if (status === "UNPROVEN") return "KIS가 두 번 모두 보여 주지 않았습니다. 거래가 없었는지는 증명되지 않았습니다.";
  return "아직 저장된 캔들이 없습니다. 거래가 없었는지는 그날이 확정될 때 증명됩니다.";
}
