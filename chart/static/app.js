/** The page: what is shown (kept in the address), what is asked for, and who is told. */

import * as api from "./api.js";
import { DAYS, ago, clockOf, dateOf, fine, moment, money, number, proof, signed } from "./format.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { Overlay } from "./overlay.js";
import { daysOf, placesOf, rangeOf, rangeSeen } from "./range.js";
import { reason, slots } from "./slots.js";
import { fillTable } from "./table.js";
import { View } from "./view.js";

/** @typedef {import("./math.js").Candle} Candle */
/** @typedef {import("./slots.js").Day} Day */
/** @typedef {number | "day"} Interval */

const INTERVALS = /** @type {Interval[]} */ ([1, 3, 5, 10, 15, 30, 60, "day"]);
const PAGE = 400;
const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

const asked = new URLSearchParams(location.search);
const state = {
  symbol: asked.get("symbol") ?? "",
  interval: /** @type {Interval} */ (INTERVALS.find((one) => String(one) === asked.get("interval")) ?? 1),
  range: rangeOf(asked), // null: the newest, and what comes
  seen: /** @type {import("./range.js").Range | null} */ (null), // moved by hand from where the newest are
  rows: /** @type {Map<string, import("./api.js").Row>} */ (new Map()),
  candles: /** @type {Map<number, Candle>} */ (new Map()),
  days: /** @type {Map<string, Day>} */ (new Map()),
  turn: 0,
  busy: false,
  settled: false, // drawn, and looked at where it is wanted
  all: false,
  hovered: /** @type {number | null} */ (null),
  up: false,
  heard: 0,
  health: /** @type {any} */ (null),
  ahead: 0,
};

const view = new View($("chart"));
const overlay = new Overlay(view, state, { now, complain, show, tell: () => tell(state.hovered) });
const list = new List((symbol) => choose(symbol));
const live = new Live(hear, (up) => { state.up = up; tellState(); if (up && state.candles.size) refresh(); });

/** Chart seconds on the server's clock. */
function now() { return Date.now() / 1000 + state.ahead; }

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
  state.candles = new Map();
  mark();
  live.want([[symbol, interval]]);
  try {
    const found = await api.candles(symbol, interval, state.range ? daysOf(state.range) : { limit: PAGE });
    if (turn !== state.turn) return;
    for (const candle of found) if (!state.candles.has(candle.time)) state.candles.set(candle.time, candle);
    await learnDays();
    if (turn !== state.turn) return;
    redraw();
    look();
    setTimeout(() => { // the chart tells of its own first choice of a range, too: nobody moved there
      if (turn !== state.turn) return;
      state.settled = true;
      soonKeep(view.chart.timeScale().getVisibleLogicalRange());
    }, 200);
    if (!performance.getEntriesByName("drawn").length) requestAnimationFrame(() => performance.mark("drawn"));
    $("chart").dataset.ready = `${symbol} ${interval}`;
    $("empty").hidden = found.length > 0;
    $("empty").textContent = "저장된 캔들이 아직 없습니다. fetch_minute_data.py 나 realtime_updater.py 가 채우면 바로 나타납니다.";
  } catch (error) {
    complain(error);
  }
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
}

let keeping = 0;
/** Browsers refuse an address that changes with each pixel. @param {{from: number, to: number}} places */
function soonKeep(places) {
  clearTimeout(keeping);
  keeping = setTimeout(keepSeen, 250, places);
}

/** The days of what is shown: sessions, states, notes. */
async function learnDays() {
  const times = [...state.candles.keys()].sort((a, b) => a - b);
  if (!times.length) return;
  const last = state.range ? daysOf(state.range).to : dateOf(Math.max(times.at(-1) ?? 0, now()));
  const found = await api.days(state.symbol, dateOf(times[0]), last);
  state.days = new Map(found.map((day) => [day.day, day]));
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
    const found = await api.candles(state.symbol, state.interval, state.range ? daysOf(state.range) : { limit: PAGE });
    await learnDays();
    if (turn !== state.turn) return;
    for (const candle of found) state.candles.set(candle.time, candle);
    redraw();
  } catch { /* the next reconnection tries again */ }
}

/** @param {any} message */
function hear(message) {
  if (message.type === "error") return complain(new Error(message.message));
  if (message.symbol !== state.symbol) return;
  if (message.type === "day") return refresh();
  if (message.interval !== state.interval) return;
  state.heard = Date.now();
  const candle = api.candleOf(message);
  if (state.range && dateOf(candle.time) > daysOf(state.range).to) return tellPrice(candle);
  const newest = view.list.at(-1)?.time;
  state.candles.set(candle.time, candle);
  if (!view.list.length) return;
  if (candle.time === newest) view.update(candle);
  else redraw();
  $("empty").hidden = true;
  if (state.hovered == null) tell(null);
  tellPrice(candle);
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
    if (!state.all) {
      await learnDays();
      const [range, length] = [view.chart.timeScale().getVisibleLogicalRange(), view.list.length];
      redraw();
      const more = view.list.length - length;
      if (range) view.chart.timeScale().setVisibleLogicalRange({ from: range.from + more, to: range.to + more });
    }
  } catch (error) {
    complain(error);
  } finally {
    state.busy = false;
  }
}

/** The line of numbers: of the slot under the crosshair, else of the newest candle. @param {number | null} time */
function tell(time) {
  const at = time == null ? view.list.length - 1 : view.list.findIndex((slot) => slot.time === time);
  const slot = view.list[at];
  if (!slot) { $("numbers").textContent = ""; $("lines").textContent = ""; return; }
  tellDay(dateOf(slot.time));
  $("hint").hidden = slot.candle !== null;
  if (!slot.candle) {
    $("hint").textContent = `${moment(slot.time, view.daily)} — ${reason(view.list, at, state.days)}`;
    return;
  }
  const index = view.candles.findIndex((candle) => candle.time === slot.time);
  const { open, high, low, close, volume, vwap } = slot.candle;
  const before = view.before(index);
  const percent = before ? ((close - before) * 100) / before : null;
  const [kind, words] = proof(slot.candle);
  const way = close >= open ? "up" : "down";
  fill($("numbers"), [
    ["", moment(slot.time, view.daily), "when"], ["시", number(open), way], ["고", number(high), way], ["저", number(low), way], ["종", number(close), way],
    ["등락률", signed(percent), percent == null || percent === 0 ? "" : percent > 0 ? "up" : "down"], ["거래량", number(volume), ""],
    ["거래대금", vwap == null ? "–" : money(vwap * volume), ""], ["VWAP", fine(vwap), ""], ["", words, `proof ${kind}`],
  ]);
  fill($("lines"), view.drawn.map((line) => [line.name, line.values[index] == null ? "–" : line.digits ? /** @type {number} */ (line.values[index]).toFixed(line.digits) : number(line.values[index]), `line-${line.study}${line.study === "ma" ? line.name.slice(2) : ""}`]));
}

/** @param {HTMLElement} box @param {string[][]} pairs label, text, class */
function fill(box, pairs) {
  while (box.children.length > pairs.length) box.lastElementChild?.remove();
  pairs.forEach(([label, text, name], at) => {
    const span = box.children[at] ?? box.appendChild(document.createElement("span"));
    span.className = name;
    if (!span.firstElementChild) span.append(document.createElement("i"), document.createElement("b"));
    /** @type {Element} */ (span.firstElementChild).textContent = label;
    /** @type {Element} */ (span.lastElementChild).textContent = text;
  });
}

/** @param {string} date */
function tellDay(date) {
  const day = state.days.get(date);
  $("day").hidden = !day;
  if (!day) return;
  $("day").textContent = `${Number(date.slice(5, 7))}.${Number(date.slice(8))} ${DAYS[day.status] ?? day.status}`;
  $("day").dataset.status = day.status;
  $("note").textContent = day.note ?? "";
}

function mark() {
  const row = state.rows.get(state.symbol);
  $("name").textContent = row?.name || state.symbol;
  $("code").textContent = state.symbol;
  document.title = `${row?.name || state.symbol} · 분봉 차트`;
  for (const button of document.querySelectorAll("[data-interval]")) {
    button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.interval === String(state.interval)));
  }
  for (const button of document.querySelectorAll("[data-study]")) {
    button.setAttribute("aria-pressed", String(view.studies.has(/** @type {HTMLElement} */ (button).dataset.study ?? "")));
  }
  list.mark(state.symbol);
  tellPrice(state.range ? null : [...state.candles.values()].reduce((a, b) => (a && a.time > b.time ? a : b), /** @type {Candle | null} */ (null)));
  keepAddress();
}

function keepAddress() {
  const query = new URLSearchParams({ symbol: state.symbol, interval: String(state.interval) });
  const range = state.range ?? state.seen;
  if (range) { query.set("from", range[0]); query.set("to", range[1]); }
  history.replaceState(null, "", `?${String(query).replaceAll("%3A", ":")}`);
}

/** @param {Candle | null} candle the newest */
function tellPrice(candle) {
  const row = state.rows.get(state.symbol);
  const price = candle?.close ?? row?.price ?? null;
  const before = row?.previous_close ?? null;
  const percent = price == null || before == null ? null : ((price - before) * 100) / before;
  const way = !percent ? 0 : Math.sign(percent);
  $("price").textContent = price == null ? "–" : number(price);
  $("change").textContent = percent == null || before == null || price == null ? "" : `${way > 0 ? "▲" : way < 0 ? "▼" : "–"} ${number(Math.abs(price - before))} (${signed(percent)})`;
  $("price").parentElement.dataset.way = String(way);
}

/** How old the newest data are, and who is gone. */
function tellState() {
  const newest = view.candles.at(-1);
  const box = $("state");
  const [kind, text] = stateText(newest);
  box.dataset.state = kind;
  box.lastElementChild.textContent = text;
}

/** @param {Candle | undefined} newest @returns {[string, string]} */
function stateText(newest) {
  if (!state.up) return ["down", "차트 서버와 끊겼습니다. 다시 연결하는 중… (보이는 것은 마지막으로 받은 값입니다)"];
  if (!newest) return ["waiting", "연결됨"];
  const [length, running] = [state.interval === "day" ? 86400 : state.interval * 60, newest.status === "RUNNING"];
  const fresh = running && Date.now() - state.heard < 5000;
  const age = Math.max(0, now() - newest.time - (running ? 0 : length));
  const said = fresh ? "실시간 · 방금 받음" : `최신 캔들 ${moment(newest.time, view.daily)} · ${ago(age)}`;
  if (state.health && !state.health.healthy) return ["stale", `${said} · 업데이터: ${String(state.health.message).split("\n")[0].replace(/^\S+ /, "")}`];
  return ["live", said];
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
  tellState();
}

/** @param {unknown} error */
function complain(error) {
  $("state").dataset.state = "stale";
  $("state").lastElementChild.textContent = error instanceof Error ? error.message : String(error);
}

/** @param {Interval} interval */
const chooseInterval = (interval) => { if (interval !== state.interval) show(state.symbol, interval); };

/** @param {string} study */
function toggle(study) {
  if (!view.studies.delete(study)) view.studies.add(study);
  view.draw();
  tell(state.hovered);
  mark();
  overlay.draw();
}

function switchTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* a private window: for this page only */ }
  repaint();
}

function repaint() {
  view.paint();
  overlay.draw();
}

function savePicture() {
  const row = state.rows.get(state.symbol);
  const last = view.candles.at(-1);
  const title = `${row?.name ?? ""} ${state.symbol} · ${state.interval === "day" ? "일봉" : `${state.interval}분봉`}${last ? ` · ${moment(last.time, view.daily)}` : ""}`;
  view.picture(title).toBlob((/** @type {Blob | null} */ blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${state.symbol}-${state.interval}${last ? `-${dateOf(last.time)}-${clockOf(last.time).replace(":", "")}` : ""}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

function showTable() {
  const range = view.chart.timeScale().getVisibleRange();
  const seen = range ? view.candles.filter((candle) => candle.time >= range.from && candle.time <= range.to) : view.candles;
  $("table-title").textContent = `${$("name").textContent} ${state.interval === "day" ? "일봉" : `${state.interval}분봉`} · 보이는 ${seen.length}개`;
  fillTable($("rows"), seen, view.daily);
  $("table").showModal();
}

/** One candle to the left or right, read aloud. @param {number} step */
function walk(step) {
  const from = state.hovered == null ? view.candles.length : view.candles.findIndex((candle) => candle.time >= /** @type {number} */ (state.hovered));
  const candle = view.candles[Math.min(view.candles.length - 1, Math.max(0, from + step))];
  if (!candle) return;
  view.chart.setCrosshairPosition(candle.close, candle.time, view.price);
  state.hovered = candle.time;
  tell(candle.time);
  $("spoken").textContent = `${moment(candle.time, view.daily)} 시가 ${number(candle.open)} 고가 ${number(candle.high)} 저가 ${number(candle.low)} 종가 ${number(candle.close)} 거래량 ${number(candle.volume)} ${proof(candle)[1]}`;
}

/** @param {KeyboardEvent} event */
function key(event) {
  const typing = /** @type {Element} */ (event.target).matches("input, dialog *");
  if (event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const number_ = Number(event.key);
  if (event.key === "/") { document.body.classList.add("listing"); list.search.focus(); }
  else if (number_ >= 1 && number_ <= 8) chooseInterval(INTERVALS[number_ - 1]);
  else if (event.target === $("chart") && event.key === "ArrowLeft") walk(-1);
  else if (event.target === $("chart") && event.key === "ArrowRight") walk(1);
  else if (event.key === "Escape") document.body.classList.remove("listing");
  else return;
  event.preventDefault();
}

view.chart.subscribeCrosshairMove((/** @type {any} */ param) => {
  state.hovered = param.time ?? null;
  tell(state.hovered);
});
view.chart.timeScale().subscribeVisibleLogicalRangeChange((/** @type {any} */ range) => { 
  if (!range || !state.settled) return;
  if (range.from < (state.range ? -8 : 20)) older();
  soonKeep(range);
});
$("intervals").addEventListener("click", (/** @type {Event} */ event) => {
  const chosen = /** @type {HTMLElement} */ (event.target).dataset.interval;
  if (chosen) chooseInterval(/** @type {Interval} */ (INTERVALS.find((one) => String(one) === chosen)));
});
$("studies").addEventListener("click", (/** @type {Event} */ event) => {
  const study = /** @type {HTMLElement} */ (event.target).dataset.study;
  if (study) toggle(study);
});
$("theme").addEventListener("click", switchTheme);
$("latest").addEventListener("click", latest);
$("png").addEventListener("click", savePicture);
$("table-button").addEventListener("click", showTable);
$("table-close").addEventListener("click", () => $("table").close());
$("alerts-button").addEventListener("click", () => overlay.list());
$("alerts-close").addEventListener("click", () => $("alerts").close());
$("open-list").addEventListener("click", () => document.body.classList.add("listing"));
$("close-list").addEventListener("click", () => document.body.classList.remove("listing"));
addEventListener("keydown", key);
addEventListener("themechange", repaint);

if (state.symbol) show(state.symbol, state.interval);
pollHealth().then(poll).then(() => overlay.poll());
setInterval(poll, 5000);
setInterval(pollHealth, 10000);
setInterval(() => overlay.poll(), 10000);
setInterval(tellState, 1000);
