/** The days of what is shown: their sessions, states and notes. */

import * as api from "./api.js";
import { dateOf } from "./format.js";
import { daysOf } from "./range.js";
import { now, state } from "./state.js";

/** @typedef {import("./slots.js").Day} Day */

/** Calendar days that hold a page of candles of a symbol that trades in every minute. @type {Record<string, number>} */
const REACH = { 1: 5, 3: 8, 5: 12, 10: 20, 15: 28, 30: 50, 60: 95, day: 400, week: 400, month: 400 };

/** Beside the candles, before it is known how far they reach: one question less to wait for. */
export async function guessDays() {
  const { from, to } = state.range ? daysOf(state.range) : { from: dateOf(now() - REACH[state.interval] * 86400), to: dateOf(now()) };
  return askDays(from, to);
}

/** Asks again where the candles begin before the days that are known. @param {Map<string, Day>} known @param {number | undefined} first */
export async function daysBack(known, first) {
  const [oldest] = known.keys();
  if (first == null || oldest <= dateOf(first)) return known;
  return askDays(dateOf(first), state.range ? daysOf(state.range).to : dateOf(now()));
}

/** @param {string} first @param {string} last @returns {Promise<Map<string, Day>>} */
async function askDays(first, last) {
  return new Map((await api.days(state.symbol, first, last)).map((day) => [day.day, day]));
}
