/** The data map: symbols × trading days, what is verified of each and what is missing. */

import { forgetColors } from "./colors.js";
import { DAYS, number } from "./format.js";
import { MapData } from "./map_data.js";
import { Grid } from "./map_grid.js";
import { showTable } from "./map_table.js";
import { totalsOf } from "./map_totals.js";
import { chartOf, commandFor, dayText, summaryOf } from "./map_words.js";

/** @typedef {import("./map_data.js").Row} Row */
/** @typedef {import("./map_data.js").Day} Day */
/** @typedef {import("./map_grid.js").Cell} Cell */

const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));
const data = new MapData();
const grid = new Grid($("grid"), $("cells"), $("extent"));
const chosen = { order: /** @type {import("./map_data.js").Order} */ ("turnover"), only: "" };

let [shown, waiting] = [0, 0];
/** Thousands of symbols come in many parts: what is derived from all of them is made a few times a second. */
function arrived() {
  clearTimeout(waiting);
  const wait = shown ? Math.max(0, shown + 250 - performance.now()) : 0;
  if (wait) waiting = window.setTimeout(show, wait);
  else show();
}

function show() {
  shown = performance.now();
  grid.show(data.shown(chosen.order, chosen.only), data.dates, chosen.only);
  const totals = data.totals();
  for (const button of document.querySelectorAll("[data-state]")) {
    const { state = "" } = /** @type {HTMLElement} */ (button).dataset;
    const [, text] = button.children;
    text.textContent = `${DAYS[state]} ${number(totals.counts.get(state) ?? 0)}`;
    button.setAttribute("aria-pressed", String(state === chosen.only));
  }
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.sort === chosen.order));
  }
  $("span").textContent = data.dates.length ? `${data.dates[0]} ~ ${data.dates.at(-1)} · ${number(data.dates.length)}거래일 · ${number(data.rows.size)}종목` : "";
  $("summary").textContent = data.dates.length ? `${summaryOf(totals, data.rows.size)}${data.counting ? " · 저장된 행을 세는 중…" : ""}` : "지난 거래일이 아직 없습니다.";
  say("fill", commandFor(totals, chosen.only));
}

/** @param {string} id @param {string} command */
function say(id, command) {
  $(id).textContent = command;
  $(id).hidden = !command;
}

/** @param {Cell} cell @returns {{row: Row, day: Day} | null} */
function found(cell) {
  const row = grid.rows[cell.row];
  const day = row?.days.get(grid.dates[cell.column]);
  return row && day ? { row, day } : null;
}

/** @param {Cell | null} cell */
function point(cell) {
  if (!cell || (cell.row === grid.cursor?.row && cell.column === grid.cursor.column)) return;
  grid.cursor = cell;
  grid.redraw();
  const here = found(cell);
  $("explanation").textContent = here ? dayText(here.row, here.day) : "";
  say("command", here ? commandFor(totalsOf([{ symbol: here.row.symbol, days: [here.day] }], data.today)) : "");
}

/** @param {Cell | null} cell */
function open(cell) {
  const here = cell && found(cell);
  if (here) location.assign(chartOf(here.row, here.day));
}

/** @type {Record<string, [number, number]>} */
const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-20, 0], PageDown: [20, 0], Home: [0, -1e6], End: [0, 1e6] };

/** @param {KeyboardEvent} event */
function key(event) {
  if (event.key === "Enter") open(grid.cursor);
  const step = STEPS[event.key];
  if (!step || !grid.rows.length || !grid.dates.length) return;
  event.preventDefault();
  const { row, column } = grid.cursor ?? { row: -step[0], column: grid.dates.length - 1 - step[1] };
  const within = (/** @type {number} */ at, /** @type {number} */ count) => Math.max(0, Math.min(count - 1, at));
  const cell = { row: within(row + step[0], grid.rows.length), column: within(column + step[1], grid.dates.length) };
  point(cell);
  grid.look(cell);
}

/** Older days come in at the left edge; who came there while others were read is not forgotten. */
function reach() {
  if ($("grid").scrollLeft < 40 && $("grid").scrollWidth > $("grid").clientWidth && !data.ended) older();
}

async function older() {
  try {
    if (await data.older(arrived)) reach();
  } catch (error) {
    complain(error);
  }
}

/** @param {unknown} error */
function complain(error) {
  $("summary").textContent = error instanceof Error ? error.message : String(error);
}

function table() {
  showTable(data.doubtful(data.shown(chosen.order, chosen.only), chosen.only), chosen.only);
}

/** A finger first points, then opens; a mouse has pointed already. @param {PointerEvent} event */
function press(event) {
  const cell = grid.at(event);
  const first = event.pointerType === "touch" && (cell?.row !== pressed?.row || cell?.column !== pressed?.column);
  pressed = cell;
  if (first) point(cell);
  else open(cell);
}

let pressed = /** @type {Cell | null} */ (null);
$("cells").addEventListener("mousemove", (/** @type {MouseEvent} */ event) => point(grid.at(event)));
$("cells").addEventListener("click", press);
$("cells").addEventListener("keydown", key);
$("grid").addEventListener("scroll", reach, { passive: true });
$("older").addEventListener("click", older);
$("table-button").addEventListener("click", table);
$("states").addEventListener("click", (/** @type {any} */ event) => {
  const state = event.target.closest("button")?.dataset.state;
  grid.cursor = null;
  if (state) { chosen.only = state === chosen.only ? "" : state; show(); }
});
$("sorts").addEventListener("click", (/** @type {any} */ event) => {
  const order = event.target.closest("button")?.dataset.sort;
  grid.cursor = null;
  if (order) { chosen.order = order; show(); }
});
addEventListener("themechange", () => { forgetColors(); grid.redraw(); });
data.start(arrived).then(reach).catch(complain);
