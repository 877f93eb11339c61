/** A small chart of its own symbol and interval: candles, volume, price; live as the large one. */

import * as api from "./api.js";
import { bar, traded } from "./bars.js";
import { emit, on } from "./bus.js";
import { chartOptions, priceFormat, quiet } from "./chart_options.js";
import { color } from "./colors.js";
import { symbolOf } from "./find.js";
import { number, signed } from "./format.js";
import { CandlestickSeries, HistogramSeries, createChart } from "./lightweight-charts.js";
import { INTERVALS, intervalName, state } from "./state.js";

/** @typedef {import("./candle.js").Candle} Candle */

const LIMIT = 300;
const LIVE = INTERVALS.filter((one) => one !== "week" && one !== "month");

export class SideChart {
  /** @param {string} part its name at the socket @param {import("./live.js").Live} live @param {string} kept "000660:5" @param {() => void} changed */
  constructor(part, live, kept, changed) {
    this.part = part;
    this.live = live;
    this.changed = changed;
    const [symbol, interval] = kept.split(":");
    this.symbol = symbol;
    this.interval = LIVE.find((one) => String(one) === interval) ?? 5;
    this.candles = /** @type {Candle[]} */ ([]);
    this.arrived = /** @type {Candle | null} */ (null); // came while the others were loaded
    this.alive = new AbortController();
    this.box = document.createElement("section");
    this.name = document.createElement("input");
    this.choice = document.createElement("select");
    this.quote = document.createElement("span");
    this.place = document.createElement("div");
    this.build();
    this.chart = createChart(this.place, { autoSize: true, ...chartOptions(() => this.interval) });
    this.price = /** @type {any} */ (this.chart.addSeries(CandlestickSeries, { ...quiet, lastValueVisible: true, priceLineVisible: true }));
    this.volume = /** @type {any} */ (this.chart.addSeries(HistogramSeries, { ...quiet, priceScaleId: "volume", priceFormat: { type: "volume" } }));
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.paint();
    on("message", (message) => this.take(message), this.alive.signal);
    on("line", (up) => { if (up) this.load(); }, this.alive.signal);
    addEventListener("themechange", () => this.paint(), { signal: this.alive.signal });
    this.load();
  }

  build() {
    const head = document.createElement("p");
    head.append(this.name, this.choice, this.quote);
    this.box.className = "side-chart";
    this.box.append(head, this.place);
    Object.assign(this.name, { autocomplete: "off", spellcheck: false, maxLength: 30, ariaLabel: "이 차트의 종목" });
    this.name.setAttribute("list", "symbols");
    this.choice.ariaLabel = "이 차트의 봉 간격";
    this.choice.replaceChildren(...LIVE.map((one) => new Option(intervalName(one), String(one), false, one === this.interval)));
    for (const field of [this.name, this.choice]) field.addEventListener("change", () => this.choose());
  }

  choose() {
    const symbol = symbolOf(this.name.value, state.rows);
    if (!symbol) emit("complaint", new Error(`찾는 종목이 없습니다: ${this.name.value.slice(0, 20)}`));
    this.symbol = symbol || this.symbol;
    this.interval = LIVE.find((one) => String(one) === this.choice.value) ?? 5;
    this.changed();
    this.load(true);
  }

  /** @param {boolean} [anew] another symbol or interval: nothing of the last one stays */
  async load(anew = false) {
    const { symbol, interval } = this;
    if (anew) this.show([]);
    this.arrived = null;
    this.live.want(this.part, [[symbol, /** @type {number | "day"} */ (interval)]]);
    const found = await api.candles(symbol, interval, { limit: LIMIT }).catch(() => null);
    if (symbol !== this.symbol || interval !== this.interval) return;
    if (found) this.show(found);
    if (this.arrived) this.add(this.arrived);
    this.box.dataset.ready = `${symbol} ${interval}`;
  }

  /** @param {Candle[]} candles */
  show(candles) {
    const first = !this.candles.length;
    this.candles = candles;
    this.price.applyOptions({ priceFormat: priceFormat(candles) });
    this.price.setData(candles.map(bar));
    this.volume.setData(candles.map(traded));
    if (first) this.chart.timeScale().setVisibleLogicalRange({ from: candles.length - Math.round(this.place.clientWidth / 7), to: candles.length + 3 });
    this.tell();
  }

  /** @param {any} message */
  take(message) {
    if (message.symbol !== this.symbol) return;
    if (message.type === "day") this.load();
    if (message.type !== "candle" || message.interval !== this.interval) return;
    this.arrived = api.candleOf(message);
    this.add(this.arrived);
  }

  /** The newest candle, or the next one. @param {Candle} candle */
  add(candle) {
    const last = this.candles.at(-1);
    if (!last || candle.time < last.time) return;
    if (candle.time === last.time) this.candles.pop();
    this.candles.push(candle);
    this.price.update(bar(candle));
    this.volume.update(traded(candle));
    this.tell();
  }

  tell() {
    const row = state.rows.get(this.symbol), close = this.candles.at(-1)?.close ?? row?.price;
    const before = row?.previous_close;
    const percent = close != null && before ? ((close - before) * 100) / before : null;
    if (document.activeElement !== this.name) this.name.value = row?.name || this.symbol;
    this.quote.textContent = close == null ? "캔들 없음" : `${number(close)} ${percent == null ? "" : signed(percent)}`;
    this.quote.className = percent ? (percent > 0 ? "up" : "down") : "";
  }

  paint() {
    this.chart.applyOptions(chartOptions(() => this.interval));
    const [up, down] = [color("up"), color("down")];
    this.price.applyOptions({ upColor: up, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    this.show(this.candles);
  }

  remove() {
    this.alive.abort();
    this.live.want(this.part, []);
    this.chart.remove();
    this.box.remove();
  }
}
