/** The list of symbols: price, change, sparkline; found by name, initial consonants (ㅅㅅㅈㅈ) or code. */

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

class Item {
  /** @param {Row} row */
  constructor(row) {
    this.box = document.createElement("li");
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

export class List {
  /** @param {(symbol: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.box = /** @type {HTMLElement} */ (document.getElementById("list"));
    this.search = /** @type {HTMLInputElement} */ (document.getElementById("search"));
    this.none = /** @type {HTMLElement} */ (document.getElementById("none"));
    this.spoken = /** @type {HTMLElement} */ (document.getElementById("spoken"));
    this.items = /** @type {Map<string, Item>} */ (new Map());
    this.active = /** @type {Item | null} */ (null);
    this.box.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button?.dataset.symbol) choose(button.dataset.symbol);
    });
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {Row[]} rows */
  show(rows) {
    const still = this.box.matches(":hover, :focus-within") && this.items.size > 0;
    rows.forEach((row, at) => {
      const item = this.items.get(row.symbol) ?? new Item(row);
      item.show(row);
      const place = this.box.children[at] ?? null;
      if (!this.items.has(row.symbol) || (!still && place !== item.box)) this.box.insertBefore(item.box, place);
      this.items.set(row.symbol, item);
    });
  }

  /** The running minute moved it. @param {Row} row */
  price(row) {
    this.items.get(row.symbol)?.show(row);
  }

  /** @param {string} symbol */
  mark(symbol) {
    for (const [code, item] of this.items) {
      if (code === symbol) item.button.setAttribute("aria-current", "true");
      else item.button.removeAttribute("aria-current");
    }
  }

  /** @param {string} symbol */
  scrollTo(symbol) {
    this.items.get(symbol)?.box.scrollIntoView({ block: "center" });
  }

  shown() {
    return [...this.box.children].flatMap((box) => [...this.items.values()].filter((item) => item.box === box && !box.hasAttribute("hidden")));
  }

  filter() {
    const text = this.search.value.toLowerCase().replaceAll(" ", "");
    for (const item of this.items.values()) item.box.hidden = !item.words.some((word) => word.includes(text));
    const shown = this.shown();
    this.none.hidden = shown.length > 0;
    this.point(text ? shown[0] : null);
  }

  /** @param {Item | null | undefined} item */
  point(item) {
    this.active?.button.classList.remove("active");
    this.active = item ?? null;
    item?.button.classList.add("active");
    item?.box.scrollIntoView({ block: "nearest" });
    if (item) this.spoken.textContent = [item.name, item.code, item.price, item.change].map((part) => part.textContent).join(" ");
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.isComposing) return; // half a syllable: the key is the input method's
    const shown = this.shown();
    const at = this.active ? shown.indexOf(this.active) : -1;
    if (event.key === "ArrowDown") this.point(shown[Math.min(shown.length - 1, at + 1)]);
    else if (event.key === "ArrowUp") this.point(shown[Math.max(0, at - 1)]);
    else if (event.key === "Enter" && this.active) this.choose(/** @type {string} */ (this.active.button.dataset.symbol));
    else if (event.key !== "Escape") return;
    event.preventDefault();
    if (event.key === "Enter" || event.key === "Escape") {
      this.search.value = "";
      this.filter();
      this.search.blur();
    }
  }
}
