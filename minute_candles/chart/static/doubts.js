/** Which places of the chart are missing or in doubt, and the command that mends a day. Pure. */

import { clockOf, dateOf } from "./format.js";

/** @typedef {import("./slots.js").Slot} Slot */
/** @typedef {Map<string, import("./slots.js").Day>} Days */

/** The places of days that were not collected. @param {Slot[]} list @param {Days} days */
export const missingDays = (list, days) => list.filter(({ time, candle }) => !candle && days.get(dateOf(time))?.status === "MISSING").map(({ time }) => time);

/** Candles of an unproven day that no turnover proves, and the gaps before them. @param {Slot[]} list @param {Days} days */
export function doubtfulMinutes(list, days) {
  const found = /** @type {number[]} */ ([]);
  let gaps = /** @type {number[]} */ ([]);
  for (const { time, candle } of list) {
    if (days.get(dateOf(time))?.status !== "UNPROVEN") gaps = [];
    else if (!candle) gaps.push(time);
    else {
      if (candle.vwap == null) found.push(...gaps, time);
      gaps = [];
    }
  }
  return found.concat(gaps);
}

/** @param {number} time of the first candle @param {import("./candle.js").Interval} interval */
export function beforeText(time, interval) {
  const day = dateOf(time);
  const when = interval === "month" ? day.slice(0, 7) : typeof interval === "string" ? day : `${day.slice(5)} ${clockOf(time)}`;
  return `첫 캔들 ${when}, 그 앞은 없음`;
}

/** Fills the days of these symbols, or asks KIS for them again. @param {string[]} symbols none: all of them @param {string} first @param {string} last @param {boolean} [again] */
export const commandOf = (symbols, first, last, again = false) => `python fetch_minute_data.py${symbols.length ? ` --symbols ${symbols.join(",")}` : ""} --from ${first} --to ${last}${again ? " --recheck" : ""}`;

/** What mends a day; "" where nothing is to be done, or where the updater will do it. @param {string} symbol @param {import("./slots.js").Day | undefined} day @param {string} today */
export function mendingOf(symbol, day, today) {
  if (!day || day.status === "COMPLETE" || day.status === "NO_TRADES" || (day.day === today && day.status !== "UNPROVEN")) return "";
  return commandOf([symbol], day.day, day.day, day.status === "UNPROVEN");
}
