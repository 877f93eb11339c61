/** The page: what is asked for, when it is drawn, and what every button and key does. */

import * as api from "./api.js";
import { guessDays, learnDays } from "./days.js";
import { dateOf } from "./format.js";
import { tell as tellOf } from "./legend.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { Overlay } from "./overlay.js";
import { daysOf, placesOf, rangeSeen } from "./range.js";
import { slots } from "./slots.js";
import { $, INTERVALS, keepAddress, now, state } from "./state.js";
import { savePicture, showTable, switchTheme, walk } from "./tools.js";
import { View } from "./view.js";
import * as words from "./words.js";

/** @typedef {import("./state.js").Interval} Interval */

const PAGE = 400;

const view = new View($("chart"));
const overlay = new Overlay(view, { complain: words.complain, go, tell: () => tell(state.hovered) });
const list = new List((symbol) => choose(symbol));
const live = new Live(hear, (up) => { state.up = up; words.tellState(view); if (up && state.candles.size) refresh(); });

const tell = (/** @type {number | null} */ time) => tellOf(view, time, (at) => overlay.said(at));
const mark = () => words.mark(view, list);

/** @param {string} symbol */
function choose(symbol) {
  document.body.classList.remove("listing");
  if (symbol !== state.symbol) show(symbol, state.interval);
}

/** @param {string} symbol @param {Interval} interval */
async function show(symbol, interval) {
  Object.assign(state, { symbol, interval, all: false, hovered: null, seen: null, settled: false });
  overlay.clear();
  const turn = ++state.turn;
  [state.candles, state.days] = [new Map(), new Map()];
  mark();
  live.want([[symbol, interval]]);
  try {
    const [found] = await Promise.all([api.candles(symbol, interval, wanted()), clock.then(guessDays)]);
    if (turn !== state.turn) return;
    for (const candle of found) if (!state.candles.has(candle.time)) state.candles.set(candle.time, candle);
    await learnDays();
    if (turn !== state.turn) return;
    redraw();
    look();
    settle(turn);
    $("chart").dataset.ready = `${symbol} ${interval}`;
    $("empty").hidden = found.length > 0;
    $("empty").textContent = "저장된 캔들이 아직 없습니다. fetch_minute_data.py 나 realtime_updater.py 가 채우면 바로 나타납니다.";
  } catch (error) {
    words.complain(error);
  }
}

const wanted = () => (state.range ? daysOf(state.range) : { limit: PAGE });

/** The chart tells of its own first choice of a range, too: nobody moved there. @param {number} turn */
function settle(turn) {
  if (!performance.getEntriesByName("drawn").length) requestAnimationFrame(() => performance.mark("drawn"));
  setTimeout(() => {
    if (turn !== state.turn) return;
    state.settled = true;
    soonKeep(view.chart.timeScale().getVisibleLogicalRange());
  }, 200);
}

/** At the range, or at the newest: about seven pixels a candle. */
function look() {
  const length = view.list.length;
  const [from, to] = state.range ? placesOf(state.range, view.list) : [length - view.fitting(), length + 4];
  view.chart.timeScale().setVisibleLogicalRange(state.range ? { from: from - 0.4, to: to + 0.4 } : { from, to });
}

/** Back to what is new. */
function latest() {
  state.seen = null;
  if (state.range) { state.range = null; show(state.symbol, state.interval); }
  else look();
}

/** To a moment, however long ago: of what is not loaded yet, its days are asked for.
 * @param {string} symbol @param {Interval} interval @param {number} time */
async function go(symbol, interval, time) {
  const held = () => view.list.length > 0 && view.list[0].time <= time && (!state.range || dateOf(time) <= daysOf(state.range).to);
  if (symbol !== state.symbol || interval !== state.interval || !held()) {
    state.range = null;
    await show(symbol, interval);
    if (!held()) {
      state.range = [dateOf(time - 4 * 86400), dateOf(time)];
      await show(symbol, interval);
    }
  }
  const at = view.list.findLastIndex((slot) => slot.time <= time);
  if (at >= 0) view.chart.timeScale().setVisibleLogicalRange({ from: at - 80, to: at + 40 });
}

/** What is seen goes into the address, so that it can be sent; the newest, followed, need no range.
 * @param {{from: number, to: number}} places */
function keepSeen(places) {
  const length = view.list.length;
  if (!length) return;
  const away = places.to < length - 1.5;
  const seen = rangeSeen(places, view.list, view.daily);
  $("latest").hidden = !(away || state.range);
  if (state.range && seen) state.range = away ? seen : [seen[0], state.range[1]];
  state.seen = away ? seen : null;
  keepAddress();
  overlay.thin();
}

let keeping = 0;
/** Browsers refuse an address that changes with each pixel. @param {{from: number, to: number}} places */
function soonKeep(places) {
  clearTimeout(keeping);
  keeping = setTimeout(keepSeen, 250, places);
}

function redraw() {
  const candles = [...state.candles.values()].sort((a, b) => a.time - b.time);
  view.set(slots(candles, state.days, state.interval, now()), state.interval === "day");
  tell(null);
  overlay.draw();
}

/** After a reconnection: what was missed. */
async function refresh() {
  const turn = state.turn;
  try {
    const found = await api.candles(state.symbol, state.interval, wanted());
    if (turn !== state.turn) return;
    const until = found.at(-1)?.time ?? 0;
    const later = [...state.candles.values()].filter((candle) => candle.time > until);
    state.candles = new Map([...found, ...later].map((candle) => [candle.time, candle]));
    state.all = false; // what was loaded further left is asked for again
    state.days = new Map();
    await learnDays();
    if (turn === state.turn) redraw();
  } catch { /* the next reconnection tries again */ }
}

/** @param {any} message */
function hear(message) {
  if (message.type === "error") return words.complain(new Error(message.message));
  if (message.symbol !== state.symbol) return;
  if (message.type === "day") return refresh();
  if (message.interval !== state.interval) return;
  state.heard = Date.now();
  const candle = api.candleOf(message);
  if (state.range && dateOf(candle.time) > daysOf(state.range).to) return words.tellPrice(candle);
  const newest = view.list.at(-1)?.time;
  state.candles.set(candle.time, candle);
  if (!view.list.length) return;
  if (candle.time === newest) view.update(candle);
  else redraw();
  $("empty").hidden = true;
  if (state.hovered == null) tell(null);
  if (candle.time >= (view.candles.at(-1)?.time ?? 0)) words.tellPrice(candle);
}

async function older() {
  if (state.busy || state.all || !view.candles.length) return;
  state.busy = true;
  const turn = state.turn;
  try {
    const first = view.candles[0].time;
    const today = view.candles.filter((candle) => dateOf(candle.time) === dateOf(first)).length;
    const found = await api.candles(state.symbol, state.interval, { to: dateOf(first), limit: Math.min(5000, today + 2 * PAGE) });
    if (turn !== state.turn) return;
    const before = state.candles.size;
    for (const candle of found) if (candle.time < first) state.candles.set(candle.time, candle);
    state.all = state.candles.size === before;
    if (!state.all) await addLeft();
  } catch (error) {
    words.complain(error);
  } finally {
    state.busy = false;
  }
}

/** What is seen stays where it is. */
async function addLeft() {
  await learnDays();
  const [range, length] = [view.chart.timeScale().getVisibleLogicalRange(), view.list.length];
  redraw();
  const more = view.list.length - length;
  if (range) view.chart.timeScale().setVisibleLogicalRange({ from: range.from + more, to: range.to + more });
}

async function poll() {
  try {
    const rows = await api.symbols();
    state.rows = new Map(rows.map((row) => [row.symbol, row]));
    list.show(rows);
    if (!state.symbol || !state.rows.has(state.symbol)) await show(rows[0].symbol, state.interval);
    else if (!view.list.length && !state.turn) await show(state.symbol, state.interval);
    mark();
    if (state.settled && !view.candles.length && rows.find((row) => row.symbol === state.symbol)?.price != null) refresh();
  } catch { /* the state line tells */ }
}

async function pollHealth() {
  try {
    state.health = await api.health();
    state.ahead = Date.parse(`${state.health.now.slice(0, 19)}Z`) / 1000 - Date.now() / 1000;
  } catch { /* the state line tells */ }
  words.tellState(view);
}

/** @param {Interval | undefined} interval */
const chooseInterval = (interval) => { if (interval && interval !== state.interval) show(state.symbol, interval); };

/** @param {string} study */
function toggle(study) {
  if (!view.studies.delete(study)) view.studies.add(study);
  view.draw();
  tell(state.hovered);
  mark();
  overlay.draw();
}

function repaint() {
  view.paint();
  overlay.draw();
}

/** @param {number} step */
function read(step) {
  const time = walk(view, step);
  if (time != null) { state.hovered = time; tell(time); }
}

/** @param {KeyboardEvent} event */
function key(event) {
  const typing = /** @type {Element} */ (event.target).matches("input, dialog *");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  if (event.key === "/") { document.body.classList.add("listing"); list.search.focus(); }
  else if (event.key >= "1" && event.key <= "8") chooseInterval(INTERVALS[Number(event.key) - 1]);
  else if (event.target === $("chart") && event.key === "ArrowLeft") read(-1);
  else if (event.target === $("chart") && event.key === "ArrowRight") read(1);
  else if (event.key === "Escape") document.body.classList.remove("listing");
  else return;
  event.preventDefault();
}

/** @param {string} id @param {(data: DOMStringMap) => void} act */
const click = (id, act) => $(id).addEventListener("click", (/** @type {Event} */ event) => act(/** @type {HTMLElement} */ (event.target).dataset));

view.chart.subscribeCrosshairMove((/** @type {any} */ param) => {
  state.hovered = param.time ?? null;
  tell(state.hovered);
});
view.chart.timeScale().subscribeVisibleLogicalRangeChange((/** @type {any} */ range) => {
  if (!range || !state.settled) return;
  if (range.from < (state.range ? -8 : 20)) older();
  soonKeep(range);
});
click("intervals", ({ interval }) => chooseInterval(INTERVALS.find((one) => String(one) === interval)));
click("studies", ({ study }) => { if (study) toggle(study); });
click("theme", () => { switchTheme(); repaint(); });
click("latest", latest);
click("png", () => savePicture(view));
click("table-button", () => showTable(view));
click("table-close", () => $("table").close());
click("alerts-button", () => overlay.list());
click("alerts-close", () => $("alerts").close());
click("open-list", () => document.body.classList.add("listing"));
click("close-list", () => document.body.classList.remove("listing"));
addEventListener("keydown", key);
addEventListener("themechange", repaint);

const clock = pollHealth();
if (state.symbol) show(state.symbol, state.interval);
poll();
clock.then(() => overlay.poll());
setInterval(poll, 5000);
setInterval(pollHealth, 10000);
setInterval(() => overlay.poll(), 10000);
setInterval(() => words.tellState(view), 1000);
