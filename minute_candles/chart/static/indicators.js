/** Asks the server for the lines: all of them after the candles were drawn, the running candle's as it moves. */

import * as api from "./api.js";
import { seconds } from "./format.js";
import { namesOfStudies } from "./lines.js";
import { wholeRange } from "./load.js";
import { $, state } from "./state.js";

/** @typedef {{times: string[], lines: Record<string, (number | null)[]>}} Answer */

const EACH = 2_000; // ms between two questions about the running candle
let asking = 0, askedAt = 0;

/** Of all candles that are held. @param {() => void} draw */
export async function askLines(draw) {
  const names = namesOfStudies();
  if (!names.length || !state.candles.size) return draw();
  const found = await ask(names, wholeRange());
  if (!found) return;
  state.lines = merged(new Map(), found);
  draw();
  $("chart").dataset.served = names.join(",");
}

/** Of the candle that runs. @param {() => void} draw */
export async function askRunning(draw) {
  const names = namesOfStudies();
  if (!names.length || state.range || Date.now() - askedAt < EACH) return;
  const found = await ask(names, { limit: 2 }, asking);
  if (!found) return;
  merged(state.lines, found);
  draw();
}

/** Answers may overtake each other: an older one is nobody's. @param {string[]} names @param {Record<string, string | number>} range @param {number} [turn] @returns {Promise<Answer | null>} */
async function ask(names, range, turn = ++asking) {
  const shown = state.turn;
  askedAt = Date.now();
  try {
    const found = await api.indicators(state.symbol, state.interval, names, { ...range, ...(state.range ? {} : { running: 1 }) });
    return shown === state.turn && turn === asking ? found : null;
  } catch {
    return null; // the state line says what is wrong
  }
}

/** @param {typeof state.lines} into @param {Answer} found */
function merged(into, found) {
  const times = found.times.map(seconds);
  for (const [name, values] of Object.entries(found.lines)) {
    const line = into.get(name) ?? new Map();
    times.forEach((time, at) => line.set(time, values[at]));
    into.set(name, line);
  }
  return into;
}
