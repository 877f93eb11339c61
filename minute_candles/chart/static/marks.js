/** What is marked on the candles: alerts that fired, and patterns where they are switched on. */

import { createSeriesMarkers } from "./lightweight-charts.js";
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

/** @typedef {{time: number, position: string, shape: string, color: string, text: string, said: string, place: number, size?: number}} Mark */

/** Pixels that the words of a mark take, about. */
const WIDTH = 72;

export class Marks {
  /** @param {any} series */
  constructor(series) {
    this.plugin = createSeriesMarkers(series, []);
    this.marks = /** @type {Mark[]} */ ([]);
  }

  /** @param {Map<number, number>} places where candles stand @param {Alert[]} alerts of this symbol @param {Pattern[]} patterns @param {Interval} interval */
  set(places, alerts, patterns, interval) {
    const all = [...this.fired(alerts, interval), ...patterns.map((pattern) => this.shape(pattern))];
    this.marks = all.flatMap((mark) => { const place = places.get(mark.time); return place == null ? [] : [{ ...mark, place }]; });
    return [...this.marks].sort((a, b) => a.time - b.time);
  }

  /** Words only where they cover no other ones: alerts before patterns, the newer before the older. @param {number} spacing pixels between two candles */
  thin(spacing) {
    const gap = WIDTH / spacing;
    const taken = /** @type {Record<string, number[]>} */ ({ aboveBar: [], belowBar: [] });
    const drawn = this.marks.toSorted((a, b) => Number(a.shape !== "square") - Number(b.shape !== "square") || b.time - a.time).map((mark) => {
      const side = taken[mark.position];
      const hidden = mark.text !== "" && side.some((place) => Math.abs(place - mark.place) < gap);
      if (mark.text && !hidden) side.push(mark.place);
      return hidden ? { ...mark, text: "" } : mark;
    });
    this.plugin.setMarkers(drawn.sort((a, b) => a.time - b.time));
    return drawn.filter((mark) => mark.text).length;
  }

  /** @param {number} time */
  said(time) {
    return this.marks.filter((mark) => mark.time === time).map((mark) => mark.said).join(" · ");
  }

  /** One mark a candle, however many rules fired there. @param {Alert[]} alerts @param {Interval} interval */
  fired(alerts, interval) {
    const found = /** @type {Map<number, Alert[]>} */ (new Map());
    for (const alert of alerts) {
      const time = windowOf(alert.time, interval);
      found.set(time, [...(found.get(time) ?? []), alert]);
    }
    return [...found].map(([time, some]) => ({
      time, said: some.map((one) => one.rule).join(" · "), position: "aboveBar", shape: "square", color: color(some.some((one) => one.severity !== "info") ? "alarm" : "alert"),
      text: some.length > 2 ? `${some[0].rule} 외 ${some.length - 1}` : some.map((one) => one.rule).join(" · "),
    }));
  }

  /** A doji warns of a turn and stands everywhere: a dot. @param {Pattern} pattern */
  shape({ time, label, direction }) {
    const way = WAYS[direction];
    return { time, said: label, ...way, color: color(direction === "none" ? "soft" : direction), size: direction === "none" ? 0.4 : 1, text: direction === "none" ? "" : label };
  }
}
