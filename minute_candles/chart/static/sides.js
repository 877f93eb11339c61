/** One, two or four charts on a wide screen: the large one, and small ones of other symbols, kept in the browser. */

import { on } from "./bus.js";
import { live } from "./parts.js";
import { keepPrefs, readPrefs } from "./prefs.js";
import { SideChart } from "./side_chart.js";
import { $, state } from "./state.js";

const WIDE = matchMedia("(min-width: 1200px)");
const COUNTS = [0, 1, 3]; // besides the large one
let charts = /** @type {SideChart[]} */ ([]);

/** The charts that were kept; none where the screen is narrow. */
export function showSides() {
  const kept = WIDE.matches ? readPrefs().sides.slice(0, COUNTS[2]) : [];
  for (const chart of charts) chart.remove();
  charts = kept.map((one, at) => new SideChart(`side ${at}`, live, one, keep));
  $("sides").replaceChildren(...charts.map((chart) => chart.box));
  $("stages").dataset.charts = String(charts.length + 1);
  $("sides-button").textContent = `나란히 ${charts.length + 1}`;
}

const keep = () => keepPrefs({ sides: charts.map(({ symbol, interval }) => `${symbol}:${interval}`) });

/** One, two, four, one again; the new ones show what is traded most and not shown yet. */
export function moreSides() {
  const count = COUNTS[(COUNTS.indexOf(charts.length) + 1) % COUNTS.length];
  const shown = charts.map(({ symbol, interval }) => `${symbol}:${interval}`);
  const others = [...state.rows.keys()].filter((symbol) => symbol !== state.symbol && !charts.some((chart) => chart.symbol === symbol));
  const more = [...others, state.symbol, state.symbol, state.symbol].map((symbol) => `${symbol}:5`);
  keepPrefs({ sides: [...shown, ...more].slice(0, count) });
  showSides();
}

WIDE.addEventListener("change", showSides);
on("rows", () => charts.forEach((chart) => chart.tell()));
