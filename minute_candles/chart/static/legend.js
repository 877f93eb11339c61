/** The line of numbers and the lines' values, of the slot under the crosshair or of the newest candle; why none stands there. */

import { turnoverOf } from "./candle.js";
import { mendingOf } from "./doubts.js";
import { DAYS, about, dateOf, fine, moment, number, proof, signed } from "./format.js";
import { textOf, valueAt } from "./lines.js";
import { reason } from "./slots.js";
import { $, now, state } from "./state.js";

/** @typedef {import("./view.js").View} View */

/** @param {View} view @param {number | null} time @param {(time: number) => string} marked what is marked on a candle @param {(time: number) => string[][]} more what else is drawn */
export function tell(view, time, marked, more) {
  const newest = view.list.findLastIndex((slot) => slot.candle);
  const at = time != null ? view.list.findIndex((slot) => slot.time === time) : newest < 0 ? view.list.length - 1 : newest;
  const slot = view.list[at];
  tellDay(slot ? dateOf(slot.time) : "");
  $("hint").hidden = !slot || slot.candle !== null;
  if (!slot?.candle) {
    $("numbers").textContent = "";
    $("lines").textContent = "";
    if (slot) $("hint").textContent = `${moment(slot.time, view.interval)} — ${reason(view.list, at, state.days)}`;
    return;
  }
  const index = view.candles.findIndex((candle) => candle.time === slot.time);
  fill($("numbers"), [...numbersOf(view, index), ["", time == null ? "" : marked(slot.time), "marked"]]);
  fill($("lines"), [...view.lines.drawn.map((line) => [line.name, textOf(line, valueAt(line, slot.time)), classOf(line)]), ...more(slot.time)]);
}

/** @param {View} view @param {number} index @returns {string[][]} label, text, class */
function numbersOf(view, index) {
  const candle = view.candles[index];
  const { time, open, high, low, close, volume, vwap } = candle;
  const before = view.before(index);
  const percent = before ? ((close - before) * 100) / before : null;
  const [kind, words] = proof(candle);
  const way = (/** @type {number} */ price) => (before == null || price === before ? "" : price > before ? "up" : "down");
  return [
    ["", moment(time, view.interval), "when"],
    ["시", number(open), way(open)], ["고", number(high), way(high)], ["저", number(low), way(low)], ["종", number(close), way(close)],
    ["등락률", signed(percent), way(close)],
    ["거래량", number(volume), ""], ["거래대금", view.daily ? about(turnoverOfDay(candle)) : vwap == null ? "–" : about(turnoverOf(candle)), ""], ["VWAP", fine(vwap), ""],
    ["", words, `proof ${kind}`],
  ];
}

/** Where the candles do not prove it: the daily TR's, which includes off-hours trades. @param {import("./candle.js").Candle} candle @returns {[number, boolean]} */
function turnoverOfDay(candle) {
  const known = state.days.get(dateOf(candle.time))?.turnover;
  return candle.vwap == null && known != null ? [known, false] : turnoverOf(candle);
}

/** @param {import("./lines.js").Line} line */
const classOf = (line) => `line-${line.study === "ma" ? line.color : line.study}`;

/** @param {HTMLElement} box @param {string[][]} pairs label, text, class */
function fill(box, pairs) {
  while (box.children.length > pairs.length) box.lastElementChild?.remove();
  pairs.forEach(([label, text, name], at) => {
    const span = box.children[at] ?? box.appendChild(document.createElement("span"));
    span.className = name;
    if (!span.firstElementChild) span.append(document.createElement("i"), document.createElement("b"));
    /** @type {Element} */ (span.firstElementChild).textContent = label;
    /** @type {Element} */ (span.lastElementChild).textContent = text;
  });
}

/** @param {string} date */
function tellDay(date) {
  const day = state.days.get(date);
  $("day").hidden = !day;
  $("note").textContent = day?.note ?? "";
  $("mend").textContent = mendingOf(state.symbol, day, dateOf(now()));
  $("mend").title = $("mend").textContent;
  $("mend").hidden = !$("mend").textContent;
  if (!day) return;
  $("day").textContent = `${Number(date.slice(5, 7))}.${Number(date.slice(8))} ${DAYS[day.status] ?? day.status}`;
  $("day").dataset.status = day.status;
}
