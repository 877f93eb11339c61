/** What is asked for again and again: the list, the updater's state. */

import * as api from "./api.js";
import { emit } from "./bus.js";
import { freshness, setPrice } from "./messages.js";
import { list, live, view } from "./parts.js";
import { mark, refresh, show } from "./screen.js";
import { $, state } from "./state.js";
import * as words from "./words.js";

/** The list, and whether the chart lacks what it knows. */
export async function pollList() {
  try {
    showRows(await api.symbols());
    if (state.rows.size && !state.rows.has(state.symbol)) await show([...state.rows.keys()][0], state.interval);
    mark();
    const row = state.rows.get(state.symbol);
    freshness.poll(state.symbol, row?.time);
    if (state.stale || (state.settled && !state.range && !view.candles.length && row?.price != null)) await refresh();
  } catch (error) {
    if (!state.rows.size) words.complain(error);
  }
}

/** @param {import("./api.js").Row[]} rows */
function showRows(rows) {
  const first = !state.rows.size;
  state.rows = new Map(rows.map((row) => [row.symbol, row]));
  list.show(rows);
  emit("rows");
  if (first) {
    list.scrollTo(state.symbol);
    $("symbols").replaceChildren(...rows.map((row) => new Option(row.symbol, row.name || row.symbol)));
  }
  const newest = state.range ? null : words.newest();
  if (newest?.status === "RUNNING") setPrice(state.symbol, newest.close);
}

/** The updater's state, and the server's clock with it. */
export async function pollState() {
  try {
    state.health = await api.health();
    state.ahead = Date.parse(`${state.health.now.slice(0, 19)}Z`) / 1000 - Date.now() / 1000;
  } catch (error) {
    if (error instanceof api.NoAnswer) live.lost();
  }
  words.tellState(view);
}
