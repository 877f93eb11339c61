/** The lines of /api/indicators under the names they are drawn by. Pure. */

import { seconds } from "./format.js";

/** @typedef {{times: string[], lines: Record<string, (number | null)[]>}} Told */

/** @type {Record<string, Record<string, string>>} study → name drawn → line of the server */
const LINES = {
  vwap: { VWAP: "vwap" },
  ma: { MA5: "sma5", MA20: "sma20", MA60: "sma60", MA120: "sma120" },
  bands: { 상단: "bbands_upper", 하단: "bbands_lower" },
  rsi: { RSI14: "rsi14" },
  macd: { MACD: "macd", 시그널: "macd_signal", 오실레이터: "macd_hist" },
};
/** @type {Record<string, string[]>} */
const NAMES = { vwap: ["vwap"], ma: ["sma5", "sma20", "sma60", "sma120"], bands: ["bbands"], rsi: ["rsi14"], macd: ["macd"] };

/** What to ask for. @param {Set<string>} studies */
export const namesOf = (studies) => [...studies].flatMap((study) => NAMES[study] ?? []);

/** @param {Told} told @param {number | null} running the window that is not over: what was said of it is old @returns {Map<string, Map<number, number | null>>} */
export function served(told, running) {
  const times = told.times.map(seconds);
  const found = /** @type {Map<string, Map<number, number | null>>} */ (new Map());
  for (const [name, line] of Object.values(LINES).flatMap((lines) => Object.entries(lines))) {
    const values = told.lines[line];
    if (values) found.set(name, new Map(times.flatMap((time, at) => (time === running ? [] : [[time, values[at]]]))));
  }
  return found;
}
