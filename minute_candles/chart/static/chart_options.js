/** How the chart looks: fonts, axes, crosshair. Times are the KST wall clock as if it were UTC. */

import { color } from "./colors.js";
import { clockOf, moment, number } from "./format.js";
import { ColorType, CrosshairMode } from "./lightweight-charts.js";

const YEARS = 0, MONTHS = 1, DAYS = 2;
/** A series without labels of its own. */
export const quiet = { lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };

/** @param {() => import("./candle.js").Interval} interval */
export const chartOptions = (interval) => ({
  layout: layout(),
  grid: { vertLines: { visible: false }, horzLines: { color: color("grid") } },
  crosshair: { mode: CrosshairMode.Normal, vertLine: hair(), horzLine: hair() },
  rightPriceScale: { borderVisible: false, minimumWidth: 68 },
  timeScale: { borderColor: color("line"), timeVisible: true, rightOffset: 6, minBarSpacing: 1, tickMarkFormatter: tick },
  localization: { locale: "ko-KR", timeFormatter: (/** @type {any} */ at) => moment(at, interval()) },
});

const layout = () => ({
  background: { type: /** @type {const} */ (ColorType.Solid), color: color("back") }, textColor: color("soft"), fontSize: 12,
  fontFamily: getComputedStyle(document.body).fontFamily, attributionLogo: false,
  panes: { separatorColor: color("line"), separatorHoverColor: color("hover"), enableResize: true },
});

const hair = () => ({ color: color("soft"), labelBackgroundColor: color("label") });

/** @param {any} at @param {number} kind */
function tick(at, kind) {
  const when = new Date(at * 1000);
  if (kind === YEARS) return `${when.getUTCFullYear()}년`;
  if (kind === MONTHS) return `${when.getUTCMonth() + 1}월`;
  return kind === DAYS ? `${when.getUTCMonth() + 1}.${when.getUTCDate()}` : clockOf(at);
}

/** Prices on the grid that these candles lie on: the tick differs by price and kind of paper. @param {import("./candle.js").Candle[]} candles */
export function priceFormat(candles) {
  const grid = gridOf(candles);
  return { type: /** @type {const} */ ("custom"), minMove: grid, formatter: (/** @type {number} */ price) => number(Math.round(price / grid) * grid) };
}

/** @param {import("./candle.js").Candle[]} candles */
function gridOf(candles) {
  let grid = 0;
  for (const { open, high, low, close } of candles.slice(-400)) for (const price of [open, high, low, close]) grid = divisor(grid, price);
  return grid && grid <= 1000 ? grid : 1; // of one price alone nothing is known
}

/** @param {number} a @param {number} b @returns {number} the greatest common divisor */
const divisor = (a, b) => (b ? divisor(b, a % b) : a);
