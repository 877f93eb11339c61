/** The drawing: candles, volume, the ribbon of proof, lines; data in, picture out. It asks nobody for anything. */

import { bar, ribbon, traded } from "./bars.js";
import { Blanks } from "./blanks.js";
import { Breaks } from "./breaks.js";
import { closeBefore } from "./candle.js";
import { chartOptions, priceFormat, quiet } from "./chart_options.js";
import { color, forgetColors } from "./colors.js";
import { beforeText, doubtfulMinutes, missingDays } from "./doubts.js";
import { dateOf } from "./format.js";
import { Levels } from "./levels.js";
import { CandlestickSeries, HistogramSeries, LineSeries, createChart } from "./lightweight-charts.js";
import { Lines } from "./lines.js";
import { titled } from "./picture.js";
import { keepPrefs, readPrefs } from "./prefs.js";

/** @typedef {import("./slots.js").Slot} Slot */
/** @typedef {import("./candle.js").Candle} Candle */
/** @typedef {Map<string, import("./slots.js").Day>} Days */

const HEIGHTS = [6, 1.6, 1.6, 1.6];
const unit = { autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 1 } }) };

export class View {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.interval = /** @type {import("./candle.js").Interval} */ (1);
    this.percent = false; // a second symbol is compared: the scale is in percent
    this.list = /** @type {Slot[]} */ ([]);
    this.days = /** @type {Days} */ (new Map());
    this.candles = /** @type {Candle[]} */ ([]);
    this.breaks = /** @type {any} */ (new Breaks());
    this.blanks = /** @type {any} */ (new Blanks());
    this.begins = false; // nothing stands before the first candle
    this.chart = createChart(box, { autoSize: true, ...chartOptions(() => this.interval) });
    this.addSeries();
    this.lines = new Lines(this.chart);
    this.levels = new Levels(this.chart, this.price);
    new ResizeObserver(() => this.margins()).observe(box);
    addEventListener("pagehide", () => this.keepHeights());
    this.paint();
  }

  /** Its candles are of sessions, not of minutes. */
  get daily() {
    return typeof this.interval === "string";
  }

  addSeries() {
    this.price = /** @type {any} */ (this.chart.addSeries(CandlestickSeries, { ...quiet }));
    this.volume = /** @type {any} */ (this.chart.addSeries(HistogramSeries, { ...quiet, priceFormat: { type: "volume" } }, 1));
    this.ribbon = /** @type {any} */ (this.chart.addSeries(HistogramSeries, { ...quiet, ...unit, priceScaleId: "proof", priceFormat: { type: "volume" } }, 1));
    this.lane = /** @type {any} */ (this.chart.addSeries(LineSeries, { ...quiet, ...unit, priceScaleId: "lane", lineVisible: false }));
    this.ribbon.priceScale().applyOptions({ scaleMargins: { top: 0.92, bottom: 0 } });
    this.lane.priceScale().applyOptions({ scaleMargins: { top: 0.9, bottom: 0.02 } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0.12 } });
    this.price.attachPrimitive(this.breaks);
    this.price.attachPrimitive(this.blanks);
  }

  /** The colours of the scheme in use. */
  paint() {
    forgetColors();
    this.chart.applyOptions(chartOptions(() => this.interval));
    const [up, down] = [color("up"), color("down")];
    this.price.applyOptions({ upColor: up, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down });
    if (this.list.length) this.set(this.list, this.interval, this.days);
  }

  /** Everything anew. @param {Slot[]} list @param {import("./candle.js").Interval} interval @param {Days} days */
  set(list, interval, days) {
    [this.list, this.interval, this.days] = [list, interval, days];
    this.candles = list.flatMap((slot) => slot.candle ?? []);
    const format = priceFormat(this.candles);
    this.price.applyOptions({ priceFormat: format });
    this.price.setData(list.map((slot) => (slot.candle ? bar(slot.candle) : { time: slot.time })));
    this.volume.setData(this.candles.map(traded));
    this.ribbon.setData(list.map(ribbon));
    this.lane.setData(list.map(({ time }) => ({ time, value: 0.5 })));
    this.levels.set(this.candles, this.daily || this.percent, this.before(this.candles.length - 1), format);
    this.drawLines();
    const firsts = this.candles.filter((candle, at) => at > 0 && dateOf(candle.time) !== dateOf(this.candles[at - 1].time));
    this.breaks.set(this.daily ? [] : firsts.map((candle) => candle.time), color("line"));
    this.drawBlanks();
  }

  /** Days that are missing, minutes in doubt, and (`begins`) that nothing stands before the first candle. */
  drawBlanks() {
    const first = this.begins ? this.candles[0]?.time ?? null : null;
    const words = first == null ? "" : beforeText(first, this.interval);
    const colors = { hatch: color("hatch"), tint: color("doubt"), text: color("soft"), back: color("back") };
    const doubtful = this.daily ? [] : doubtfulMinutes(this.list, this.days);
    this.blanks.set({ missing: missingDays(this.list, this.days), doubtful, first, words, colors });
    this.box.dataset.before = words;
  }

  /** After the server answered, or a study was switched. */
  drawLines() {
    this.lines.draw(this.candles, this.daily, this.percent);
    const heights = readPrefs().panes ?? [];
    const panes = this.chart.panes();
    panes.forEach((pane, at) => pane.setStretchFactor((heights.length === panes.length ? heights[at] : HEIGHTS[at]) ?? 1.6));
  }

  keepHeights() {
    keepPrefs({ panes: this.chart.panes().map((pane) => pane.getStretchFactor()) });
  }

  /** Room for the numbers at the top, and for the lane of patterns where it is used. @param {boolean} [lane] */
  margins(lane = this.hasLane) {
    this.hasLane = lane;
    const wide = this.box.clientWidth; // on a narrow one the numbers stand above the chart, on the next they take three lines
    this.price.priceScale().applyOptions({ scaleMargins: { top: wide < 560 ? 0.04 : wide < 800 ? 0.17 : 0.13, bottom: lane ? 0.14 : 0.06 } });
  }

  hasLane = false;

  /** The newest candle changed. @param {Candle} candle */
  update(candle) {
    if (this.candles.at(-1)?.time === candle.time) this.candles.pop();
    this.candles.push(candle);
    this.list[this.list.length - 1] = { time: candle.time, candle };
    this.price.update(bar(candle));
    this.volume.update(traded(candle));
    this.ribbon.update(ribbon({ time: candle.time, candle }));
    this.levels.price(candle, this.before(this.candles.length - 1));
    this.lines.update(candle);
  }

  /** @param {number} at */
  before(at) {
    return closeBefore(this.candles, at, this.interval, this.days);
  }

  /** @param {string} title */
  picture(title) {
    return titled(this.chart.takeScreenshot(true), title);
  }
}
