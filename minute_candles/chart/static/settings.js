/** What is chosen besides the studies: the lengths of the averages and bands, the scale, the second symbol. */

import { emit } from "./bus.js";
import { symbolOf } from "./find.js";
import { USUAL, averagesOf, bandsOf } from "./parameters.js";
import { keepPrefs } from "./prefs.js";
import { $, state } from "./state.js";

const READERS = { ma: averagesOf, bb: bandsOf };

export function showParameters() {
  fill();
  $("parameters").showModal();
}

function fill() {
  for (const kind of /** @type {const} */ (["ma", "bb"])) {
    $(kind).value = state.parameters[kind].join(", ");
    $(kind).removeAttribute("aria-invalid");
  }
}

/** A text that is no list of lengths stays to be mended, and changes nothing. @param {"ma" | "bb"} kind */
export function takeParameter(kind) {
  const found = READERS[kind]($(kind).value);
  $(kind).setAttribute("aria-invalid", String(!found));
  if (!found) return;
  keep({ ...state.parameters, [kind]: found });
}

export function resetParameters() {
  keep({ ...USUAL });
  fill();
}

/** @param {import("./parameters.js").Parameters} parameters */
function keep(parameters) {
  state.parameters = parameters;
  keepPrefs({ ma: String(parameters.ma), bb: String(parameters.bb) });
  emit("redraw");
}

export function toggleLog() {
  state.log = !state.log;
  keepPrefs({ log: state.log });
  emit("redraw");
}

/** @param {import("./compare.js").Compare} compare */
export function takeCompared(compare) {
  const text = $("compare").value;
  const symbol = symbolOf(text, state.rows);
  if (text.trim() && !symbol) return emit("complaint", new Error(`찾는 종목이 없습니다: ${text.trim().slice(0, 20)}`));
  $("compare").blur();
  compare.choose(symbol === state.symbol ? "" : symbol);
}
