/** The previous session's close and today's open: drawn over today's candles alone. And the newest price at the axis. */

import { quiet } from "./chart_options.js";
import { color } from "./colors.js";
import { dateOf } from "./format.js";
import { LineSeries, LineStyle } from "./lightweight-charts.js";

/** @typedef {import("./candle.js").Candle} Candle */

export class Levels {
  /** @param {import("./lightweight-charts.js").IChartApi} chart @param {any} price the series of the candles */
  constructor(chart, price) {
    const look = { ...quiet, lastValueVisible: true, lineWidth: /** @type {const} */ (1), lineStyle: LineStyle.Dotted, autoscaleInfoProvider: () => null };
    this.open = chart.addSeries(LineSeries, { ...look, title: "시가" });
    this.before = chart.addSeries(LineSeries, { ...look, title: "전일 종가" });
    this.last = price.createPriceLine({ price: 0, lineWidth: 1, lineStyle: LineStyle.Dashed, axisLabelVisible: true, lineVisible: false, title: "" });
  }

  /** @param {Candle[]} candles @param {boolean} bare without the two lines @param {number | null} before the previous session's close @param {object} format */
  set(candles, bare, before, format) {
    const last = candles.at(-1);
    const today = last && !bare ? candles.filter((candle) => dateOf(candle.time) === dateOf(last.time)) : [];
    for (const [series, price] of /** @type {[any, number | null][]} */ ([[this.open, today[0]?.open ?? null], [this.before, before]])) {
      series.applyOptions({ color: color("level"), priceFormat: format });
      series.setData(price == null ? [] : today.map(({ time }) => ({ time, value: price })));
    }
    this.price(last, before);
  }

  /** @param {Candle | undefined} candle the newest @param {number | null} before */
  price(candle, before) {
    const way = candle && candle.close < (before ?? candle.open) ? "down" : "up";
    this.last.applyOptions({ price: candle?.close ?? 0, color: color(way), axisLabelColor: color(way), axisLabelVisible: candle != null, lineVisible: candle != null });
  }
}
