/** One symbol of the list: its star, name, sparkline, price; and the words it is found by. */

import { number, signed } from "./format.js";

/** @typedef {import("./api.js").Row} Row */

const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";

/** @param {string} name */
function initials(name) {
  return [...name].map((letter) => {
    const code = letter.charCodeAt(0) - 0xac00;
    return code >= 0 && code < 11172 ? INITIALS[Math.floor(code / 588)] : letter;
  }).join("");
}

const TEMPLATE = /** @type {HTMLTemplateElement} */ (document.getElementById("item"));

export class Item {
  /** @param {Row} row */
  constructor(row) {
    this.box = /** @type {HTMLElement} */ (TEMPLATE.content.firstElementChild?.cloneNode(true));
    const [star, button] = this.box.children, [name, code, trace, price, change] = button.children;
    this.star = /** @type {HTMLInputElement} */ (star);
    this.button = /** @type {HTMLButtonElement} */ (button);
    this.name = name;
    this.code = code;
    this.trace = trace;
    this.price = price;
    this.change = change;
    this.star.setAttribute("aria-label", `${row.name || row.symbol} 관심 종목`);
    this.button.dataset.symbol = row.symbol;
    this.name.textContent = row.name || row.symbol;
    this.code.textContent = row.symbol;
    this.words = [row.symbol, row.name, initials(row.name)].map((word) => word.toLowerCase().replaceAll(" ", ""));
    this.said = "";
  }

  /** Only what is new: a list of thousands is shown again and again. @param {Row} row */
  show(row) {
    const said = `${row.price} ${row.change_percent} ${row.trace}`;
    if (said === this.said) return;
    this.said = said;
    const way = Math.sign(row.change_percent ?? 0);
    this.button.dataset.way = String(way);
    this.price.textContent = number(row.price);
    this.change.textContent = signed(row.change_percent);
    this.trace.firstElementChild?.setAttribute("points", points(row.trace));
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
