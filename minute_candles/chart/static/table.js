/** The numbers as a table, newest first: for screen readers, and for who wants to read or copy them. */

import { fine, moment, number, proof } from "./format.js";

/** @param {HTMLElement} box @param {import("./candle.js").Candle[]} candles @param {import("./candle.js").Interval} interval */
export function fillTable(box, candles, interval) {
  box.replaceChildren(...candles.toReversed().map((candle) => row(candle, interval)));
}

/** @param {import("./candle.js").Candle} candle @param {import("./candle.js").Interval} interval */
function row(candle, interval) {
  const made = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  head.textContent = moment(candle.time, interval);
  const { open, high, low, close, volume, vwap } = candle;
  const cells = [...[open, high, low, close, volume].map(number), fine(vwap), proof(candle)[1]];
  made.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return made;
}
