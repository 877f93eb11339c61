/** What is forecast of the next windows: a line, two faint bands, and the evaluation behind them. Nothing without skill. */

import * as api from "./api.js";
import { fine, number } from "./format.js";
import { ForecastBand } from "./forecast_band.js";
import { $, state } from "./state.js";

/** @typedef {import("./api.js").Forecast} Forecast */
/** @typedef {import("./api.js").ForecastAnswer} Answer */

const HORIZON = 15;
const KINDS = /** @type {Record<string, string>} */ ({ volume: "거래량", range: "고저폭", direction: "방향" });
const BASELINES = /** @type {Record<string, string>} */ ({
  "last window": "직전 구간", "usual of this minute": "평소 이 시각", "profile x today": "평소 × 오늘",
});
const color = () => getComputedStyle(document.documentElement).getPropertyValue("--soft").trim();
const percent = (/** @type {number} */ share) => `${(share * 100).toFixed(0)}%`;
const horizon = (/** @type {number} */ minutes) => (minutes ? `다음 ${minutes}분` : "오늘 남은 시간");

export class ForecastView {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.answer = /** @type {Answer | null} */ (null);
    this.asked = 0;
    this.range = new ForecastBand(view.price);
    this.volume = new ForecastBand(view.volume);
    view.price.attachPrimitive(this.range);
    view.volume.attachPrimitive(this.volume);
  }

  /** Asks for the shown symbol's; an answer to an earlier question is nobody's. */
  async poll() {
    const turn = ++this.asked;
    const answer = state.symbol ? await api.forecast(state.symbol).catch(() => null) : null;
    if (turn !== this.asked || answer?.symbol !== state.symbol) return;
    this.answer = answer;
    this.draw();
  }

  /** Another symbol: what is known of the last one goes at once. */
  clear() {
    this.answer = null;
    this.draw();
    this.poll();
  }

  draw() {
    const shown = this.answer?.forecasts ?? [];
    const [volume, range] = ["volume", "range"].map((kind) => shown.find((one) => one.target === kind && one.horizon === HORIZON));
    const line = [volume && `${horizon(HORIZON)} 거래량 ${number(volume.low)}–${number(volume.high)}주`,
      range && `고저폭 ${fine(range.low)}–${fine(range.high)}%`].filter(Boolean).join(" · ");
    const best = volume ?? range;
    $("forecast-button").hidden = !line;
    $("forecast-button").textContent = line && best && this.answer?.trained
      ? `예측: ${line} · 최근 ${this.answer.trained.sessions}거래일에서 기준선보다 ${percent(best.skill)} 정확` : "";
    this.bands(volume, range);
  }

  /** @param {Forecast | undefined} volume @param {Forecast | undefined} range */
  bands(volume, range) {
    const last = this.view.candles.at(-1);
    const bars = typeof state.interval === "number" ? Math.max(1, HORIZON / state.interval) : 0;
    const near = last && bars && !state.range;
    const half = last && range ? (last.close * range.median) / 200 : 0;
    this.range.set(near && range ? { from: last.time, to: 0, low: last.close - half, high: last.close + half } : null, bars, color());
    const each = bars || 1;
    this.volume.set(near && volume ? { from: last.time, to: 0, low: volume.low / each, high: volume.high / each } : null, bars, color());
  }

  /** The evaluation: every target, also those that are not shown. */
  explain() {
    $("forecast-rows").replaceChildren(...(this.answer?.evaluation ?? []).map(row));
    $("forecast-learnt").textContent = this.answer?.trained
      ? `${this.answer.trained.first} ~ ${this.answer.trained.last}, ${this.answer.trained.sessions}거래일을 학습했습니다. 기준선보다 나은 것만 보입니다. 방향은 재기만 합니다.` : "";
    $("forecast").showModal();
  }
}

/** @param {import("./api.js").Evaluation} one */
function row(one) {
  const made = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = `${KINDS[one.target]} ${horizon(one.horizon)}`;
  const wins = one.low > 0 ? `${percent(one.skill)} 정확` : "기준선보다 낫지 않음";
  const cells = [wins, `${percent(one.low)} ~ ${percent(one.high)}`, one.target === "direction" ? "–" : percent(one.coverage),
    one.target === "direction" ? "어느 쪽도 아님" : BASELINES[one.baseline] ?? one.baseline, number(one.cases)];
  made.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return made;
}
