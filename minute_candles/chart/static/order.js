/** The order of the list: the favourites first, each part by turnover, change or name. Pure. */

/** @typedef {import("./api.js").Row} Row */

/** @type {Record<string, string>} */
export const SORTS = { turnover: "거래대금순", up: "등락률 높은순", down: "등락률 낮은순", name: "이름순" };

const korean = new Intl.Collator("ko");
/** @type {Record<string, (a: Row, b: Row) => number>} */
const COMPARE = {
  up: (a, b) => (b.change_percent ?? -Infinity) - (a.change_percent ?? -Infinity) || 0,
  down: (a, b) => (a.change_percent ?? Infinity) - (b.change_percent ?? Infinity) || 0,
  name: (a, b) => korean.compare(a.name || a.symbol, b.name || b.symbol),
};

/** @param {Row[]} rows the most traded first @param {string} sort @param {Set<string>} favourites */
export function ordered(rows, sort, favourites) {
  const sorted = COMPARE[sort] ? rows.toSorted(COMPARE[sort]) : rows;
  const first = sorted.filter((row) => favourites.has(row.symbol));
  return first.length ? [...first, ...sorted.filter((row) => !favourites.has(row.symbol))] : sorted;
}
