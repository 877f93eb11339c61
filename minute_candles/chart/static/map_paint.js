/** Draws the map on its canvas: the cells in sight, the names on the left, the days above. */

import { color } from "./colors.js";

/** @typedef {import("./map_grid.js").Grid} Grid */
/** The indexes of rows and columns in sight, each the first one and the one after the last. @typedef {[number, number][]} Span */

export const [NAMES, TOP, HEIGHT] = [132, 30, 18]; // pixels
/** Why a day is unproven, by colour. @type {Record<string, string>} */
const REASONS = { ADJUSTED_SOURCE: "doubt-adjusted", UNEXPECTED_HOURS: "doubt-hours", MISSING_AT_SOURCE: "doubt-source", DAILY_MISMATCH: "doubt-daily", DAILY_MISSING: "doubt-daily", DAILY_UNREADABLE: "doubt-daily", VOLUME_SHORT: "doubt-daily" };
/** @type {Record<string, string>} */
const COLORS = { COMPLETE: "proof-proven", NO_TRADES: "proof-stored", UNPROVEN: "proof-unproven", PROVISIONAL: "proof-provisional", MISSING: "proof-gap" };
const FONT = '12px "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", NanumGothic, system-ui, sans-serif';

/** @param {Grid} grid @param {CanvasRenderingContext2D} pen */
export function paint(grid, pen) {
  const span = grid.span();
  pen.clearRect(0, 0, grid.box.clientWidth, grid.box.clientHeight);
  pen.font = FONT;
  pen.textBaseline = "middle";
  cells(grid, pen, span);
  outline(grid, pen);
  names(grid, pen, span);
  days(grid, pen, span);
}

/** @param {Grid} grid @param {CanvasRenderingContext2D} pen @param {Span} span */
function cells(grid, pen, [[top, bottom], [left, right]]) {
  const fills = /** @type {Map<string, Path2D>} */ (new Map()); // one a colour: thousands of cells are a few calls
  const struck = new Path2D();
  for (let row = top; row < bottom; row += 1) {
    const { days: known, begins = "9" } = grid.rows[row];
    for (let column = left; column < right; column += 1) {
      const day = known.get(grid.dates[column]);
      if (day) cell(grid, grid.x(column), grid.y(row), day, begins, fills, struck);
    }
  }
  for (const [look, path] of fills) {
    const [name, faded] = look.split(" ");
    pen.globalAlpha = faded ? 0.15 : 1;
    pen.fillStyle = color(name);
    pen.fill(path);
  }
  pen.globalAlpha = 1;
  pen.strokeStyle = color("alarm");
  pen.stroke(struck);
}

/** @param {Grid} grid @param {number} x @param {number} y @param {import("./map_data.js").Day} day @param {string} begins the day before which nothing traded @param {Map<string, Path2D>} fills @param {Path2D} struck */
function cell(grid, x, y, { status, reasons, date }, begins, fills, struck) {
  const faded = grid.only !== "" && grid.only !== status;
  const look = `${(status === "UNPROVEN" && REASONS[reasons[0]]) || (COLORS[status] ?? "proof-gap")}${faded ? " faded" : ""}`;
  const path = fills.get(look) ?? new Path2D();
  fills.set(look, path);
  const inset = status === "NO_TRADES" && date < begins ? 5 : 0; // perhaps not listed yet
  path.rect(x + 0.5, y + 1 + inset, grid.width - 1.5, HEIGHT - 2 - 2 * inset);
  if (status !== "MISSING" || faded) return;
  struck.moveTo(x + 2, y + HEIGHT - 3); // not by its colour alone
  struck.lineTo(x + grid.width - 3, y + 3);
}

/** @param {Grid} grid @param {CanvasRenderingContext2D} pen */
function outline(grid, pen) {
  if (!grid.cursor) return;
  pen.strokeStyle = color("focus");
  pen.lineWidth = 2;
  pen.strokeRect(grid.x(grid.cursor.column), grid.y(grid.cursor.row), grid.width, HEIGHT);
  pen.lineWidth = 1;
}

/** @param {Grid} grid @param {CanvasRenderingContext2D} pen @param {Span} span */
function names(grid, pen, [[top, bottom]]) {
  pen.fillStyle = color("back");
  pen.fillRect(0, 0, NAMES - 2, grid.box.clientHeight);
  pen.fillStyle = color("ink");
  pen.textAlign = "left";
  for (let row = top; row < bottom; row += 1) {
    pen.fillText(grid.rows[row].name || grid.rows[row].symbol, 20, grid.y(row) + HEIGHT / 2, NAMES - 28);
  }
}

/** @param {Grid} grid @param {CanvasRenderingContext2D} pen @param {Span} span */
function days(grid, pen, [, [left, right]]) {
  pen.fillStyle = color("back");
  pen.fillRect(0, 0, grid.box.clientWidth, TOP - 1);
  pen.fillStyle = color("soft");
  for (let column = left, free = NAMES; column < right; column += 1) {
    const [date, x] = [grid.dates[column], grid.x(column)];
    const month = date.slice(0, 7) !== grid.dates[column - 1]?.slice(0, 7);
    if (x < free || (!month && column % 5)) continue;
    pen.fillText(`${Number(date.slice(5, 7))}/${Number(date.slice(8))}`, x, TOP / 2);
    free = x + 38;
  }
}
