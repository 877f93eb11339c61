/** What is marked: alerts that fired above their candles, patterns in a lane of their own below all of them. */

import { windowOf } from "./candle.js";
import { color } from "./colors.js";
import { createSeriesMarkers } from "./lightweight-charts.js";

/** @typedef {import("./api.js").Alert} Alert */
/** @typedef {import("./api.js").Pattern} Pattern */
/** @typedef {import("./candle.js").Interval} Interval */
/** @typedef {{time: number, position: "aboveBar" | "inBar", shape: "square" | "arrowUp" | "arrowDown" | "circle", color: string, text: string, said: string, place: number, size?: number}} Mark */

/** The strongest first: what more candles agree on, then what turns. */
const STRENGTH = [
  "three_white_soldiers", "three_black_crows", "morning_star", "evening_star", "engulfing", "piercing", "dark_cloud_cover",
  "hammer", "hanging_man", "shooting_star", "inverted_hammer", "harami", "marubozu", "dragonfly_doji", "gravestone_doji", "doji", "spinning_top",
];
const SHAPES = /** @type {const} */ ({ up: "arrowUp", down: "arrowDown", none: "circle" });
const LONGEST = 28; // letters of a mark
const paper = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));

export class Marks {
  /** @param {any} price the series of the candles @param {any} lane the one below them */
  constructor(price, lane) {
    this.lanes = [createSeriesMarkers(price, []), createSeriesMarkers(lane, [])].map((plugin) => ({ plugin, marks: /** @type {Mark[]} */ ([]) }));
  }

  /** @param {Map<number, number>} places where candles stand @param {Alert[]} alerts of this symbol @param {Pattern[]} patterns @param {Interval} interval */
  set(places, alerts, patterns, interval) {
    const placed = (/** @type {Mark[]} */ marks) => marks.flatMap((mark) => { const place = places.get(mark.time); return place == null ? [] : [{ ...mark, place }]; });
    this.lanes[0].marks = placed(fired(alerts, interval));
    this.lanes[1].marks = placed(strongest(patterns).map(shape));
    return this.lanes.flatMap(({ marks }) => marks).sort((a, b) => a.time - b.time);
  }

  /** Words only where they cover no other ones of their lane: the newer before the older. @param {number} spacing pixels between two candles */
  thin(spacing) {
    paper.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    return this.lanes.map(({ plugin, marks }) => {
      const drawn = thinned(marks, spacing);
      plugin.setMarkers(/** @type {any} */ (drawn));
      return drawn.filter((mark) => mark.text).length;
    }).reduce((a, b) => a + b);
  }

  /** @param {number} time */
  said(time) {
    return this.lanes.flatMap(({ marks }) => marks.filter((mark) => mark.time === time).map((mark) => mark.said)).join(" · ");
  }
}

/** @param {Mark[]} marks @param {number} spacing @returns {Mark[]} ascending */
function thinned(marks, spacing) {
  let left = Infinity; // where the words to the right begin
  return marks.toSorted((a, b) => b.time - a.time).map((mark) => {
    const half = mark.text ? paper.measureText(mark.text).width / 2 + 4 : 0;
    const hidden = mark.place * spacing + half > left;
    if (half && !hidden) left = mark.place * spacing - half;
    return hidden ? { ...mark, text: "" } : mark;
  }).reverse();
}

/** One a candle. @param {Pattern[]} patterns @returns {Pattern[]} */
export function strongest(patterns) {
  const rank = (/** @type {Pattern} */ one) => (STRENGTH.indexOf(one.name) + STRENGTH.length) % STRENGTH.length;
  const found = /** @type {Map<number, Pattern>} */ (new Map());
  for (const pattern of patterns) {
    const known = found.get(pattern.time);
    if (!known || rank(pattern) < rank(known)) found.set(pattern.time, pattern);
  }
  return [...found.values()];
}

/** @param {Pattern} pattern @returns {Mark} */
const shape = ({ time, label, direction }) => ({ time, said: label, place: 0, position: "inBar", shape: SHAPES[direction], color: color(direction === "none" ? "soft" : direction), text: label, size: direction === "none" ? 0.5 : 1 });

/** @param {string} text */
const short = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

/** One mark a candle, however many rules fired there. @param {Alert[]} alerts @param {Interval} interval @returns {Mark[]} */
function fired(alerts, interval) {
  const found = /** @type {Map<number, Alert[]>} */ (new Map());
  for (const alert of alerts) {
    const time = windowOf(alert.time, interval);
    found.set(time, [...(found.get(time) ?? []), alert]);
  }
  return [...found].map(([time, some]) => ({
    time, place: 0, said: some.map((one) => `${one.rule}: ${one.text}`).join(" · "), position: "aboveBar", shape: "square", color: color(some.some((one) => one.severity !== "info") ? "alarm" : "alert"),
    text: some.length > 2 ? `${some[0].rule} 외 ${some.length - 1}` : some.length > 1 ? some.map((one) => one.rule).join(" · ") : short(`${some[0].rule}: ${some[0].text}`),
  }));
}
