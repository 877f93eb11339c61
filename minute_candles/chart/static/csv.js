/** What is shown as a CSV file for a spreadsheet: candles, their state, the values of the lines, the second symbol. */

import { clockOf, dateOf } from "./format.js";
import { valueAt } from "./lines.js";
import { state } from "./state.js";
import { save } from "./tools.js";
import { visibleCandles } from "./visible.js";

const HEAD = ["시각", "시가", "고가", "저가", "종가", "거래량", "VWAP", "상태"];
const BOM = "\ufeff"; // without it a spreadsheet takes the Korean for something else

/** @param {import("./view.js").View} view @param {Map<number, number>} closes of the second symbol */
export function saveCsv(view, closes) {
  const candles = visibleCandles();
  const lines = view.lines.drawn;
  const others = closes.size ? [`${state.compare} 종가`] : [];
  const head = [...HEAD, ...lines.map((line) => line.name), ...others];
  const rows = candles.map((candle) => {
    const { time, open, high, low, close, volume, vwap, status } = candle;
    const values = lines.map((line) => valueAt(line, time));
    return [view.daily ? dateOf(time) : `${dateOf(time)} ${clockOf(time)}`, open, high, low, close, volume, vwap, status, ...values, ...others.map(() => closes.get(time))];
  });
  const text = [head, ...rows].map((row) => row.map((cell) => cell ?? "").join(",")).join("\r\n");
  save(new Blob([`${BOM}${text}\r\n`], { type: "text/csv" }), candles.at(-1), "csv");
}
