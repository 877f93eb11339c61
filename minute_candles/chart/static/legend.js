/** The line of numbers and the lines' values, of the slot under the crosshair or of the newest candle; why none stands there. */

import { DAYS, dateOf, fine, moment, money, number, proof, signed } from "./format.js";
import { reason } from "./slots.js";
import { $, state } from "./state.js";

/** @typedef {import("./view.js").View} View */
/** @typedef {import("./view.js").Drawn} Drawn */

/** @param {View} view @param {number | null} time @param {(time: number) => string} marked what is marked on a candle */
export function tell(view, time, marked) {
  const newest = view.list.findLastIndex((slot) => slot.candle);
  const at = time != null ? view.list.findIndex((slot) => slot.time === time) : newest < 0 ? view.list.length - 1 : newest;
  const slot = view.list[at];
  tellDay(slot ? dateOf(slot.time) : "");
  $("hint").hidden = !slot || slot.candle !== null;
  if (!slot?.candle) {
    $("numbers").textContent = "";
    $("lines").textContent = "";
    if (slot) $("hint").textContent = `${moment(slot.time, view.daily)} — ${reason(view.list, at, state.days)}`;
    return;
  }
  const index = view.candles.findIndex((candle) => candle.time === slot.time);
  fill($("numbers"), [...numbersOf(view, index), ["", time == null ? "" : marked(slot.time), "marked"]]);
  fill($("lines"), view.drawn.map((line) => [line.name, valueOf(line, index), classOf(line)]));
}

/** @param {View} view @param {number} index @returns {string[][]} label, text, class */
function numbersOf(view, index) {
  const candle = view.candles[index];
  const { time, open, high, low, close, volume, vwap } = candle;
  const before = view.before(index);
  const percent = before ? ((close - before) * 100) / before : null;
  const [kind, words] = proof(candle);
  const way = close >= open ? "up" : "down";
  return [
    ["", moment(time, view.daily), "when"],
    ["시", number(open), way], ["고", number(high), way], ["저", number(low), way], ["종", number(close), way],
    ["등락률", signed(percent), percent == null || percent === 0 ? "" : percent > 0 ? "up" : "down"],
    ["거래량", number(volume), ""], ["거래대금", vwap == null ? "–" : money(vwap * volume), ""], ["VWAP", fine(vwap), ""],
    ["", words, `proof ${kind}`],
  ];
}

/** @param {Drawn} line @param {number} index */
function valueOf(line, index) {
  const value = line.values[index];
  if (value == null) return "–";
  return line.digits ? value.toFixed(line.digits) : number(value);
}

/** @param {Drawn} line */
const classOf = (line) => `line-${line.study}${line.study === "ma" ? line.name.slice(2) : ""}`;

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
  if (!day) return;
  $("day").textContent = `${Number(date.slice(5, 7))}.${Number(date.slice(8))} ${DAYS[day.status] ?? day.status}`;
  $("day").dataset.status = day.status;
}
