/** What is laid over the candles: the server's lines, patterns, the alerts that fired; and the list of the alerts. */

import { fillAlerts } from "./alerts.js";
import * as api from "./api.js";
import { clockOf, dateOf } from "./format.js";
import { Marks } from "./marks.js";
import { namesOf, served } from "./served.js";
import { $, now, state } from "./state.js";

/** @typedef {import("./api.js").Alert} Alert */
/** @typedef {import("./state.js").Interval} Interval */
/** @typedef {{tell: () => void, complain: (error: unknown) => void, go: (symbol: string, interval: Interval, time: number) => Promise<void>}} Page */

const DAYS = 7;

export class Overlay {
  /** @param {import("./view.js").View} view @param {Page} page */
  constructor(view, page) {
    this.view = view;
    this.page = page;
    this.marks = new Marks(view.price);
    this.spacing = 0;
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
    return state.range && first && last ? { from: dateOf(first.time), to: dateOf(last.time) } : { limit: Math.min(5000, this.view.candles.length) };
  }

  mark() {
    const alerts = this.alerts.filter((alert) => alert.symbol === state.symbol);
    const patterns = this.view.studies.has("patterns") ? this.patterns : [];
    const places = new Map(this.view.list.flatMap((slot, at) => (slot.candle ? [[slot.time, at]] : [])));
    const marked = this.marks.set(places, alerts, patterns, state.interval);
    this.thin(true);
    $("chart").dataset.marks = marked.map((mark) => `${clockOf(mark.time)} ${mark.text}`).join(", ");
  }

  /** As many words as there is room for, where candles lie closer or farther apart than before. */
  thin(always = false) {
    const spacing = this.view.chart.timeScale().options().barSpacing;
    if (!always && Math.abs(spacing - this.spacing) < 0.01) return;
    this.spacing = spacing;
    $("chart").dataset.labels = String(this.marks.thin(spacing));
  }

  /** What is marked on a candle. @param {number} time */
  said(time) {
    return this.marks.said(time);
  }

  async askPatterns() {
    const { turn, symbol, interval } = state;
    if (!this.view.studies.has("patterns")) return;
    try {
      const found = await api.patterns(symbol, interval, this.asked());
      if (turn !== state.turn) return;
      this.patterns = found;
      this.mark();
    } catch (error) {
      this.page.complain(error);
    }
  }

  /** Lines as TA-Lib works them out; until they come, and of the running candle, the page's own are drawn. */
  async askLines() {
    const { turn, symbol, interval } = state;
    const [names, last] = [namesOf(this.view.studies), this.view.candles.at(-1)];
    if (!names.length || !last) return;
    const asking = ++this.asking;
    try {
      const told = await api.indicators(symbol, interval, names, this.asked());
      if (turn !== state.turn || asking !== this.asking) return; // answers may overtake each other
      this.view.served = served(told, last.status === "RUNNING" ? last.time : null);
      this.view.draw();
      this.page.tell();
      $("chart").dataset.served = names.join(",");
    } catch { /* the page's own lines stay */ }
  }

  /** The alerts of the last days; those of today are counted on the button. */
  async poll() {
    const today = dateOf(now());
    try {
      this.alerts = await api.alerts(dateOf(now() - DAYS * 86400), today);
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
    await this.page.go(alert.symbol, /** @type {Interval} */ (alert.interval), alert.time);
  }
}
