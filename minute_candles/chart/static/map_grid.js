/** The map's canvas: where each cell stands as it scrolls; only those in sight are drawn, whatever the map holds. */

import { HEIGHT, NAMES, TOP, paint } from "./map_paint.js";

/** @typedef {import("./map_data.js").Row} Row */
/** @typedef {{row: number, column: number}} Cell */

const LEAST = 13; // pixels of a day

export class Grid {
  /** @param {HTMLElement} box scrolls @param {HTMLCanvasElement} canvas stays in sight @param {HTMLElement} extent is as large as the whole map */
  constructor(box, canvas, extent) {
    this.box = box;
    this.canvas = canvas;
    this.extent = extent;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.rows = /** @type {Row[]} */ ([]);
    this.dates = /** @type {string[]} */ ([]);
    this.only = "";
    this.cursor = /** @type {Cell | null} */ (null);
    this.width = LEAST; // of a day
    this.due = false;
    this.right = 0; // pixels to the right of what is seen
    box.addEventListener("scroll", () => this.redraw(), { passive: true });
    new ResizeObserver(() => this.redraw()).observe(box);
  }

  /** @param {Row[]} rows @param {string[]} dates @param {string} only the state that is not faded */
  show(rows, dates, only) {
    const [right, first] = [this.box.scrollWidth - this.box.scrollLeft, !this.dates.length];
    if (this.cursor) this.cursor = { ...this.cursor, column: this.cursor.column + dates.length - this.dates.length };
    [this.rows, this.dates, this.only] = [rows, dates, only];
    this.#size();
    this.box.scrollLeft = first ? this.box.scrollWidth : this.box.scrollWidth - right; // older days come in on the left
    this.redraw();
  }

  redraw() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => { this.due = false; this.#draw(); });
  }

  /** @param {MouseEvent} event @returns {Cell | null} */
  at(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    const row = Math.floor((y - TOP + this.box.scrollTop) / HEIGHT);
    const column = Math.floor((x - NAMES + this.box.scrollLeft) / this.width);
    return x >= NAMES && y >= TOP && this.rows[row] && this.dates[column] ? { row, column } : null;
  }

  /** @param {Cell} cell */
  look(cell) {
    const [x, y] = [cell.column * this.width, cell.row * HEIGHT];
    const [width, height] = [this.box.clientWidth - NAMES, this.box.clientHeight - TOP];
    this.box.scrollLeft = Math.min(x, Math.max(this.box.scrollLeft, x + this.width - width));
    this.box.scrollTop = Math.min(y, Math.max(this.box.scrollTop, y + HEIGHT - height));
    this.redraw();
  }

  #size() {
    const { clientWidth } = this.box;
    this.width = Math.max(LEAST, Math.min(28, Math.floor((clientWidth - NAMES) / Math.min(60, this.dates.length || 60))));
    this.extent.style.width = `${NAMES + this.dates.length * this.width}px`;
    this.extent.style.height = `${TOP + this.rows.length * HEIGHT}px`;
  }

  #draw() {
    const { clientWidth, clientHeight } = this.box;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
      [this.canvas.style.width, this.canvas.style.height] = [`${clientWidth}px`, `${clientHeight}px`];
      this.#size();
      if (this.right < 2) this.box.scrollLeft = this.box.scrollWidth; // who looks at the newest still does
    }
    this.right = this.box.scrollWidth - this.box.scrollLeft - clientWidth;
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint(this, this.pen);
    this.canvas.dataset.drawn = `${this.rows.length} ${this.dates.length}`;
  }

  /** The first index in sight and the one after the last. @param {number} scrolled @param {number} sight @param {number} size @param {number} count @returns {[number, number]} */
  #inSight(scrolled, sight, size, count) {
    return [Math.max(0, Math.floor(scrolled / size)), Math.min(count, Math.ceil((scrolled + sight) / size))];
  }

  /** The rows and the columns in sight. @returns {[number, number][]} */
  span() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.box;
    return [this.#inSight(scrollTop, clientHeight - TOP, HEIGHT, this.rows.length), this.#inSight(scrollLeft, clientWidth - NAMES, this.width, this.dates.length)];
  }

  /** @param {number} row */
  y(row) { return TOP + row * HEIGHT - this.box.scrollTop; }

  /** @param {number} column */
  x(column) { return NAMES + column * this.width - this.box.scrollLeft; }
}
