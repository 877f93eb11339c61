/** One symbol of the list: its star, name, sparkline, price; and the words it is found by. */

import { number, signed } from "./format.js";

/** @typedef {import("./api.js").Row} Row */

const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";
const SVG = "http://www.w3.org/2000/svg";

/** @param {string} name */
function initials(name) {
  return [...name].map((letter) => {
    const code = letter.charCodeAt(0) - 0xac00;
    return code >= 0 && code < 11172 ? INITIALS[Math.floor(code / 588)] : letter;
  }).join("");
}

/** @param {string} tag @param {string} name @param {Element} parent */
function element(tag, name, parent) {
  const made = document.createElement(tag);
  made.className = name;
  return parent.appendChild(made);
}

export class Item {
  /** @param {Row} row */
  constructor(row) {
    this.box = document.createElement("li");
    this.star = /** @type {HTMLInputElement} */ (element("input", "star", this.box));
    this.star.type = "checkbox";
    this.star.setAttribute("aria-label", `${row.name || row.symbol} 관심 종목`);
    this.button = /** @type {HTMLButtonElement} */ (element("button", "item", this.box));
    this.button.dataset.symbol = row.symbol;
    this.name = element("span", "name", this.button);
    this.code = element("span", "code", this.button);
    const trace = document.createElementNS(SVG, "svg");
    trace.setAttribute("viewBox", "0 0 60 24");
    trace.setAttribute("aria-hidden", "true");
    this.line = trace.appendChild(document.createElementNS(SVG, "polyline"));
    this.button.append(trace);
    this.price = element("span", "price", this.button);
    this.change = element("span", "change", this.button);
    this.words = [row.symbol, row.name, initials(row.name)].map((word) => word.toLowerCase().replaceAll(" ", ""));
    this.name.textContent = row.name || row.symbol;
    this.code.textContent = row.symbol;
  }

  /** @param {Row} row */
  show(row) {
    const way = Math.sign(row.change_percent ?? 0);
    this.button.dataset.way = String(way);
    this.price.textContent = number(row.price);
    this.change.textContent = signed(row.change_percent);
    this.line.setAttribute("points", points(row.trace));
  }
}

/** @param {number[]} closes */
function points(closes) {
  if (closes.length < 2) return "";
  const [low, high] = [Math.min(...closes), Math.max(...closes)];
  const height = (/** @type {number} */ close) => (high === low ? 12 : 22 - (20 * (close - low)) / (high - low));
  const step = 58 / (closes.length - 1);
  return closes.map((close, at) => `${(1 + at * step).toFixed(1)},${height(close).toFixed(1)}`).join(" ");
}
