/** What a reload keeps: the interval, the studies and their lengths, the heights of the panes, the list's order, the
 * favourites, the charts on the right. The colours are theme.js's, the drawn lines drawings.js's. */

const KEY = "chart";

/** @typedef {{interval: string, studies?: string[], panes?: number[], ma?: string, bb?: string, log: boolean, sort: string, favourites: string[], sides: string[]}} Prefs */

/** @returns {Prefs} */
export function readPrefs() {
  const kept = raw();
  const panes = Array.isArray(kept.panes) && kept.panes.every((/** @type {unknown} */ one) => Number(one) > 0) ? kept.panes : undefined;
  return {
    interval: String(kept.interval), studies: strings(kept.studies), panes, ma: text(kept.ma), bb: text(kept.bb), log: kept.log === true,
    sort: text(kept.sort) ?? "", favourites: strings(kept.favourites) ?? [], sides: strings(kept.sides) ?? [],
  };
}

/** @param {unknown} value */
const strings = (value) => (Array.isArray(value) ? value.filter((one) => typeof one === "string") : undefined);
/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : undefined);

/** @returns {Record<string, any>} */
function raw() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return kept && typeof kept === "object" ? kept : {};
  } catch {
    return {}; // a private window, or nothing of ours
  }
}

/** @param {Partial<Prefs>} prefs */
export function keepPrefs(prefs) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...readPrefs(), ...prefs }));
  } catch { /* for this page only */ }
}
