/** The lines drawn by hand, kept a symbol in this browser. A point is a time and a price, whatever interval is shown. */

const KEY = "lines", MOST = 50;

/** @typedef {{time: number, price: number}} Point */
/** @typedef {{kind: "level" | "trend", points: Point[]}} Drawing */

/** @param {string} symbol @returns {Drawing[]} in the order they were drawn */
export const drawingsOf = (symbol) => (all()[symbol] ?? []).filter(isRight).slice(-MOST);

/** @param {string} symbol @param {Drawing[]} drawings */
export function keepDrawings(symbol, drawings) {
  const { [symbol]: _, ...others } = all();
  const kept = drawings.length ? { ...others, [symbol]: drawings.slice(-MOST) } : others;
  try { localStorage.setItem(KEY, JSON.stringify(kept)); } catch { memory = kept; }
}

let memory = /** @type {Record<string, Drawing[]> | null} */ (null); // a private window: for this page only

/** @returns {Record<string, Drawing[]>} */
function all() {
  if (memory) return memory;
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(kept).filter(([, some]) => Array.isArray(some)));
  } catch {
    return {};
  }
}

/** @param {any} one @returns {boolean} */
function isRight(one) {
  const points = { level: 1, trend: 2 }[/** @type {string} */ (one?.kind)];
  return one?.points?.length === points && one.points.every((/** @type {any} */ point) => Number.isFinite(point?.time) && Number.isFinite(point?.price));
}
