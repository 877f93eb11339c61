/** A stored day once more, candle by candle: nothing after the moment that is reached is drawn (`state.until`). */

import { clockOf, dateOf } from "./format.js";
import { compare, overlay, view } from "./parts.js";
import { daysOf } from "./range.js";
import { drawCandles, show } from "./screen.js";
import { $, now, state } from "./state.js";
import { visibleCandles } from "./visible.js";

/** Candles a second. */
const SPEEDS = [1, 4, 16, 60];
const MOST_TICKS = 10; // a second: faster ones draw several candles at once
let timer = 0;

/** The day that is looked at, from its first candle on. */
export function openReplay() {
  const last = visibleCandles().at(-1);
  $("replay-day").max = dateOf(now());
  $("replay-speed").replaceChildren(...SPEEDS.map((speed) => new Option(`${speed}봉/초`, String(speed), false, speed === 4)));
  return begin(last ? dateOf(last.time) : state.range ? daysOf(state.range).to : dateOf(now()));
}

/** @param {string} day */
export async function begin(day) {
  if (!day) return;
  pause();
  $("replay-day").value = day;
  state.range = [day, day];
  state.until = Date.parse(`${day}T00:00:00Z`) / 1000;
  await show(state.symbol, typeof state.interval === "number" ? state.interval : 1);
  goTo(1);
  view.chart.timeScale().setVisibleLogicalRange({ from: -2, to: Math.max(60, Math.min(120, candles().length)) });
}

export const endReplay = () => {
  pause();
  [state.until, state.range] = [null, null];
  return show(state.symbol, state.interval);
};

/** Those of the day, drawn or not. */
const candles = () => [...state.candles.values()].filter(({ time }) => dateOf(time) === $("replay-day").value).sort((a, b) => a.time - b.time);

/** @param {number} count so many candles of the day are over */
export function goTo(count) {
  const all = candles();
  const last = all[Math.min(all.length, Math.max(1, count)) - 1];
  if (state.until == null) return pause();
  if (last) state.until = last.time + 60 * Number(state.interval);
  follow();
  $("replay-at").max = String(all.length);
  $("replay-at").value = String(count);
  $("replay-now").textContent = last ? `${clockOf(last.time)} · ${Math.min(count, all.length)}/${all.length}` : "저장된 캔들이 없습니다";
  $("chart").dataset.replayed = last ? clockOf(last.time) : "";
  if (count >= all.length) pause();
}

/** What follows the newest candle goes on following it. */
function follow() {
  const scale = view.chart.timeScale();
  const range = scale.getVisibleLogicalRange();
  drawCandles();
  overlay.mark();
  compare.draw();
  if (!range) return;
  const ahead = Math.max(0, view.list.length + 2 - range.to);
  scale.setVisibleLogicalRange({ from: range.from + ahead, to: range.to + ahead });
}

/** Plays, or pauses; from the start where all was played. */
export function playOrPause() {
  if (timer) return pause();
  if (reached() >= candles().length) goTo(1);
  const speed = Number($("replay-speed").value);
  const ticks = Math.min(MOST_TICKS, speed);
  timer = setInterval(() => goTo(reached() + Math.round(speed / ticks)), 1000 / ticks);
  button(true);
}

const reached = () => candles().filter(({ time }) => time + 60 * Number(state.interval) <= (state.until ?? 0)).length;

/** At another speed at once. */
export function changeSpeed() {
  if (timer) { pause(); playOrPause(); }
}

export function pause() {
  clearInterval(timer);
  timer = 0;
  button(false);
}

/** @param {boolean} playing */
function button(playing) {
  $("replay-play").textContent = playing ? "❚❚ 멈춤" : "▶ 재생";
  $("replay-play").setAttribute("aria-pressed", String(playing));
}
