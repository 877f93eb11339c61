/** What is shown, and how the address keeps it, so that a view can be sent to somebody. */

import { USUAL, averagesOf, bandsOf, unusual } from "./parameters.js";
import { readPrefs } from "./prefs.js";
import { rangeOf } from "./range.js";

/** @typedef {import("./candle.js").Candle} Candle */
/** @typedef {import("./slots.js").Day} Day */
/** @typedef {import("./range.js").Range} Range */
/** @typedef {import("./candle.js").Interval} Interval */

export const INTERVALS = /** @type {Interval[]} */ ([1, 3, 5, 10, 15, 30, 60, "day", "week", "month"]);
export const $ = (/** @type {string} */ id) => /** @type {any} */ (document.getElementById(id));

const asked = new URLSearchParams(location.search);
const prefs = readPrefs();
export const state = {
  symbol: asked.get("symbol") ?? "",
  interval: /** @type {Interval} */ (INTERVALS.find((one) => String(one) === (asked.get("interval") ?? prefs.interval)) ?? 1),
  studies: new Set(prefs.studies ?? ["ma", "vwap"]),
  parameters: { ma: averagesOf(asked.get("ma") ?? prefs.ma) ?? USUAL.ma, bb: bandsOf(asked.get("bb") ?? prefs.bb) ?? USUAL.bb },
  log: asked.has("log") ? asked.get("log") === "1" : prefs.log, // the scale of prices
  compare: asked.get("compare") ?? "", // the second symbol
  lines: /** @type {Map<string, Map<number, number | null>>} */ (new Map()), // the server's values by line and time
  today: /** @type {Candle | null} */ (null), // the newest day as it stands
  range: rangeOf(asked), // null: the newest, and what comes
  until: /** @type {number | null} */ (null), // of a replay: nothing later is drawn
  seen: /** @type {Range | null} */ (null), // moved by hand from where the newest are
  rows: /** @type {Map<string, import("./api.js").Row>} */ (new Map()),
  candles: /** @type {Map<number, Candle>} */ (new Map()),
  sessions: /** @type {Candle[]} */ ([]), // of a week or month: its newest days
  days: /** @type {Map<string, Day>} */ (new Map()),
  turn: 0, // counts what was shown: an answer to an earlier question is nobody's
  drawn: 0, // the turn whose candles the chart shows
  loading: 0, // the turn that is being asked for
  loads: 0, // counts the answers that were taken
  received: 0, // counts the candles that came by themselves
  stale: false, // to be asked for again
  failed: "", // why it could not be read
  newDay: "", // begun while the page was open
  busy: false,
  settled: false, // drawn, and looked at where it is wanted
  all: false, // nothing older is left
  hovered: /** @type {number | null} */ (null),
  up: false,
  heard: 0,
  complaint: { text: "", until: 0 },
  health: /** @type {any} */ (null),
  ahead: 0,
};

/** Chart seconds on the server's clock. */
export const now = () => Date.now() / 1000 + state.ahead;

/** @param {Interval} interval */
export const intervalName = (interval) => (typeof interval === "number" ? `${interval}분봉` : `${{ day: "일", week: "주", month: "월" }[interval]}봉`);

/** The address of what is shown. */
function address() {
  const more = { ...unusual(state.parameters), ...(state.log ? { log: "1" } : {}), ...(state.compare ? { compare: state.compare } : {}) };
  const query = new URLSearchParams({ symbol: state.symbol, interval: String(state.interval), ...more });
  const range = state.range ?? state.seen;
  if (range) { query.set("from", range[0]); query.set("to", range[1]); }
  return `?${String(query).replaceAll("%3A", ":").replaceAll("%2C", ",")}`;
}

export const keepAddress = () => history.replaceState(null, "", address());

/** Before something else is shown: the browser's way back leads here. */
export const leaveAddress = () => { if (state.drawn) history.pushState(null, "", address()); };

/** What the address names, after the browser went back or forth. */
export function readAddress() {
  const query = new URLSearchParams(location.search);
  const interval = INTERVALS.find((one) => String(one) === query.get("interval")) ?? state.interval;
  return { symbol: query.get("symbol") ?? state.symbol, interval, range: rangeOf(query) };
}
