/** The indicators: what is asked of /api/indicators, and how each of its lines is drawn. */

import { quiet } from "./chart_options.js";
import { color } from "./colors.js";
import { dateOf, number } from "./format.js";
import { HistogramSeries, LineSeries, LineStyle } from "./lightweight-charts.js";
import { bandsName } from "./parameters.js";
import { state } from "./state.js";

/** @typedef {import("./candle.js").Candle} Candle */
/** `line`: its name at the server. @typedef {{name: string, line: string, color: string, bars?: boolean, digits?: number, dashed?: boolean}} Look */
/** @typedef {Look & {study: string, pane: number}} Line */

const AVERAGES = ["ma5", "ma20", "ma60", "ma120", "ma240"]; // their colours, in order

/** Of each study: what to ask for, its lines, whether they stand in a pane of their own.
 * @returns {Record<string, {names: string[], lines: Look[], own?: boolean}>} */
const studies = () => ({
  ma: { names: state.parameters.ma.map((length) => `sma${length}`), lines: state.parameters.ma.map((length, at) => ({ name: `MA${length}`, line: `sma${length}`, color: AVERAGES[at] })) },
  vwap: { names: ["vwap"], lines: [{ name: "VWAP", line: "vwap", color: "vwap", dashed: true }] },
  bands: { names: [bandsName(state.parameters)], lines: [["상단", "upper"], ["하단", "lower"]].map(([name, line]) => ({ name, line: `${bandsName(state.parameters)}_${line}`, color: "bands" })) },
  rsi: { names: ["rsi14"], own: true, lines: [{ name: "RSI14", line: "rsi14", color: "rsi", digits: 1 }] },
  macd: {
    names: ["macd"], own: true,
    lines: [{ name: "오실레이터", line: "macd_hist", color: "soft", bars: true }, { name: "MACD", line: "macd", color: "ma20" }, { name: "시그널", line: "macd_signal", color: "ma5" }],
  },
});
const FIRST_OWN_PANE = 2;

/** What to ask the server for. */
export const namesOfStudies = () => [...state.studies].flatMap((study) => studies()[study]?.names ?? []);

/** The lines that are switched on; on a scale in percent none over the candles: each would begin at 0 %.
 * @param {boolean} daily @param {boolean} percent @returns {Line[]} */
function linesOn(daily, percent) {
  let pane = FIRST_OWN_PANE;
  return Object.entries(studies()).filter(([study, { own }]) => state.studies.has(study) && !(daily && study === "vwap") && !(percent && !own)).flatMap(([study, { lines, own }]) => {
    const at = own ? pane++ : 0;
    return lines.map((look) => ({ ...look, study, pane: at }));
  });
}

/** What the server said of a line at a candle. @param {Line} line @param {number} time */
export const valueAt = (line, time) => state.lines.get(line.line)?.get(time) ?? null;

export class Lines {
  /** @param {import("./lightweight-charts.js").IChartApi} chart */
  constructor(chart) {
    this.chart = chart;
    this.drawn = /** @type {Line[]} */ ([]);
    this.series = /** @type {Map<string, any>} */ (new Map());
  }

  /** @param {Candle[]} candles @param {boolean} daily @param {boolean} percent */
  draw(candles, daily, percent) {
    this.drawn = linesOn(daily, percent);
    const wanted = new Set(this.drawn.map(keyOf));
    for (const [key, series] of [...this.series]) if (!wanted.has(key)) { this.chart.removeSeries(series); this.series.delete(key); }
    for (const line of this.drawn) this.of(line).setData(points(line, candles));
  }

  /** The newest candle changed. @param {Candle} candle */
  update(candle) {
    for (const line of this.drawn) {
      const value = valueAt(line, candle.time);
      if (value != null) this.series.get(keyOf(line))?.update(point(line, candle.time, value));
    }
  }

  /** @param {Line} line */
  of(line) {
    const look = { ...quiet, color: color(line.color), lineWidth: /** @type {const} */ (1), lineStyle: line.dashed ? LineStyle.Dashed : LineStyle.Solid, priceFormat: { type: /** @type {const} */ ("custom"), minMove: 0.01, formatter: (/** @type {number} */ value) => textOf(line, value) } };
    const known = this.series.get(keyOf(line));
    known?.applyOptions(look);
    return known ?? this.add(line, look);
  }

  /** @param {Line} line @param {object} look */
  add(line, look) {
    const series = this.chart.addSeries(line.bars ? HistogramSeries : LineSeries, look, line.pane);
    if (line.study === "rsi") bounds(series);
    this.series.set(keyOf(line), series);
    return series;
  }
}

/** RSI stands between 0 and 100; 30 and 70 are what is looked at. @param {any} series */
function bounds(series) {
  series.applyOptions({ autoscaleInfoProvider: () => ({ priceRange: { minValue: 10, maxValue: 90 } }) });
  for (const price of [30, 70]) series.createPriceLine({ price, color: color("level"), lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: true, axisLabelColor: color("label"), title: "" });
}

/** @param {Line} line */
const keyOf = (line) => `${line.name} ${line.pane}`;

/** @param {Line} line @param {number | null} value */
export const textOf = (line, value) => (value == null ? "–" : line.digits ? value.toFixed(line.digits) : number(value));

/** The VWAP begins anew with each session: from one's last point nothing leads to the next. @param {Line} line @param {Candle[]} candles */
export function points(line, candles) {
  return candles.flatMap((candle, at) => {
    const value = valueAt(line, candle.time);
    if (value == null) return [];
    const next = candles[at + 1];
    const ends = line.study === "vwap" && next && (valueAt(line, next.time) == null || dateOf(next.time) !== dateOf(candle.time));
    return [{ ...point(line, candle.time, value), ...(ends ? { color: "transparent" } : {}) }];
  });
}

/** @param {Line} line @param {number} time @param {number} value */
const point = (line, time, value) => (line.bars ? { time, value, color: color(value >= 0 ? "up-soft" : "down-soft") } : { time, value });
