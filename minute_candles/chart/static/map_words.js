/** What the map says in words: a day, what is missing, the command that fills or rechecks it. */

import { commandOf } from "./doubts.js";
import { DAYS, moment, number, seconds } from "./format.js";
import { toMend } from "./map_totals.js";
import { REASONS } from "./reasons.js";

/** @typedef {import("./map_data.js").Day} Day */
/** @typedef {import("./map_data.js").Row} Row */

const MOST_NAMED = 12; // symbols of a command

/** @param {Day} day */
export const reasonsOf = (day) => day.reasons.map((code) => REASONS[code] ?? code).join(" · ");

/** @param {Row} row @param {Day} day */
export function dayText(row, day) {
  const when = moment(seconds(`${day.date}T00:00:00`), "day");
  const reasons = reasonsOf(day);
  const unlisted = day.status === "NO_TRADES" && day.date < (row.begins ?? "9") ? " (상장 전일 수 있음)" : "";
  return `${row.name || row.symbol} ${row.symbol} · ${day.date.slice(0, 4)}년 ${when} · ${DAYS[day.status] ?? day.status}${unlisted} · 1분봉 ${number(day.count_1min)}개${reasons ? ` · ${reasons}` : ""}`;
}

/** The chart of a day. @param {Row} row @param {Day} day */
export const chartOf = (row, day) => `./?symbol=${encodeURIComponent(row.symbol)}&from=${day.date}&to=${day.date}&interval=1`;

/** Fills what is missing, or asks KIS again; "" where nothing is to be done. @param {import("./map_totals.js").Totals} totals @param {string} [only] a state */
export function commandFor(totals, only) {
  const [span, again] = toMend(totals, only) ?? [null, false];
  return span ? commandOf(span.symbols.size <= MOST_NAMED ? [...span.symbols].sort() : [], span.first, span.last, again) : "";
}

/** @param {import("./map_totals.js").Totals} totals @param {number} symbols how many are shown */
export function summaryOf({ counts, missing, open }, symbols) {
  const parts = [counts.get("MISSING") ? missingText(missing, open.MISSING.symbols.size, symbols) : "수집되지 않은 날이 없습니다"];
  for (const [status, text] of [["PROVISIONAL", "잠정"], ["UNPROVEN", "증명되지 않은 날"]]) {
    if (counts.get(status)) parts.push(`${text} ${number(counts.get(status))}`);
  }
  return `무엇이 빠졌나: ${parts.join(" · ")}`;
}

/** @param {Map<string, number>} missing symbols by date @param {number} holding how many symbols lack any @param {number} symbols */
function missingText(missing, holding, symbols) {
  const [date, most] = [...missing].reduce((a, b) => (b[1] > a[1] || (b[1] === a[1] && b[0] > a[0]) ? b : a));
  const days = [...missing.values()].reduce((a, b) => a + b);
  return `${number(symbols)}종목 가운데 ${number(holding)}종목의 ${number(days)}일 (가장 많은 날 ${date}, ${number(most)}종목)`;
}
