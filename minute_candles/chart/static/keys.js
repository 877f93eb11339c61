/** The keyboard: `/` searches, 1–9 and 0 choose an interval, arrows read candles, Enter
 * places the tool in the hand, Delete erases a line, Home and End move, Esc lets go. */

import { chooseInterval, latest, oldest } from "./navigate.js";
import { list, pen, view } from "./parts.js";
import { tell } from "./screen.js";
import { $, INTERVALS, state } from "./state.js";
import { walk } from "./tools.js";

/** @param {number} step */
function read(step) {
  state.hovered = walk(view, step) ?? state.hovered;
  tell(state.hovered);
  pen.reachHere();
}

function search() {
  document.body.classList.add("listing");
  list.search.focus();
}

function letGo() {
  if (pen.letGo()) return;
  document.body.classList.remove("listing");
  $("alerts").close();
  view.chart.clearCrosshairPosition();
  state.hovered = null;
  tell(null);
}

/** @type {Record<string, () => unknown>} */
const ANYWHERE = { "/": search, Escape: letGo, Home: oldest, End: latest, Delete: () => pen.chosen >= 0 && pen.erase() };
/** @type {Record<string, () => unknown>} */
const ON_CHART = { ArrowLeft: () => read(-1), ArrowRight: () => read(1), Enter: () => pen.placeHere() };

/** @param {KeyboardEvent} event */
export function press(event) {
  const elsewhere = /** @type {Element} */ (event.target).matches("input, select") || document.querySelector("dialog:modal");
  if (event.ctrlKey || event.metaKey || event.altKey || elsewhere) return;
  const interval = /^[0-9]$/.test(event.key) ? INTERVALS[(Number(event.key) + 9) % 10] : null;
  const act = ANYWHERE[event.key] ?? (event.target === $("chart") ? ON_CHART[event.key] : undefined);
  if (interval) chooseInterval(interval);
  else if (act) act();
  else return;
  event.preventDefault();
}
