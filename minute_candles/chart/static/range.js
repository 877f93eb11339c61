/** The stretch of time that is seen, as the address keeps it: from and to, a day or a minute each. Pure. */

import { dateOf, seconds } from "./format.js";

/** @typedef {[string, string]} Range 2026-11-20 or 2026-11-20T10:31 each */

/** @param {URLSearchParams} query @returns {Range | null} */
export function rangeOf(query) {
  const [from, to] = [query.get("from") ?? "", query.get("to") ?? ""];
  const right = [from, to].every((text) => /^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/.test(text) && !Number.isNaN(startOf(text)));
  return right && from <= `${to}~` ? [from, to] : null;
}

/** @param {string} text */
const startOf = (text) => seconds(`${text}T00:00:00`.replace(/T(\d\d:\d\d)T.*/, "T$1:00"));

/** The days to ask for. @param {Range} range */
export const daysOf = ([from, to]) => ({ from: from.slice(0, 10), to: to.slice(0, 10) });

/** @param {Range} range @param {string} day */
export const holds = ([from, to], day) => from.slice(0, 10) <= day && day <= to.slice(0, 10);

/** @param {Range} range */
const endOf = ([, to]) => startOf(to) + (to.length > 10 ? 59 : 86399);

/** Where the range lies in the list, both included. @param {Range} range @param {{time: number}[]} list @returns {[number, number]} */
export function placesOf(range, list) {
  const [from, to] = [startOf(range[0]), endOf(range)];
  const first = list.findIndex((slot) => slot.time >= from);
  const last = list.findLastIndex((slot) => slot.time <= to);
  const ends = [first < 0 ? 0 : first, last < 0 ? list.length - 1 : last];
  return [Math.min(...ends), Math.max(...ends)]; // between two candles: both of them
}

/** What is seen, in words; null where nothing is. @param {{from: number, to: number}} seen places @param {{time: number}[]} list @param {boolean} daily @returns {Range | null} */
export function rangeSeen(seen, list, daily) {
  const first = list[Math.max(0, Math.ceil(seen.from))], last = list[Math.min(list.length - 1, Math.floor(seen.to))];
  if (!first || !last) return null;
  const word = (/** @type {number} */ time) => daily ? dateOf(time) : new Date(time * 1000).toISOString().slice(0, 16);
  return [word(first.time), word(last.time)];
}
