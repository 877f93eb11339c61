/** What stands in place of candles: why there are none, the command that fills the range, the way back to the newest. */

import { commandOf } from "./doubts.js";
import { daysOf } from "./range.js";
import { $, state } from "./state.js";

/** @param {string} text "": candles are shown @param {{command?: string, latest?: boolean}} [more] */
export function showEmpty(text, { command = "", latest = false } = {}) {
  const [words, code, button] = $("empty").children;
  $("empty").hidden = !text;
  words.textContent = text;
  code.textContent = command;
  code.hidden = !command;
  button.hidden = !latest;
}

/** After an answer: nothing where it brought candles. */
export function showWhetherEmpty() {
  if (state.candles.size) showEmpty("");
  else if (!state.range) showEmpty("저장된 캔들이 아직 없습니다. fetch_minute_data.py 나 realtime_updater.py 가 채우면 바로 나타납니다.");
  else showEmpty(`이 구간에 저장된 캔들이 없습니다.${state.days.size ? "" : " 지난 거래일이 없는 구간입니다."}`, { command: state.days.size ? fillCommand() : "", latest: true });
}

/** Fills the range of this symbol. */
function fillCommand() {
  const { from, to } = daysOf(/** @type {import("./range.js").Range} */ (state.range));
  return commandOf([state.symbol], from, to);
}
