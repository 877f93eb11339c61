/** What is said around the chart: name and price at the top, which buttons are on, how old the newest data are, who is gone. */

import { turnoverOf } from "./candle.js";
import { about, ago, moment, number, seconds, signed } from "./format.js";
import { $, now, state } from "./state.js";

/** @typedef {import("./candle.js").Candle} Candle */
/** @typedef {import("./view.js").View} View */

/** @param {import("./list.js").List} list */
export function mark(list) {
  const name = state.rows.get(state.symbol)?.name || state.symbol;
  $("name").textContent = name;
  $("code").textContent = state.symbol;
  document.title = `${name} · 분봉 차트`;
  press("interval", (interval) => interval === String(state.interval));
  press("study", (study) => state.studies.has(study));
  $("log").setAttribute("aria-pressed", String(state.log));
  $("replay-bar").hidden = state.until == null;
  /** @type {HTMLElement} */ (document.querySelector("[data-study=doji]")).hidden = !state.studies.has("patterns");
  list.mark(state.symbol);
  tellPrice(state.range ? null : newest());
}

/** The newest day as it stands: high, low, volume, turnover. */
export function showToday() {
  const day = state.today;
  $("today").textContent = day ? `고 ${number(day.high)} · 저 ${number(day.low)} · 거래량 ${number(day.volume)} · 거래대금 ${about(turnoverOf(day))}` : "";
}

/** @param {"interval" | "study"} kind @param {(value: string) => boolean} on */
function press(kind, on) {
  for (const button of document.querySelectorAll(`[data-${kind}]`)) {
    button.setAttribute("aria-pressed", String(on(/** @type {HTMLElement} */ (button).dataset[kind] ?? "")));
  }
}

export const newest = () => [...state.candles.values()].reduce((a, b) => (a && a.time > b.time ? a : b), /** @type {Candle | null} */ (null));

/** @param {Candle | null} candle the newest */
export function tellPrice(candle) {
  const row = state.rows.get(state.symbol);
  const price = candle?.close ?? row?.price ?? null;
  const before = row?.previous_close ?? null;
  const percent = price == null || before == null ? null : ((price - before) * 100) / before;
  const way = !percent ? 0 : Math.sign(percent);
  $("price").textContent = price == null ? "–" : number(price);
  $("change").textContent = percent == null || before == null || price == null ? "" : `${way > 0 ? "▲" : way < 0 ? "▼" : "–"} ${number(Math.abs(price - before))} (${signed(percent)})`;
  $("price").parentElement.dataset.way = String(way);
}

/** How old the newest data are, and who is gone; announced only when it changes. @param {View} view */
export function tellState(view) {
  const [kind, text] = stateText(view);
  if (kind !== $("state").dataset.state) $("announced").textContent = text;
  $("state").dataset.state = kind;
  $("state").lastElementChild.textContent = text;
}

/** @param {View} view @returns {[string, string]} */
function stateText(view) {
  if (!state.up) return ["down", "차트 서버와 끊겼습니다. 다시 연결하는 중… (보이는 것은 마지막으로 받은 값입니다)"];
  if (Date.now() < state.complaint.until) return ["stale", state.complaint.text];
  if (state.failed) return ["stale", state.failed];
  const last = view.candles.at(-1);
  if (!last) return ["waiting", "연결됨"];
  const fresh = last.status === "RUNNING" && Date.now() - state.heard < 5000;
  const said = fresh ? "실시간 · 방금 받음" : ageText(last);
  if (state.health && !state.health.healthy) return ["stale", `${said} · 업데이터: ${String(state.health.message).split("\n")[0].replace(/^\S+ /, "")}`];
  return ["live", said];
}

/** Of the newest minute, whatever window it stands in; no age before the server's clock is known. @param {Candle} last */
function ageText(last) {
  const time = state.rows.get(state.symbol)?.time;
  const minute = Math.max(time ? seconds(time) : 0, state.interval === 1 && last.status !== "RUNNING" ? last.time : 0);
  if (!minute) return "연결됨";
  return `최신 분봉 ${moment(minute, 1)}${state.health ? ` · ${ago(Math.max(0, now() - minute - 60))}` : ""}`;
}

/** For a while: the state is shown anew every second. @param {unknown} error */
export function complain(error) {
  const text = error instanceof Error ? error.message : String(error);
  state.complaint = { text, until: Date.now() + 8000 };
  $("announced").textContent = text;
  $("state").dataset.state = "stale";
  $("state").lastElementChild.textContent = text;
}
