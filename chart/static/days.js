/** The days of what is shown: their sessions, states and notes. */

import * as api from "./api.js";
import { dateOf } from "./format.js";
import { daysOf } from "./range.js";
import { now, state } from "./state.js";

/** Calendar days that hold a page of candles of a symbol that trades in every minute. @type {Record<string, number>} */
const REACH = { 1: 5, 3: 8, 5: 12, 10: 20, 15: 28, 30: 50, 60: 95, day: 400 };

/** Beside the candles, before it is known how far they reach: one question less to wait for. */
export async function guessDays() {
  const today = dateOf(now());
  const { from, to } = state.range ? daysOf(state.range) : { from: dateOf(now() - REACH[state.interval] * 86400), to: today };
  await askDays(from, to);
}

/** Asks where the candles begin before the days that are known. */
export async function learnDays() {
  const first = Math.min(...state.candles.keys());
  const [known] = state.days.keys();
  if (first === Infinity || known <= dateOf(first)) return;
  await askDays(dateOf(first), state.range ? daysOf(state.range).to : dateOf(now()));
}

/** @param {string} first @param {string} last */
async function askDays(first, last) {
  const turn = state.turn;
  const found = await api.days(state.symbol, first, last);
  if (turn === state.turn) state.days = new Map(found.map((day) => [day.day, day]));
}
