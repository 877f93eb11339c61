/** The cells on a canvas: only those in sight are drawn, whatever the map holds. */

import { color } from "./colors.js";

/** @typedef {import("./map_data.js").Row} Row */
/** @typedef {{row: number, column: number}} Cell */

const [NAMES, TOP, HEIGHT, LEAST] = [132, 30, 18, 13];
/** Why a day is unproven, by colour. @type {Record<string, string>} */
const REASONS = { ADJUSTED_SOURCE: "doubt-adjusted", UNEXPECTED_HOURS: "doubt-hours", MISSING_AT_SOURCE: "doubt-source", DAILY_MISMATCH: "doubt-daily", DAILY_MISSING: "doubt-daily", DAILY_UNREADABLE: "doubt-daily", VOLUME_SHORT: "doubt-daily" };
/** @type {Record<string, string>} */
const COLORS = { COMPLETE: "proof-proven", NO_TRADES: "proof-stored", UNPROVEN: "proof-unproven", PROVISIONAL: "proof-provisional", MISSING: "proof-gap" };
const FONT = '12px "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", NanumGothic, system-ui, sans-serif';

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
    this.pen.clearRect(0, 0, clientWidth, clientHeight);
    this.pen.font = FONT;
    this.pen.textBaseline = "middle";
    this.#cells();
    this.#names();
    this.#days();
    this.canvas.dataset.drawn = `${this.rows.length} ${this.dates.length}`;
  }

  /** The first index in sight and the one after the last. @param {number} scrolled @param {number} sight @param {number} size @param {number} count */
  #seen(scrolled, sight, size, count) {
    return [Math.max(0, Math.floor(scrolled / size)), Math.min(count, Math.ceil((scrolled + sight) / size))];
  }

  #span() {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.box;
    return [this.#seen(scrollTop, clientHeight - TOP, HEIGHT, this.rows.length), this.#seen(scrollLeft, clientWidth - NAMES, this.width, this.dates.length)];
  }

  /** @param {number} row */
  #y(row) { return TOP + row * HEIGHT - this.box.scrollTop; }

  /** @param {number} column */
  #x(column) { return NAMES + column * this.width - this.box.scrollLeft; }

  #cells() {
    const [[top, bottom], [left, right]] = this.#span();
    const fills = /** @type {Map<string, Path2D>} */ (new Map()); // one a colour: thousands of cells are a few calls
    const struck = new Path2D();
    for (let row = top; row < bottom; row += 1) {
      const { days, begins = "9" } = this.rows[row];
      for (let column = left; column < right; column += 1) {
        const day = days.get(this.dates[column]);
        if (day) this.#cell(this.#x(column), this.#y(row), day, begins, fills, struck);
      }
    }
    for (const [look, path] of fills) {
      const [name, faded] = look.split(" ");
      this.pen.globalAlpha = faded ? 0.15 : 1;
      this.pen.fillStyle = color(name);
      this.pen.fill(path);
    }
    this.pen.globalAlpha = 1;
    this.pen.strokeStyle = color("alarm");
    this.pen.stroke(struck);
    this.#outline();
  }

  #outline() {
    if (!this.cursor) return;
    this.pen.strokeStyle = color("focus");
    this.pen.lineWidth = 2;
    this.pen.strokeRect(this.#x(this.cursor.column), this.#y(this.cursor.row), this.width, HEIGHT);
    this.pen.lineWidth = 1;
  }

  /** @param {number} x @param {number} y @param {import("./map_data.js").Day} day @param {string} begins the day before which nothing traded @param {Map<string, Path2D>} fills @param {Path2D} struck */
  #cell(x, y, { status, reasons, date }, begins, fills, struck) {
    const faded = this.only !== "" && this.only !== status;
    const look = `${(status === "UNPROVEN" && REASONS[reasons[0]]) || (COLORS[status] ?? "proof-gap")}${faded ? " faded" : ""}`;
    const path = fills.get(look) ?? new Path2D();
    fills.set(look, path);
    const inset = status === "NO_TRADES" && date < begins ? 5 : 0; // perhaps not listed yet
    path.rect(x + 0.5, y + 1 + inset, this.width - 1.5, HEIGHT - 2 - 2 * inset);
    if (status !== "MISSING" || faded) return;
    struck.moveTo(x + 2, y + HEIGHT - 3); // not by its colour alone
    struck.lineTo(x + this.width - 3, y + 3);
  }

  #names() {
    const [[top, bottom]] = this.#span();
    this.pen.fillStyle = color("back");
    this.pen.fillRect(0, 0, NAMES - 2, this.box.clientHeight);
    this.pen.fillStyle = color("ink");
    this.pen.textAlign = "left";
    for (let row = top; row < bottom; row += 1) {
      this.pen.fillText(this.rows[row].name || this.rows[row].symbol, 20, this.#y(row) + HEIGHT / 2, NAMES - 28);
    }
  }

  #days() {
    const [, [left, right]] = this.#span();
    this.pen.fillStyle = color("back");
    this.pen.fillRect(0, 0, this.box.clientWidth, TOP - 1);
    this.pen.fillStyle = color("soft");
    for (let column = left, free = NAMES; column < right; column += 1) {
      const [date, x] = [this.dates[column], this.#x(column)];
      const month = date.slice(0, 7) !== this.dates[column - 1]?.slice(0, 7);
      if (x < free || (!month && column % 5)) continue;
      this.pen.fillText(`${Number(date.slice(5, 7))}/${Number(date.slice(8))}`, x, TOP / 2);
      free = x + 38;
    }
  }
}
