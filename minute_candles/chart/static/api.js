/** The server's answers. */

import { seconds } from "./format.js";

/** @typedef {import("./candle.js").Candle} Candle */
/** @typedef {import("./slots.js").Day} Day */
/** @typedef {{symbol: string, name: string, price: number | null, change_percent: number | null, status: string, previous_close: number | null, time: string | null, turnover: number, trace: number[]}} Row */

/** Below the page, wherever a proxy shows it; without the password that may stand in its address. @param {string} path */
export const addressOf = (path) => new URL(path, location.origin + location.pathname);

export class NoAnswer extends Error {}

/** @param {string} path @param {Record<string, string | number>} [query] @returns {Promise<any>} */
async function get(path, query = {}) {
  const text = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  const asked = { credentials: /** @type {RequestCredentials} */ ("same-origin"), signal: AbortSignal.timeout(30_000) };
  const answer = await fetch(`${addressOf(path)}?${text}`, asked).catch(() => { throw new NoAnswer("차트 서버가 답하지 않습니다."); });
  if (!answer.ok) throw new Error((await answer.text()) || `HTTP ${answer.status}`);
  return answer.json();
}

/** @param {any} raw @returns {Candle} */
export const candleOf = (raw) => ({ ...raw, time: seconds(raw.time) });

/** @returns {Promise<Row[]>} */
export const symbols = () => get("api/symbols");
/** @param {string} symbol @param {string} first @param {string} last @returns {Promise<Day[]>} */
export const days = (symbol, first, last) => get("api/days", { symbol, from: first, to: last });
/** @param {string} first @param {string} last @param {string[]} symbols @param {boolean} counted whether rows are counted now; else the coverage rows are believed @returns {Promise<import("./map_data.js").Answer[]>} */
export const coverage = (first, last, symbols, counted) => get("api/coverage", { from: first, to: last, symbols: symbols.join(","), counted: Number(counted) });
/** What the updater says of itself, healthy or not. */
export const health = () => get("api/state");

/** @param {string} symbol @param {import("./candle.js").Interval} interval @param {Record<string, string | number>} [more] @returns {Promise<Candle[]>} */
export async function candles(symbol, interval, more = {}) {
  const answer = await get("api/candles", { symbol, interval, ...more });
  return answer.candles.map(candleOf);
}

/** @typedef {{target: string, horizon: number, low: number, median: number, high: number, skill: number}} Forecast */
/** @typedef {{target: string, horizon: number, skill: number, low: number, high: number, coverage: number, baseline: string, cases: number}} Evaluation */
/** @typedef {{symbol: string, made_at: string | null, trained: {first: string, last: string, sessions: number} | null, forecasts: Forecast[], evaluation: Evaluation[]}} ForecastAnswer */
/** @param {string} symbol @returns {Promise<ForecastAnswer>} */
export const forecast = (symbol) => get("api/forecast", { symbol });

/** @typedef {{time: number, name: string, label: string, direction: "up" | "down" | "none"}} Pattern */
/** @typedef {{time: number, rang_at: string, symbol: string, name: string, rule: string, interval: number, severity: string, text: string, value: number}} Alert */

/** @param {string} symbol @param {import("./candle.js").Interval} interval @param {Record<string, string | number>} more @returns {Promise<Pattern[]>} */
export const patterns = async (symbol, interval, more) => (await get("api/patterns", { symbol, interval, ...more })).map(candleOf);
/** Newest first. @param {string} first @param {string} last @returns {Promise<Alert[]>} */
export const alerts = async (first, last) => (await get("api/alerts", { from: first, to: last })).map(candleOf);
/** @param {string} symbol @param {import("./candle.js").Interval} interval @param {string[]} names @param {Record<string, string | number>} more @returns {Promise<import("./indicators.js").Answer>} */
export const indicators = (symbol, interval, names, more) => get("api/indicators", { symbol, interval, names: names.join(","), ...more });
