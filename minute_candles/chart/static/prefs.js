/** What a reload keeps: the interval, the studies that are on, the heights of the panes. The colours are theme.js's. */

const KEY = "chart";

/** @typedef {{interval?: string, studies?: string[], panes?: number[]}} Prefs */

/** @returns {Prefs} */
export function readPrefs() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const strings = Array.isArray(kept.studies) ? kept.studies.filter((/** @type {unknown} */ one) => typeof one === "string") : undefined;
    const panes = Array.isArray(kept.panes) && kept.panes.every((/** @type {unknown} */ one) => Number(one) > 0) ? kept.panes : undefined;
    return { interval: String(kept.interval), studies: strings, panes };
  } catch {
    return {}; // a private window, or nothing of ours
  }
}

/** @param {Prefs} prefs */
export function keepPrefs(prefs) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...readPrefs(), ...prefs }));
  } catch { /* for this page only */ }
}
