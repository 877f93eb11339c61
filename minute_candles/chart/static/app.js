/** The page: what every button, key and timer does. */

import { on } from "./bus.js";
import { saveCsv } from "./csv.js";
import { press } from "./keys.js";
import { take } from "./messages.js";
import { choose, chooseInterval, followAddress, go, latest, moved } from "./navigate.js";
import { compare, forecast, overlay, pen, view } from "./parts.js";
import { pollList, pollState } from "./polling.js";
import { keepPrefs } from "./prefs.js";
import { begin as replay, changeSpeed, endReplay, goTo, openReplay, playOrPause } from "./replay.js";
import { mark, redraw, refresh, show, tell, waitForClock } from "./screen.js";
import { resetParameters, showParameters, takeCompared, takeParameter, toggleLog } from "./settings.js";
import { moreSides, showSides } from "./sides.js";
import { $, INTERVALS, state } from "./state.js";
import { nameTheme, savePicture, showTable, switchTheme } from "./tools.js";
import * as words from "./words.js";

/** @param {string} id @param {(data: DOMStringMap) => void} act */
const click = (id, act) => $(id).addEventListener("click", (/** @type {Event} */ event) => act(/** @type {HTMLElement} */ (event.target).dataset));

/** @param {string | undefined} study */
function toggle(study) {
  if (!study) return;
  if (!state.studies.delete(study)) state.studies.add(study);
  keepPrefs({ studies: [...state.studies] });
  again();
}

function again() {
  redraw();
  mark();
}

function repaint() {
  view.paint();
  overlay.draw();
  compare.draw();
}

/** @param {boolean} up */
function lineChanged(up) {
  state.up = up;
  words.tellState(view);
  if (up && (state.stale || (state.turn && state.drawn === state.turn))) refresh();
}

function listen() {
  on("symbol", choose);
  on("message", take);
  on("message", (message) => compare.take(message));
  on("compared", () => tell(state.hovered));
  on("redraw", again);
  on("line", lineChanged);
  on("complaint", words.complain);
  on("alert", (/** @type {import("./api.js").Alert} */ alert) => { go(alert.symbol, /** @type {import("./candle.js").Interval} */ (alert.interval), alert.time); });
  const scale = view.chart.timeScale();
  view.chart.subscribeCrosshairMove(({ time }) => { state.hovered = /** @type {number | undefined} */ (time) ?? null; tell(state.hovered); });
  scale.subscribeVisibleLogicalRangeChange(moved);
  $("chart").addEventListener("settled", () => moved(scale.getVisibleLogicalRange()));
  addEventListener("keydown", press);
  addEventListener("popstate", followAddress);
  addEventListener("themechange", repaint);
}

function bind() {
  click("intervals", ({ interval }) => chooseInterval(INTERVALS.find((one) => String(one) === interval)));
  click("studies", ({ study }) => toggle(study));
  click("theme", () => { switchTheme(); repaint(); });
  click("latest", latest);
  click("empty-latest", latest);
  click("png", () => savePicture(view));
  click("csv", () => saveCsv(view, compare.closes));
  click("log", toggleLog);
  click("pens", ({ tool }) => tool && pen.take(tool));
  click("erase", () => pen.erase());
  click("parameters-button", showParameters);
  click("parameters-close", () => $("parameters").close());
  click("parameters-reset", resetParameters);
  $("ma").addEventListener("change", () => takeParameter("ma"));
  $("bb").addEventListener("change", () => takeParameter("bb"));
  click("replay-button", openReplay);
  click("replay-play", playOrPause);
  click("replay-close", endReplay);
  $("replay-day").addEventListener("change", () => replay($("replay-day").value));
  $("replay-at").addEventListener("input", () => goTo(Number($("replay-at").value)));
  $("replay-speed").addEventListener("change", changeSpeed);
  click("sides-button", moreSides);
  $("compare").addEventListener("change", () => takeCompared(compare));
  click("table-button", () => showTable(view));
  click("table-close", () => $("table").close());
  click("forecast-button", () => forecast.explain());
  click("forecast-close", () => $("forecast").close());
  click("alerts-button", () => overlay.list());
  click("alerts", ({ by }) => by && overlay.sort(by));
  click("alerts-close", () => $("alerts").close());
  click("open-list", () => document.body.classList.add("listing"));
  click("close-list", () => document.body.classList.remove("listing"));
}

function begin() {
  const clock = pollState();
  waitForClock(clock);
  if (state.symbol) show(state.symbol, state.interval);
  pollList();
  showSides();
  clock.then(() => overlay.poll());
  setInterval(pollList, 5000);
  setInterval(pollState, 10000);
  setInterval(() => overlay.poll(), 10000);
  setInterval(() => forecast.poll(), 20000);
  setInterval(() => words.tellState(view), 1000);
}

listen();
bind();
nameTheme();
begin();
