/** Days added up in one pass: how many of each state, which are missing most, what a command would have to name. Pure. */

/** @typedef {import("./map_data.js").Day} Day */
/** What a command names. @typedef {{symbols: Set<string>, first: string, last: string}} Span */
/** `open`: by state, without what the updater settles by itself. @typedef {{counts: Map<string, number>, missing: Map<string, number>, open: Record<string, Span>}} Totals */

/** @returns {Span} */
const nothing = () => ({ symbols: new Set(), first: "9", last: "" });

/** @param {Span} span @param {string} symbol @param {string} date */
function add(span, symbol, date) {
  span.symbols.add(symbol);
  if (date < span.first) span.first = date;
  if (date > span.last) span.last = date;
}

/** @param {{symbol: string, days: Iterable<Day>}[]} rows @param {string} today @returns {Totals} */
export function totalsOf(rows, today) {
  const [counts, missing] = [/** @type {Map<string, number>} */ (new Map()), /** @type {Map<string, number>} */ (new Map())];
  const open = /** @type {Record<string, Span>} */ ({ MISSING: nothing(), PROVISIONAL: nothing(), UNPROVEN: nothing() });
  for (const { symbol, days } of rows) {
    for (const { status, date } of days) {
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (status === "MISSING") missing.set(date, (missing.get(date) ?? 0) + 1);
      if (open[status] && !(status === "PROVISIONAL" && date === today)) add(open[status], symbol, date);
    }
  }
  return { counts, missing, open };
}

/** What fills all of it; what asks again where nothing is to be filled. @param {Totals} totals @param {string} [only] a state @returns {[Span, boolean] | null} whether it asks again; null: nothing is to be done */
export function toMend({ open }, only) {
  const wanted = Object.keys(open).filter((status) => !only || status === only);
  const unfilled = nothing();
  for (const status of wanted.filter((one) => one !== "UNPROVEN")) {
    for (const symbol of open[status].symbols) for (const date of [open[status].first, open[status].last]) add(unfilled, symbol, date);
  }
  if (unfilled.last) return [unfilled, false];
  return wanted.includes("UNPROVEN") && open.UNPROVEN.last ? [open.UNPROVEN, true] : null;
}
