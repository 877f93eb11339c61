/** A candle as the series of the chart take it: its bar, its volume, its piece of the ribbon of proof. */

import { color } from "./colors.js";
import { proof } from "./format.js";

/** @typedef {import("./candle.js").Candle} Candle */
/** @typedef {import("./slots.js").Slot} Slot */

/** @param {Candle} candle */
export const bar = ({ time, open, high, low, close }) => ({ time, open, high, low, close });

/** @param {Candle} candle */
export const traded = ({ time, open, close, volume }) => ({ time, value: volume, color: color(close >= open ? "up-soft" : "down-soft") });

/** @param {Slot} slot */
export const ribbon = ({ time, candle }) => ({ time, value: 1, color: color(candle ? `proof-${proof(candle)[0]}` : "proof-gap") });
