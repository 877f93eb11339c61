/** The map as a table: the days of one state, or those that are not verified, the newest first. */

import { DAYS, number } from "./format.js";
import { chartOf, reasonsOf } from "./map_words.js";

/** @typedef {import("./map_data.js").Row} Row */
/** @typedef {import("./map_data.js").Day} Day */

const MOST_ROWS = 2000;
const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

/** @param {{row: Row, day: Day}[]} days @param {string} only their state; "": not verified */
export function showTable(days, only) {
  const cut = days.length > MOST_ROWS ? ` 가운데 새것부터 ${number(MOST_ROWS)}` : "";
  $("table-title").textContent = `${only ? DAYS[only] : "확정되지 않은 날"} ${number(days.length)}${cut}`;
  $("rows").replaceChildren(...days.slice(0, MOST_ROWS).map(({ row, day }) => line(row, day)));
  $("table").showModal();
}

/** @param {Row} row @param {Day} day */
function line(row, day) {
  const made = document.createElement("tr");
  const link = document.createElement("a");
  link.href = chartOf(row, day);
  link.textContent = day.date;
  const head = document.createElement("th");
  head.scope = "row";
  head.append(link);
  made.append(head);
  for (const text of [`${row.name} ${row.symbol}`, DAYS[day.status] ?? day.status, number(day.count_1min), reasonsOf(day)]) {
    made.insertCell().textContent = text;
  }
  return made;
}

$("table-close").addEventListener("click", () => $("table").close());
