/** What is laid over the candles: patterns, the alerts that fired; and the list of the alerts. */

import { fillAlerts, sortAlerts } from "./alerts.js";
import * as api from "./api.js";
import { emit } from "./bus.js";
import { clockOf, dateOf } from "./format.js";
import { wholeRange } from "./load.js";
import { Marks } from "./marks.js";
import { $, now, state } from "./state.js";

/** @typedef {import("./api.js").Alert} Alert */

const DAYS = 7;

export class Overlay {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.marks = new Marks(view.price, view.lane);
    this.spacing = 0;
    this.alerts = /** @type {Alert[]} */ ([]);
    this.patterns = /** @type {import("./api.js").Pattern[]} */ ([]);
  }

  /** Another symbol or interval. */
  clear() {
    this.patterns = [];
  }

  /** After the candles were drawn anew, or something was switched on. */
  draw() {
    this.view.margins(state.studies.has("patterns"));
    this.mark();
    if (this.view.candles.length && state.studies.has("patterns")) this.askPatterns();
  }

  mark() {
    const alerts = this.alerts.filter((alert) => alert.symbol === state.symbol);
    const patterns = this.patterns.filter((one) => state.studies.has("patterns") && (one.direction !== "none" || state.studies.has("doji")));
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
    try {
      const found = await api.patterns(symbol, interval, wholeRange());
      if (turn !== state.turn) return;
      this.patterns = found;
      this.mark();
    } catch (error) {
      emit("complaint", error);
    }
  }

  /** The alerts of the last days; those of today are counted on the button. */
  async poll() {
    const today = dateOf(now());
    try {
      this.alerts = await api.alerts(dateOf(now() - DAYS * 86400), today);
    } catch { return; /* the state line says what is wrong */ }
    const many = this.alerts.filter((alert) => dateOf(alert.time) === today).length;
    $("alerts-button").textContent = many ? `알림 ${many}` : "알림";
    if ($("alerts").open) this.fill();
    this.mark();
  }

  list() {
    this.fill();
    if ($("alerts").open) $("alerts").close();
    else $("alerts").show(); // beside the chart, which shows what is chosen
  }

  /** @param {string} by a column */
  sort(by) {
    sortAlerts(by);
    this.fill();
  }

  fill() {
    $("alerts-title").textContent = this.alerts.length ? `알림 · 지난 ${DAYS}일 ${this.alerts.length}건` : `지난 ${DAYS}일 동안 울린 알림이 없습니다`;
    fillAlerts($("alert-rows"), this.alerts, (alert) => emit("alert", alert));
  }
}
