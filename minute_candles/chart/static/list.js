/** The list of symbols: ordered, the favourites on top; found by name, initial consonants (ㅅㅅㅈㅈ) or code. */

import { Item } from "./list_item.js";
import { SORTS, ordered } from "./order.js";
import { keepPrefs, readPrefs } from "./prefs.js";

/** @typedef {import("./api.js").Row} Row */

const [FIRST, AT_ONCE] = [100, 300]; // items made before the browser draws again: a whole market never holds the page up

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
    this.rows = /** @type {Row[]} */ ([]);
    this.making = 0;
    this.current = "";
    this.sought = "";
    this.favourites = new Set(readPrefs().favourites);
    this.order = /** @type {HTMLSelectElement} */ (document.getElementById("order"));
    this.order.replaceChildren(...Object.entries(SORTS).map(([value, text]) => new Option(text, value, false, value === readPrefs().sort)));
    this.order.addEventListener("change", () => { keepPrefs({ sort: this.order.value }); this.arrange(); });
    this.box.addEventListener("change", (event) => this.favour(/** @type {HTMLInputElement} */ (event.target)));
    this.box.addEventListener("click", (event) => {
      const button = /** @type {Element} */ (event.target).closest("button");
      if (button?.dataset.symbol) choose(button.dataset.symbol);
    });
    this.search.addEventListener("input", () => this.filter());
    this.search.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {Row[]} rows */
  show(rows) {
    this.rows = rows;
    for (const row of rows) this.items.get(row.symbol)?.show(row);
    const still = this.box.matches(":hover, :focus-within") && this.items.size > 0;
    if (!this.making && rows.some((row) => !this.items.has(row.symbol))) this.make();
    if (!still) this.arrange();
  }

  /** The items that are not there yet, a part at a time, in the order they are seen in. */
  make() {
    const missing = this.ordered().filter((row) => !this.items.has(row.symbol));
    const part = this.items.size ? AT_ONCE : FIRST;
    for (const row of missing.slice(0, part)) this.add(row);
    if (missing.length && this.search.value) this.filter();
    this.making = missing.length > part ? window.setTimeout(() => this.make()) : 0;
    if (!this.making && this.sought) this.scrollTo(this.sought);
  }

  /** @param {Row} row */
  add(row) {
    const item = new Item(row);
    item.show(row);
    item.star.checked = this.favourites.has(row.symbol);
    if (row.symbol === this.current) item.button.setAttribute("aria-current", "true");
    this.items.set(row.symbol, item);
    this.box.append(item.box);
  }

  ordered() {
    return ordered(this.rows, this.order.value, this.favourites);
  }

  /** Every row where it belongs. */
  arrange() {
    let place = this.box.firstElementChild;
    for (const { symbol } of this.ordered()) {
      const box = this.items.get(symbol)?.box;
      if (!box) continue; // not made yet
      if (place === box) place = box.nextElementSibling;
      else this.box.insertBefore(box, place);
    }
  }

  /** @param {HTMLInputElement} star */
  favour(star) {
    const symbol = /** @type {HTMLElement} */ (star.nextElementSibling).dataset.symbol ?? "";
    if (star.checked) this.favourites.add(symbol);
    else this.favourites.delete(symbol);
    keepPrefs({ favourites: [...this.favourites] });
    this.arrange();
    star.focus();
  }

  /** The running minute moved it. @param {Row} row */
  price(row) {
    this.items.get(row.symbol)?.show(row);
  }

  /** @param {string} symbol */
  mark(symbol) {
    this.items.get(this.current)?.button.removeAttribute("aria-current");
    this.items.get(symbol)?.button.setAttribute("aria-current", "true");
    this.current = symbol;
  }

  /** Once it is made. @param {string} symbol */
  scrollTo(symbol) {
    this.sought = this.making ? symbol : "";
    this.items.get(symbol)?.box.scrollIntoView({ block: "center" });
  }

  shown() {
    const items = new Map([...this.items.values()].map((item) => [/** @type {Element} */ (item.box), item]));
    return [...this.box.children].flatMap((box) => (box.hasAttribute("hidden") ? [] : items.get(box) ?? []));
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
