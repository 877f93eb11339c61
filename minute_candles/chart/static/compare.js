/** A second symbol over the first: its closes as a line, both in percent of where the visible stretch begins. */

import * as api from "./api.js";
import { emit } from "./bus.js";
import { quiet } from "./chart_options.js";
import { color } from "./colors.js";
import { dateOf, signed } from "./format.js";
import { LineSeries, PriceScaleMode } from "./lightweight-charts.js";
import { $, state } from "./state.js";

const { Logarithmic, Normal, Percentage } = PriceScaleMode;

export class Compare {
  /** @param {import("./view.js").View} view @param {import("./live.js").Live} live */
  constructor(view, live) {
    this.view = view;
    this.live = live;
    this.closes = /** @type {Map<number, number>} */ (new Map());
    this.key = ""; // of what the closes are
    this.series = /** @type {any} */ (null);
  }

  /** Before the candles are drawn: which scale they stand on. */
  scale() {
    this.view.percent = state.compare !== "" && state.compare !== state.symbol;
    const mode = this.view.percent ? Percentage : state.log ? Logarithmic : Normal;
    this.view.price.priceScale().applyOptions({ mode });
  }

  /** After the candles were drawn. */
  draw() {
    const { percent, chart, list } = this.view;
    if (!percent && this.series) { chart.removeSeries(this.series); this.series = null; }
    if (!percent) return this.forget();
    this.series ??= chart.addSeries(LineSeries, { ...quiet, lineWidth: /** @type {const} */ (2), lastValueVisible: true });
    this.series.applyOptions({ color: color("compare"), title: nameOf(state.compare) });
    this.series.setData(list.flatMap(({ time }) => this.point(time)));
    if (list.length) this.ask();
  }

  /** Only where the first symbol has its place: another time would be a place of its own. @param {number} time */
  point(time) {
    const value = this.closes.get(time);
    return value == null ? [] : [{ time, value }];
  }

  forget() {
    if (this.key) this.live.want("compare", []);
    this.key = "";
    this.closes.clear();
  }

  /** Its candles of the same stretch, once for each answer that is drawn. */
  async ask() {
    const { compare: symbol, interval, turn, loads } = state;
    const [first, last] = [this.view.list[0].time, this.view.list[this.view.list.length - 1].time];
    const [what, key] = [`${symbol} ${interval} ${turn} `, `${symbol} ${interval} ${turn} ${loads} ${first}`];
    if (key === this.key) return;
    if (!this.key.startsWith(what)) { this.closes.clear(); this.series.setData([]); } // of another interval
    this.key = key;
    this.live.want("compare", typeof interval === "number" || interval === "day" ? [[symbol, interval]] : []);
    try {
      const found = await api.candles(symbol, interval, { from: dateOf(first), to: dateOf(last) });
      if (key !== this.key) return;
      this.closes = new Map(found.map(({ time, close }) => [time, close]));
      this.draw();
      emit("compared");
      $("chart").dataset.compared = symbol;
    } catch (error) {
      this.choose("");
      emit("complaint", error);
    }
  }

  /** A candle of it came by the socket. @param {any} message */
  take(message) {
    if (message.type !== "candle" || !this.series || message.symbol !== state.compare || message.interval !== state.interval) return;
    const { time, close } = api.candleOf(message);
    this.closes.set(time, close);
    this.draw();
    emit("compared");
  }

  /** @param {string} symbol "": none */
  choose(symbol) {
    state.compare = symbol;
    delete $("chart").dataset.compared;
    this.forget();
    emit("redraw");
  }

  /** The name in its box. */
  mark() {
    if (document.activeElement !== $("compare")) $("compare").value = state.compare ? nameOf(state.compare) : "";
  }

  /** For the numbers at the top. @param {number} time @returns {string[][]} label, text, class */
  said(time) {
    if (!this.series) return [];
    const from = Math.max(0, Math.floor(this.view.chart.timeScale().getVisibleLogicalRange()?.from ?? 0));
    const known = this.view.list.filter((slot) => this.closes.has(slot.time));
    const [base, newest] = [known.find((slot) => slot.time >= this.view.list[from]?.time), known.findLast((slot) => slot.time <= time)];
    const [close, begin] = [newest && this.closes.get(newest.time), base && this.closes.get(base.time)];
    return [[nameOf(state.compare), close && begin ? signed(((close - begin) * 100) / begin) : "–", "line-compare"]];
  }
}

/** @param {string} symbol */
const nameOf = (symbol) => state.rows.get(symbol)?.name || symbol;
