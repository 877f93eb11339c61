/** What lies between two points: price, percent, candles, time. Pure. */

import { number, signed } from "./format.js";

/** @typedef {import("./drawings.js").Point} Point */

/** @param {Point} from @param {Point} to @param {number} candles between them @param {boolean} daily */
export function measured(from, to, candles, daily) {
  const moved = to.price - from.price;
  const percent = signed((moved * 100) / from.price);
  return `${moved > 0 ? "+" : ""}${number(moved)}원 (${percent}) · ${candles}봉 · ${span(Math.abs(to.time - from.time), daily)}`;
}

/** @param {number} seconds @param {boolean} daily */
function span(seconds, daily) {
  const [days, hours, minutes] = [Math.floor(seconds / 86400), Math.floor((seconds % 86400) / 3600), Math.round((seconds % 3600) / 60)];
  if (daily) return `${days}일`;
  return [days && `${days}일`, hours && `${hours}시간`, (minutes || seconds < 60) && `${minutes}분`].filter(Boolean).join(" ");
}
