/** What is laid over the candles: the server's lines, patterns, the alerts that fired; and the list of the alerts. */

import { fillAlerts } from "./alerts.js";
import * as api from "./api.js";
import { clockOf, dateOf } from "./format.js";
import { Marks } from "./marks.js";
import { namesOf, served } from "./served.js";

/** @typedef {import("./api.js").Alert} Alert */
/** @typedef {number | "day"} Interval */
/** @typedef {{symbol: string, interval: Interval, range: [string, string] | null, turn: number}} State what is shown; `turn` counts what was */
/** @typedef {{now: () => number, tell: () => void, complain: (error: unknown) => void, show: (symbol: string, interval: Interval) => Promise<void>}} Page */

const DAYS = 7;
const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

export class Overlay {
  /** @param {import("./view.js").View} view @param {State} state @param {Page} page */
  constructor(view, state, page) {
    this.view = view;
    this.state = state;
    this.page = page;
    this.marks = new Marks(view.price);
    this.asking = 0;
    this.alerts = /** @type {Alert[]} */ ([]);
    this.patterns = /** @type {import("./api.js").Pattern[]} */ ([]);
  }

  /** Another symbol or interval. */
  clear() {
    this.patterns = [];
    this.view.served = new Map();
  }

  /** After the candles were drawn anew, or something was switched on. */
  draw() {
    this.mark();
    if (!this.view.candles.length) return;
    this.askPatterns();
    this.askLines();
  }

  /** The candles that are shown, as the server is asked for what follows from them. @returns {Record<string, string | number>} */
  asked() {
    const [first, last] = [this.view.candles[0], this.view.candles.at(-1)];
    return this.state.range && first && last ? { from: dateOf(first.time), to: dateOf(last.time) } : { limit: Math.min(5000, this.view.candles.length) };
  }

  mark() {
    const alerts = this.alerts.filter((alert) => alert.symbol === this.state.symbol);
    const patterns = this.view.studies.has("patterns") ? this.patterns : [];
    const times = new Set(this.view.candles.map((candle) => candle.time));
    const marked = this.marks.set(times, alerts, patterns, this.state.interval);
    $("chart").dataset.marks = marked.map((mark) => `${clockOf(mark.time)} ${mark.text}`).join(", ");
  }

  async askPatterns() {
    const { turn, symbol, interval } = this.state;
    if (!this.view.studies.has("patterns")) return;
    try {
      const found = await api.patterns(symbol, interval, this.asked());
      if (turn !== this.state.turn) return;
      this.patterns = found;
      this.mark();
    } catch (error) {
      this.page.complain(error);
    }
  }

  /** Lines as TA-Lib works them out; until they come, and of the running candle, the page's own are drawn. */
  async askLines() {
    const { turn, symbol, interval } = this.state;
    const [names, last] = [namesOf(this.view.studies), this.view.candles.at(-1)];
    if (!names.length || !last) return;
    const asking = ++this.asking;
    try {
      const told = await api.indicators(symbol, interval, names, this.asked());
      if (turn !== this.state.turn || asking !== this.asking) return; // answers may overtake each other
      this.view.served = served(told, last.status === "RUNNING" ? last.time : null);
      this.view.draw();
      this.page.tell();
      $("chart").dataset.served = names.join(",");
    } catch { /* the page's own lines stay */ }
  }

  /** The alerts of the last days; those of today are counted on the button. */
  async poll() {
    const today = dateOf(this.page.now());
    try {
      this.alerts = await api.alerts(dateOf(this.page.now() - DAYS * 86400), today);
    } catch { return; /* the state line tells */ }
    const many = this.alerts.filter((alert) => dateOf(alert.time) === today).length;
    $("alerts-button").textContent = many ? `알림 ${many}` : "알림";
    if ($("alerts").open) this.fill();
    this.mark();
  }

  list() {
    this.fill();
    $("alerts").showModal();
  }

  fill() {
    $("alerts-title").textContent = this.alerts.length ? `알림 · 지난 ${DAYS}일 ${this.alerts.length}건` : `지난 ${DAYS}일 동안 울린 알림이 없습니다`;
    fillAlerts($("alert-rows"), this.alerts, (alert) => this.lookAt(alert));
  }

  /** @param {Alert} alert */
  async lookAt(alert) {
    $("alerts").close();
    const interval = /** @type {Interval} */ (alert.interval);
    if (alert.symbol !== this.state.symbol || interval !== this.state.interval) await this.page.show(alert.symbol, interval);
    const at = this.view.list.findIndex((slot) => slot.time >= alert.time);
    if (at >= 0) this.view.chart.timeScale().setVisibleLogicalRange({ from: at - 80, to: at + 40 });
  }
}
