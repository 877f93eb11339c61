/** The drawing: candles, volume, the ribbon of proof, lines; data in, picture out. It asks nobody for anything. */

import { CandlestickSeries, ColorType, CrosshairMode, HistogramSeries, LineSeries, LineStyle, createChart } from "./lightweight-charts.js";
import { Breaks } from "./breaks.js";
import { clockOf, dateOf, moment, number, proof } from "./format.js";
import { average, bands, macd, rsi, sessionVwap } from "./math.js";

/** @typedef {import("./slots.js").Slot} Slot */
/** @typedef {import("./math.js").Candle} Candle */
/** @typedef {{name: string, color: string, values: (number | null)[], pane: number, study: string, bars?: boolean, digits?: number, dashed?: boolean}} Drawn */

const MONTHS = 1, DAYS = 2;
const quiet = { lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };

/** @param {string} name */
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export class View {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
    this.daily = false;
    this.list = /** @type {Slot[]} */ ([]);
    this.days = /** @type {Map<string, import("./slots.js").Day>} */ (new Map());
    this.candles = /** @type {Candle[]} */ ([]);
    this.drawn = /** @type {Drawn[]} */ ([]);
    this.studies = new Set(["ma", "vwap"]);
    this.served = /** @type {Map<string, Map<number, number | null>>} */ (new Map());
    this.lines = /** @type {Map<string, any>} */ (new Map());
    this.levels = /** @type {any[]} */ ([]);
    this.breaks = new Breaks();
    this.chart = createChart(box, { autoSize: true, ...this.options() });
    this.price = this.chart.addSeries(CandlestickSeries, { priceFormat: { type: "price", precision: 0, minMove: 1 } });
    this.volume = this.chart.addSeries(HistogramSeries, { ...quiet, priceFormat: { type: "volume" } }, 1);
    this.ribbon = this.chart.addSeries(HistogramSeries, { ...quiet, priceScaleId: "proof", priceFormat: { type: "volume" } }, 1);
    this.ribbon.applyOptions({ autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 1 } }) });
    this.ribbon.priceScale().applyOptions({ scaleMargins: { top: 0.92, bottom: 0 } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0.12 } });
    this.price.attachPrimitive(this.breaks);
    new ResizeObserver(() => this.margins()).observe(box);
    this.paint();
  }

  options() {
    return {
      layout: {
        background: { type: ColorType.Solid, color: color("back") }, textColor: color("soft"), fontSize: 12,
        fontFamily: getComputedStyle(document.body).fontFamily, attributionLogo: false,
        panes: { separatorColor: color("line"), separatorHoverColor: color("hover"), enableResize: true },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: color("grid") } },
      crosshair: {
        mode: CrosshairMode.Normal,
        vertLine: { color: color("soft"), labelBackgroundColor: color("label") },
        horzLine: { color: color("soft"), labelBackgroundColor: color("label") },
      },
      rightPriceScale: { borderVisible: false, minimumWidth: 68 },
      timeScale: {
        borderColor: color("line"), timeVisible: true, rightOffset: 6, minBarSpacing: 1,
        tickMarkFormatter: (/** @type {number} */ at, /** @type {number} */ kind) => this.tick(at, kind),
      },
      localization: {
        locale: "ko-KR", priceFormatter: (/** @type {number} */ price) => number(price),
        timeFormatter: (/** @type {number} */ at) => moment(at, this.daily),
      },
    };
  }

  /** @param {number} at @param {number} kind */
  tick(at, kind) {
    const when = new Date(at * 1000);
    if (kind === 0) return `${when.getUTCFullYear()}년`;
    if (kind === MONTHS) return `${when.getUTCMonth() + 1}월`;
    return kind === DAYS ? `${when.getUTCMonth() + 1}.${when.getUTCDate()}` : clockOf(at);
  }

  /** The colours of the scheme in use. */
  paint() {
    this.chart.applyOptions(this.options());
    const [up, down] = [color("up"), color("down")];
    this.price.applyOptions({
      upColor: up, downColor: down, borderUpColor: up, borderDownColor: down, wickUpColor: up, wickDownColor: down,
    });
    if (this.list.length) this.set(this.list, this.daily, this.days);
  }

  /** Everything anew. @param {Slot[]} list @param {boolean} daily @param {Map<string, import("./slots.js").Day>} days */
  set(list, daily, days) {
    [this.list, this.daily, this.days] = [list, daily, days];
    this.candles = list.flatMap((slot) => slot.candle ?? []);
    this.price.setData(list.map((slot) => slot.candle ? this.bar(slot.candle) : { time: slot.time }));
    this.volume.setData(this.candles.map((candle) => this.traded(candle)));
    this.ribbon.setData(list.map((slot) => this.mark(slot)));
    this.draw();
    this.level();
    const firsts = this.candles.filter((candle, at) => at > 0 && dateOf(candle.time) !== dateOf(this.candles[at - 1].time));
    this.breaks.set(daily ? [] : firsts.map((candle) => candle.time), color("line"));
  }

  /** What is seen stays where it is; who follows the newest still does. @param {() => void} draw @returns {boolean} whether something was seen */
  inPlace(draw) {
    const [scale, { length }] = [this.chart.timeScale(), this.list];
    const range = scale.getVisibleLogicalRange();
    const left = Math.min(length - 1, Math.max(0, Math.round(range?.from ?? 0)));
    const time = !range || range.to >= length - 1.5 ? null : this.list[left]?.time;
    draw();
    if (!range || !length) return false;
    const at = time == null ? -1 : this.list.findIndex((slot) => slot.time >= time);
    const more = at < 0 ? this.list.length - length : at - left;
    scale.setVisibleLogicalRange({ from: range.from + more, to: range.to + more });
    return true;
  }

  /** How many places the newest candles are shown in; few candles are not stretched over all of it. */
  fitting() {
    return Math.min(Math.max(30, Math.round(this.box.clientWidth / 7.5)), Math.max(30, this.list.length));
  }

  /** Room for the numbers at the top: more where they wrap. */
  margins() {
    this.price.priceScale().applyOptions({ scaleMargins: { top: this.box.clientWidth < 560 ? 0.26 : 0.13, bottom: 0.06 } });
  }

  /** The newest candle changed. @param {Candle} candle */
  update(candle) {
    if (this.candles.at(-1)?.time === candle.time) this.candles.pop();
    this.candles.push(candle);
    this.list[this.list.length - 1] = { time: candle.time, candle };
    this.price.update(this.bar(candle));
    this.volume.update(this.traded(candle));
    this.ribbon.update(this.mark({ time: candle.time, candle }));
    this.drawn = this.study();
    for (const line of this.drawn) {
      const value = line.values.at(-1);
      if (value != null) this.lines.get(line.name)?.update(this.point(line, candle.time, value));
    }
  }

  /** @param {Candle} candle */
  bar(candle) {
    const { time, open, high, low, close } = candle;
    return { time, open, high, low, close };
  }

  /** @param {Candle} candle */
  traded(candle) {
    return { time: candle.time, value: candle.volume, color: color(candle.close >= candle.open ? "up-soft" : "down-soft") };
  }

  /** @param {Slot} slot */
  mark(slot) {
    return { time: slot.time, value: 1, color: color(slot.candle ? `proof-${proof(slot.candle)[0]}` : "proof-gap") };
  }

  /** @returns {Drawn[]} */
  study() {
    const closes = this.candles.map((candle) => candle.close);
    const on = (/** @type {string} */ study) => this.studies.has(study);
    /** @type {Drawn[]} */
    const found = [];
    if (on("ma")) for (const length of [5, 20, 60, 120]) {
      found.push({ name: `MA${length}`, color: color(`ma${length}`), values: average(closes, length), pane: 0, study: "ma" });
    }
    if (on("vwap") && !this.daily) found.push({ name: "VWAP", color: color("vwap"), values: sessionVwap(this.candles), pane: 0, study: "vwap", dashed: true });
    if (on("bands")) bands(closes, 20, 2).forEach((values, at) => found.push({ name: at ? "하단" : "상단", color: color("bands"), values, pane: 0, study: "bands" }));
    let pane = 2;
    if (on("rsi")) found.push({ name: "RSI14", color: color("rsi"), values: rsi(closes, 14), pane: pane++, study: "rsi", digits: 1 });
    if (on("macd")) {
      const { line, signal, bars } = macd(closes);
      found.push({ name: "오실레이터", color: color("soft"), values: bars, pane, study: "macd", bars: true });
      found.push({ name: "MACD", color: color("ma20"), values: line, pane, study: "macd" });
      found.push({ name: "시그널", color: color("ma5"), values: signal, pane, study: "macd" });
    }
    return found.map((line) => this.serve(line));
  }

  /** What the server says of a line goes before what the page works out: it has seen what stands before the first candle.
   * @param {Drawn} line @returns {Drawn} */
  serve(line) {
    const told = this.served.get(line.name);
    if (!told) return line;
    const values = line.values.map((value, at) => {
      const said = told.get(this.candles[at].time);
      return said === undefined ? value : said;
    });
    return { ...line, values };
  }

  draw() {
    this.drawn = this.study();
    const wanted = new Set(this.drawn.map((line) => `${line.name} ${line.pane}`));
    for (const [name, series] of [...this.lines]) {
      if (wanted.has(`${name} ${series.paneIndexWanted}`)) continue;
      this.chart.removeSeries(series);
      this.lines.delete(name);
    }
    for (const line of this.drawn) this.lineFor(line).setData(this.points(line));
    const factors = [6, 1.6, 1.6, 1.6];
    this.chart.panes().forEach((pane, at) => pane.setStretchFactor(factors[at] ?? 1.6));
  }

  /** @param {Drawn} line */
  lineFor(line) {
    const known = this.lines.get(line.name);
    const look = { color: line.color, lineWidth: 1, ...quiet, lineStyle: line.dashed ? LineStyle.Dashed : LineStyle.Solid, priceFormat: { type: "custom", minMove: 0.01, formatter: (/** @type {number} */ value) => line.digits ? value.toFixed(line.digits) : number(value) } };
    if (known) {
      known.applyOptions(look);
      return known;
    }
    const series = this.chart.addSeries(line.bars ? HistogramSeries : LineSeries, look, line.pane);
    series.paneIndexWanted = line.pane;
    if (line.study === "rsi") for (const price of [30, 70]) series.createPriceLine({ price, color: color("line"), lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: "" });
    this.lines.set(line.name, series);
    return series;
  }

  /** The VWAP begins anew with each session: from one's last point nothing leads to the next. @param {Drawn} line */
  points(line) {
    return this.candles.flatMap((candle, at) => {
      const value = line.values[at];
      if (value == null) return [];
      const point = this.point(line, candle.time, value);
      const next = this.candles[at + 1];
      const ends = line.study === "vwap" && next && (line.values[at + 1] == null || dateOf(next.time) !== dateOf(candle.time));
      return [ends ? { ...point, color: "transparent" } : point];
    });
  }

  /** @param {Drawn} line @param {number} time @param {number} value */
  point(line, time, value) {
    return line.bars ? { time, value, color: color(value >= 0 ? "up-soft" : "down-soft") } : { time, value };
  }

  /** The previous session's close and today's open. */
  level() {
    for (const old of this.levels) this.price.removePriceLine(old);
    this.levels = [];
    const last = this.candles.at(-1);
    if (!last || this.daily) return;
    const start = this.candles.findIndex((candle) => dateOf(candle.time) === dateOf(last.time));
    const mark = (/** @type {number} */ price, /** @type {string} */ title) => this.levels.push(this.price.createPriceLine({ price, title, color: color("level"), lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: true, axisLabelColor: color("label") }));
    mark(this.candles[start].open, "시가");
    const before = this.before(this.candles.length - 1);
    if (before != null) mark(before, "전일 종가");
  }

  /** The close that a candle's change is told against: of the session before; none where that one is not here. @param {number} at */
  before(at) {
    const day = dateOf(this.candles[at].time);
    const last = this.candles.slice(0, at).findLast((candle) => dateOf(candle.time) !== day);
    if (!last) return null;
    const between = [...this.days.values()].filter((one) => one.day > dateOf(last.time) && one.day < day);
    return between.every((one) => one.status === "NO_TRADES") ? last.close : null;
  }

  /** @param {string} title */
  picture(title) {
    const shot = this.chart.takeScreenshot(true);
    const canvas = document.createElement("canvas");
    const ratio = devicePixelRatio, head = 44 * ratio;
    [canvas.width, canvas.height] = [shot.width, shot.height + head];
    const paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    paper.fillStyle = color("back");
    paper.fillRect(0, 0, canvas.width, canvas.height);
    paper.drawImage(shot, 0, head);
    paper.fillStyle = color("ink");
    paper.font = `600 ${16 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
    paper.fillText(title, 16 * ratio, 28 * ratio);
    return canvas;
  }
}
