/** What is done with the view that is seen: a picture, a table, one candle after the other, another colour scheme. */

import { clockOf, dateOf, moment, number, proof } from "./format.js";
import { $, intervalName, state } from "./state.js";
import { fillTable } from "./table.js";
import { visibleCandles } from "./visible.js";

/** @typedef {import("./view.js").View} View */

/** @param {View} view */
export function savePicture(view) {
  const last = visibleCandles().at(-1);
  const name = state.rows.get(state.symbol)?.name ?? "";
  const title = `${name} ${state.symbol} · ${intervalName(state.interval)}${last ? ` · ${moment(last.time, view.interval)}` : ""}`;
  view.picture(title).toBlob((/** @type {Blob | null} */ blob) => {
    if (blob) save(blob, last, "png");
  });
}

/** A file named for what is shown. @param {Blob} blob @param {import("./candle.js").Candle | undefined} last @param {string} kind */
export function save(blob, last, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${state.symbol}-${state.interval}${last ? `-${dateOf(last.time)}-${clockOf(last.time).replace(":", "")}` : ""}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** @param {View} view */
export function showTable(view) {
  const seen = visibleCandles();
  $("table-title").textContent = `${$("name").textContent} ${intervalName(state.interval)} · 보이는 ${seen.length}개`;
  fillTable($("rows"), seen, view.interval);
  $("table").showModal();
}

/** One candle to the left or right, read aloud. @param {View} view @param {number} step @returns {number | null} its time */
export function walk(view, step) {
  const hovered = state.hovered;
  const behind = view.candles.findIndex((candle) => candle.time >= (hovered ?? Infinity));
  const from = behind < 0 ? view.candles.length : behind;
  const candle = view.candles[Math.min(view.candles.length - 1, Math.max(0, from + step))];
  if (!candle) return null;
  view.chart.setCrosshairPosition(candle.close, /** @type {any} */ (candle.time), view.price);
  const { open, high, low, close, volume } = candle;
  $("spoken").textContent = `${moment(candle.time, view.interval)} 시가 ${number(open)} 고가 ${number(high)} 저가 ${number(low)} 종가 ${number(close)} 거래량 ${number(volume)} ${proof(candle)[1]}`;
  return candle.time;
}

const THEMES = /** @type {Record<string, string>} */ ({ auto: "자동", light: "밝게", dark: "어둡게" });

/** Automatic, the other one, this one, automatic again. */
export function switchTheme() {
  const root = document.documentElement.dataset;
  const order = matchMedia("(prefers-color-scheme: dark)").matches ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
  const chosen = order[(order.indexOf(root.chosen ?? "auto") + 1) % order.length];
  root.chosen = chosen;
  root.theme = chosen === "auto" ? order[2] : chosen;
  try { chosen === "auto" ? localStorage.removeItem("theme") : localStorage.setItem("theme", chosen); } catch { /* a private window: for this page only */ }
  nameTheme();
}

export function nameTheme() {
  $("theme").textContent = `색: ${THEMES[document.documentElement.dataset.chosen ?? "auto"]}`;
}
