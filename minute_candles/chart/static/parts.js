/** The parts of the page, made once. They tell each other by bus.js. */

import { emit } from "./bus.js";
import { Compare } from "./compare.js";
import { ForecastView } from "./forecast.js";
import { List } from "./list.js";
import { Live } from "./live.js";
import { Overlay } from "./overlay.js";
import { Pen } from "./pen.js";
import { $ } from "./state.js";
import { View } from "./view.js";

export const view = new View($("chart"));
export const overlay = new Overlay(view);
export const forecast = new ForecastView(view);
export const list = new List((symbol) => emit("symbol", symbol));
export const live = new Live((message) => emit("message", message), (up) => emit("line", up));
export const compare = new Compare(view, live);
export const pen = new Pen(view);
