/** What is drawn by hand, as the chart paints it: levels, trend lines, the measured box. A primitive of lightweight-charts. */

import { windowOf } from "./candle.js";
import { color } from "./colors.js";

/** @typedef {import("./drawings.js").Point} Point */
/** `id`: "" where it cannot be chosen. @typedef {{kind: "level" | "trend" | "measure", points: Point[], id: string, chosen?: boolean, label?: string}} Shape */
/** @typedef {[number, number]} Place pixels */

const NEAR = 6; // pixels within which a line is hit

export class Sketch {
  /** @param {import("./view.js").View} view */
  constructor(view) {
    this.view = view;
    this.shapes = /** @type {Shape[]} */ ([]);
  }

  /** @param {any} attached */
  attached({ requestUpdate }) {
    this.update = requestUpdate;
  }

  /** @param {Shape[]} shapes */
  set(shapes) {
    this.shapes = shapes;
    this.update?.();
  }

  /** Where a time stands among the slots; null left of them. @param {number} time */
  placeOf(time) {
    const { list, interval } = this.view;
    const start = windowOf(time, interval);
    if (!list.length || start < list[0].time) return null;
    const at = list.findIndex((slot) => slot.time >= start);
    return at < 0 ? list.length - 1 : at;
  }

  /** @param {Shape} shape @returns {Place[]} none where it cannot be seen */
  places({ kind, points }) {
    const scale = this.view.chart.timeScale();
    const found = points.map(({ time, price }) => {
      const at = this.placeOf(time), y = this.view.price.priceToCoordinate(price);
      return at == null ? [null, y] : [scale.logicalToCoordinate(/** @type {any} */ (at)), y];
    });
    if (kind === "level") return found[0][1] == null ? [] : [[0, found[0][1]], [scale.width(), found[0][1]]];
    return found.every(([x, y]) => x != null && y != null) ? /** @type {Place[]} */ (found) : [];
  }

  paneViews() {
    return [{ zOrder: () => "top", renderer: () => ({ draw: (/** @type {any} */ target) => target.useMediaCoordinateSpace((/** @type {any} */ { context }) => this.draw(context)) }) }];
  }

  /** @param {CanvasRenderingContext2D} context */
  draw(context) {
    for (const shape of this.shapes) {
      const places = this.places(shape);
      if (places.length === 2) shape.kind === "measure" ? box(context, shape, places) : line(context, shape, places);
    }
  }

  /** @param {number} x @param {number} y */
  hitTest(x, y) {
    const hit = this.shapes.find((shape) => {
      const places = shape.id ? this.places(shape) : [];
      return places.length === 2 && distance([x, y], places) <= NEAR;
    });
    return hit ? { externalId: hit.id, zOrder: "top", cursorStyle: "pointer" } : null;
  }
}

/** @param {Place} point @param {Place[]} ends */
function distance([x, y], [[x1, y1], [x2, y2]]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x1 - along * dx, y - y1 - along * dy);
}

/** @param {CanvasRenderingContext2D} context @param {Shape} shape @param {Place[]} ends */
function line(context, shape, [[x1, y1], [x2, y2]]) {
  context.strokeStyle = context.fillStyle = color("drawn");
  context.lineWidth = shape.chosen ? 2.5 : 1.5;
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
  if (shape.label) word(context, shape.label, 8, y1 - 10, "drawn");
  if (!shape.chosen) return;
  for (const [x, y] of /** @type {Place[]} */ ([[x1, y1], [x2, y2]])) {
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fill();
  }
}

/** @param {CanvasRenderingContext2D} context @param {Shape} shape @param {Place[]} ends */
function box(context, shape, [[x1, y1], [x2, y2]]) {
  const name = shape.points[1].price >= shape.points[0].price ? "up" : "down";
  context.globalAlpha = 0.14;
  context.fillStyle = color(name);
  context.fillRect(x1, y1, x2 - x1, y2 - y1);
  context.globalAlpha = 1;
  line(context, { ...shape, label: "" }, [[x1, y1], [x2, y2]]);
  word(context, shape.label ?? "", (x1 + x2) / 2, y2 < y1 ? y2 - 14 : y2 + 14, name, true);
}

/** On a ground of its own, inside the pane. @param {CanvasRenderingContext2D} context @param {string} text @param {number} x @param {number} y @param {string} name colour @param {boolean} [centred] */
function word(context, text, x, y, name, centred = false) {
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const wide = context.measureText(text).width + 12, room = context.canvas.clientWidth;
  const left = Math.max(2, Math.min(room - wide - 2, centred ? x - wide / 2 : x));
  const top = Math.max(2, Math.min(context.canvas.clientHeight - 22, y - 10));
  context.fillStyle = color(name);
  context.fillRect(left, top, wide, 20);
  context.fillStyle = color("back");
  context.textBaseline = "middle";
  context.fillText(text, left + 6, top + 10.5);
}
