/** The tool in the hand: it measures, or draws a level or a trend line, by dragging, by two clicks, or by Enter on a
 * candle that the arrows reach. A line that is clicked is chosen, and can be erased. */

import { drawingsOf, keepDrawings } from "./drawings.js";
import { number } from "./format.js";
import { measured } from "./measure.js";
import { Sketch } from "./sketch.js";
import { $, state } from "./state.js";

/** @typedef {import("./drawings.js").Point} Point */
/** @typedef {"measure" | "level" | "trend"} Tool */

const STILL = 4; // pixels that a click may move

export class Pen {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.sketch = new Sketch(view);
    this.tool = /** @type {Tool | null} */ (null);
    this.points = /** @type {Point[]} */ ([]); // of what is drawn now; the measured box stays until the next one
    this.open = false; // the second point follows the pointer
    this.press = { x: 0, y: 0, begins: false };
    this.chosen = -1;
    view.price.attachPrimitive(this.sketch);
    view.chart.subscribeClick(({ hoveredObjectId }) => { if (!this.tool) this.choose(Number(hoveredObjectId ?? -1)); });
    for (const kind of ["pointerdown", "pointermove", "pointerup"]) view.box.addEventListener(kind, (event) => this.pointer(/** @type {PointerEvent} */ (event)));
  }

  /** Another symbol, other candles, another tool. */
  draw() {
    const drawings = drawingsOf(state.symbol);
    const shapes = drawings.map((one, at) => ({ ...one, id: String(at), chosen: at === this.chosen, label: one.kind === "level" ? number(one.points[0].price) : "" }));
    this.sketch.set([...shapes, ...this.unfinished()]);
    $("erase").hidden = !drawings.length;
    $("chart").dataset.lines = String(drawings.length);
    for (const button of document.querySelectorAll("[data-tool]")) button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.tool === this.tool));
  }

  /** @returns {import("./sketch.js").Shape[]} */
  unfinished() {
    const [from, to] = this.points;
    if (!to || !this.tool) return [];
    return [{ kind: this.tool, points: this.tool === "level" ? [to] : [from, to], id: "", label: this.tool === "measure" ? this.said() : "" }];
  }

  said() {
    const [from, to] = this.points;
    const [first, last] = [from, to].map((point) => this.sketch.placeOf(point.time) ?? 0);
    return measured(from, to, Math.abs(last - first), this.view.daily);
  }

  /** The same one again: put down. @param {string | undefined} tool */
  take(tool) {
    this.tool = tool === this.tool ? null : /** @type {Tool} */ (tool ?? null);
    Object.assign(this, { points: [], open: false, chosen: -1 });
    this.view.chart.applyOptions({ handleScroll: !this.tool, handleScale: !this.tool });
    $("chart").dataset.tool = this.tool ?? "";
    this.draw();
  }

  /** @returns {boolean} whether there was something to let go */
  letGo() {
    const held = this.tool != null || this.chosen >= 0;
    if (held) this.take(undefined);
    return held;
  }

  /** @param {number} at */
  choose(at) {
    this.chosen = at;
    this.draw();
  }

  /** The chosen line, or the last one drawn. */
  erase() {
    const drawings = drawingsOf(state.symbol);
    drawings.splice(this.chosen >= 0 ? this.chosen : drawings.length - 1, 1);
    keepDrawings(state.symbol, drawings);
    this.choose(-1);
  }

  /** @param {PointerEvent} event */
  pointer(event) {
    const point = this.tool && event.button <= 0 ? this.pointAt(event) : null;
    if (!point) return;
    const { clientX: x, clientY: y } = event;
    if (event.type === "pointermove") return this.reach(point);
    if (event.type === "pointerdown") {
      this.press = { x, y, begins: !this.open };
      if (!this.open) this.begin(point);
    } else if (this.open && (this.tool === "level" || !this.press.begins || Math.hypot(x - this.press.x, y - this.press.y) > STILL)) this.finish(point);
  }

  /** @param {PointerEvent} event @returns {Point | null} null where no candles are */
  pointAt({ clientX, clientY }) {
    const { box, chart, list, price } = this.view;
    const { left, top } = box.getBoundingClientRect();
    const [x, y] = [clientX - left, clientY - top];
    const logical = chart.timeScale().coordinateToLogical(x), value = price.coordinateToPrice(y);
    if (logical == null || value == null || !list.length || x > chart.timeScale().width() || y > chart.panes()[0].getHeight()) return null;
    const grid = price.options().priceFormat.minMove;
    return { time: list[Math.min(list.length - 1, Math.max(0, Math.round(logical)))].time, price: Math.round(value / grid) * grid };
  }

  /** By Enter: at the close of the candle that is read. @returns {boolean} whether a tool is in the hand */
  placeHere() {
    const point = this.read();
    if (!this.tool || !point) return false;
    const ends = this.open || this.tool === "level";
    if (!this.open) this.begin(point);
    if (ends) this.finish(point);
    return true;
  }

  /** The arrows moved. */
  reachHere() {
    this.reach(this.read());
  }

  read() {
    const candle = this.view.candles.find(({ time }) => time === state.hovered) ?? this.view.candles.at(-1);
    return candle ? { time: candle.time, price: candle.close } : null;
  }

  /** @param {Point} point */
  begin(point) {
    this.points = [point, point];
    this.open = true;
    this.draw();
  }

  /** @param {Point | null} point */
  reach(point) {
    if (!this.open || !point) return;
    this.points = [this.points[0], point];
    this.draw();
  }

  /** A line is kept, and its tool put down. @param {Point} point */
  finish(point) {
    this.reach(point);
    this.open = false;
    if (this.tool === "measure") { $("spoken").textContent = this.said(); return; }
    const drawing = { kind: /** @type {"level" | "trend"} */ (this.tool), points: this.tool === "level" ? [point] : this.points };
    keepDrawings(state.symbol, [...drawingsOf(state.symbol), drawing]);
    this.take(undefined);
  }
}
