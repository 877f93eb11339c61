/** What is marked on the candles: alerts that fired, and patterns where they are switched on. */

import { createSeriesMarkers } from "/static/lightweight-charts.js";
import { dateOf } from "./format.js";

/** @typedef {import("./api.js").Alert} Alert */
/** @typedef {import("./api.js").Pattern} Pattern */
/** @typedef {number | "day"} Interval */

const WAYS = {
  up: { position: "belowBar", shape: "arrowUp" }, down: { position: "aboveBar", shape: "arrowDown" }, none: { position: "aboveBar", shape: "circle" },
};

/** @param {string} name */
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** The start of the window of the shown interval that a moment falls into. @param {number} time @param {Interval} interval */
export function windowOf(time, interval) {
  const midnight = Date.parse(`${dateOf(time)}T00:00:00Z`) / 1000;
  return interval === "day" ? midnight : time - ((time - midnight) % (interval * 60));
}

export class Marks {
  /** @param {any} series */
  constructor(series) {
    this.plugin = createSeriesMarkers(series, []);
  }

  /** @param {Set<number>} times where candles stand @param {Alert[]} alerts of this symbol @param {Pattern[]} patterns @param {Interval} interval */
  set(times, alerts, patterns, interval) {
    const all = [...this.fired(alerts, interval), ...patterns.map((pattern) => this.shape(pattern))];
    const marks = all.filter((mark) => times.has(mark.time)).sort((a, b) => a.time - b.time);
    this.plugin.setMarkers(marks);
    return marks;
  }

  /** One mark a candle, however many rules fired there. @param {Alert[]} alerts @param {Interval} interval */
  fired(alerts, interval) {
    const found = /** @type {Map<number, Alert[]>} */ (new Map());
    for (const alert of alerts) {
      const time = windowOf(alert.time, interval);
      found.set(time, [...(found.get(time) ?? []), alert]);
    }
    return [...found].map(([time, some]) => ({
      time, position: "aboveBar", shape: "square", color: color(some.some((one) => one.severity !== "info") ? "alarm" : "alert"),
      text: some.length > 2 ? `${some[0].rule} 외 ${some.length - 1}` : some.map((one) => one.rule).join(" · "),
    }));
  }

  /** A doji warns of a turn and stands everywhere: a dot. @param {Pattern} pattern */
  shape({ time, label, direction }) {
    const way = WAYS[direction];
    return { time, ...way, color: color(direction === "none" ? "soft" : direction), size: direction === "none" ? 0.4 : 1, text: direction === "none" ? "" : label };
  }
}
