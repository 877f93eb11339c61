/** What the map says in words: a day, what is missing, the command that fills or rechecks it. */

import { commandOf } from "./doubts.js";
import { DAYS, moment, number, seconds } from "./format.js";
import { REASONS } from "./reasons.js";

/** @typedef {import("./map_data.js").Day} Day */
/** @typedef {import("./map_data.js").Row} Row */
/** @typedef {{row: Row, day: Day}} Doubt */

const MOST_NAMED = 12; // symbols of a command

/** @param {Day} day */
export const reasonsOf = (day) => day.reasons.map((code) => REASONS[code] ?? code).join(" · ");

/** @param {Row} row @param {Day} day */
export function dayText(row, day) {
  const when = moment(seconds(`${day.date}T00:00:00`), true);
  const reasons = reasonsOf(day);
  return `${row.name || row.symbol} ${row.symbol} · ${day.date.slice(0, 4)}년 ${when} · ${DAYS[day.status] ?? day.status} · 1분봉 ${number(day.count_1min)}개${reasons ? ` · ${reasons}` : ""}`;
}

/** The chart of a day. @param {Row} row @param {Day} day */
export const chartOf = (row, day) => `./?symbol=${encodeURIComponent(row.symbol)}&from=${day.date}&to=${day.date}&interval=1`;

/** Fills these days; asks again where KIS has contradicted itself. The updater settles today. @param {Doubt[]} doubts @param {string} today @returns {string} "" where nothing is to be done */
export function commandFor(doubts, today) {
  const open = doubts.filter(({ day }) => day.date !== today || day.status !== "PROVISIONAL");
  const unfilled = open.filter(({ day }) => day.status !== "UNPROVEN");
  const some = unfilled.length ? unfilled : open;
  if (!some.length) return "";
  const [symbols, dates] = [new Set(some.map(({ row }) => row.symbol)), some.map(({ day }) => day.date).sort()];
  return commandOf(symbols.size <= MOST_NAMED ? [...symbols].sort() : [], dates[0], dates.at(-1) ?? "", !unfilled.length);
}

/** @param {Doubt[]} doubts of all that is shown @param {number} symbols how many are shown */
export function summaryOf(doubts, symbols) {
  const missing = doubts.filter(({ day }) => day.status === "MISSING");
  const parts = [missing.length ? missingText(missing, symbols) : "수집되지 않은 날이 없습니다"];
  for (const [status, text] of [["PROVISIONAL", "잠정"], ["UNPROVEN", "증명되지 않은 날"]]) {
    const days = doubts.filter(({ day }) => day.status === status).length;
    if (days) parts.push(`${text} ${number(days)}`);
  }
  return `무엇이 빠졌나: ${parts.join(" · ")}`;
}

/** @param {Doubt[]} missing @param {number} symbols */
function missingText(missing, symbols) {
  const by = /** @type {Map<string, number>} */ (new Map());
  for (const { day } of missing) by.set(day.date, (by.get(day.date) ?? 0) + 1);
  const [date, most] = [...by].reduce((a, b) => (b[1] > a[1] ? b : a));
  const holding = new Set(missing.map(({ row }) => row.symbol)).size;
  return `${number(symbols)}종목 가운데 ${number(holding)}종목의 ${number(missing.length)}일 (가장 많은 날 ${date}, ${number(most)}종목)`;
}
