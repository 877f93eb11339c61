/** What is done with the view that is seen: a picture, a table, one candle after the other, another colour scheme. */

import { clockOf, dateOf, moment, number, proof } from "./format.js";
import { $, intervalName, state } from "./state.js";
import { fillTable } from "./table.js";

/** @typedef {import("./view.js").View} View */

/** @param {View} view */
export function savePicture(view) {
  const last = view.candles.at(-1);
  const name = state.rows.get(state.symbol)?.name ?? "";
  const title = `${name} ${state.symbol} · ${intervalName(state.interval)}${last ? ` · ${moment(last.time, view.daily)}` : ""}`;
  view.picture(title).toBlob((/** @type {Blob | null} */ blob) => {
    if (!blob) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${state.symbol}-${state.interval}${last ? `-${dateOf(last.time)}-${clockOf(last.time).replace(":", "")}` : ""}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

/** @param {View} view */
export function showTable(view) {
  const range = view.chart.timeScale().getVisibleRange();
  const seen = range ? view.candles.filter((candle) => candle.time >= range.from && candle.time <= range.to) : view.candles;
  $("table-title").textContent = `${$("name").textContent} ${intervalName(state.interval)} · 보이는 ${seen.length}개`;
  fillTable($("rows"), seen, view.daily);
  $("table").showModal();
}

/** One candle to the left or right, read aloud. @param {View} view @param {number} step @returns {number | null} its time */
export function walk(view, step) {
  const hovered = state.hovered;
  const behind = view.candles.findIndex((candle) => candle.time >= (hovered ?? Infinity));
  const from = behind < 0 ? view.candles.length : behind;
  const candle = view.candles[Math.min(view.candles.length - 1, Math.max(0, from + step))];
  if (!candle) return null;
  view.chart.setCrosshairPosition(candle.close, candle.time, view.price);
  const { open, high, low, close, volume } = candle;
  $("spoken").textContent = `${moment(candle.time, view.daily)} 시가 ${number(open)} 고가 ${number(high)} 저가 ${number(low)} 종가 ${number(close)} 거래량 ${number(volume)} ${proof(candle)[1]}`;
  return candle.time;
}

export function switchTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* a private window: for this page only */ }
}
