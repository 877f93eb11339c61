/** What the map shows: days by symbol, read a part of the symbols at a time, older days before the newer ones. */

import * as api from "./api.js";
import { dateOf, seconds } from "./format.js";

/** @typedef {{date: string, status: string, reasons: string[], count_1min: number}} Day */
/** @typedef {{symbol: string, name: string, days: Day[]}} Answer */
/** @typedef {{symbol: string, name: string, turnover: number, days: Map<string, Day>}} Row */
/** @typedef {"turnover" | "name" | "doubt"} Order */

/** The worst first. */
export const STATES = ["MISSING", "PROVISIONAL", "UNPROVEN", "NO_TRADES", "COMPLETE"];
const DOUBTFUL = new Set(["MISSING", "PROVISIONAL", "UNPROVEN"]);
const [PIECE, REACH, AT_ONCE] = [60, 95, 100]; // trading days, the calendar days that hold them, symbols of a question

/** @param {Day | undefined} day */
export const isDoubtful = (day) => day != null && DOUBTFUL.has(day.status);

/** @param {string} date @param {number} days */
const before = (date, days) => dateOf(Date.parse(`${date}T00:00:00Z`) / 1000 - days * 86400);

export class MapData {
  constructor() {
    this.rows = /** @type {Map<string, Row>} */ (new Map());
    this.dates = /** @type {string[]} */ ([]); // ascending
    this.today = "";
    this.busy = false;
    this.ended = false; // a whole piece held nothing
  }

  /** The newest days. @param {() => void} arrived after each part of the symbols */
  async start(arrived) {
    const [health, listed] = await Promise.all([api.health(), api.symbols()]);
    for (const { symbol, name, turnover } of listed) this.rows.set(symbol, { symbol, name, turnover, days: new Map() });
    this.today = dateOf(seconds(health.now));
    await this.#read(before(this.today, REACH), this.today, arrived);
  }

  /** The days before those that are shown. @param {() => void} arrived */
  async older(arrived) {
    if (this.busy || !this.dates.length) return;
    const last = before(this.dates[0], 1);
    const any = await this.#read(before(last, REACH), last, arrived);
    this.ended = !any;
  }

  /** @param {string} first @param {string} last @param {() => void} arrived @returns {Promise<boolean>} whether anything is known of these days */
  async #read(first, last, arrived) {
    this.busy = true;
    const [symbols, known] = [[...this.rows.keys()], this.dates];
    let any = false;
    try {
      for (let at = 0; at < symbols.length; at += AT_ONCE) {
        const answers = await api.coverage(first, last, symbols.slice(at, at + AT_ONCE));
        const dates = answers[0].days.map((day) => day.date).slice(-PIECE);
        this.dates = [...new Set([...dates, ...this.dates])].sort();
        for (const { symbol, days } of answers) {
          for (const day of days.slice(-PIECE)) {
            this.rows.get(symbol)?.days.set(day.date, day);
            any ||= day.status !== "MISSING";
          }
        }
        arrived();
      }
    } catch (error) {
      if (known.length) this.dates = known; // a piece is shown whole or not
      throw error;
    } finally {
      this.busy = false;
    }
    return any;
  }

  /** @param {Order} order @param {string} only "": every symbol; else those that have such a day @returns {Row[]} */
  shown(order, only) {
    const rows = [...this.rows.values()].filter((row) => !only || this.count(row, only));
    if (order === "name") return rows.sort((a, b) => (a.name || a.symbol).localeCompare(b.name || b.symbol, "ko"));
    if (order === "turnover") return rows.sort((a, b) => b.turnover - a.turnover);
    const doubts = new Map(rows.map((row) => [row, this.doubtful([row]).length]));
    return rows.sort((a, b) => (doubts.get(b) ?? 0) - (doubts.get(a) ?? 0));
  }

  /** @param {Row} row @param {string} status */
  count(row, status) {
    return this.dates.reduce((sum, date) => sum + Number(row.days.get(date)?.status === status), 0);
  }

  /** @returns {Map<string, number>} days by state */
  counts() {
    const found = new Map(STATES.map((status) => [status, 0]));
    for (const { days } of this.rows.values()) {
      for (const date of this.dates) {
        const status = days.get(date)?.status;
        if (status) found.set(status, (found.get(status) ?? 0) + 1);
      }
    }
    return found;
  }

  /** @param {Row[]} rows @param {string} [only] of this state; else every doubtful one @returns {{row: Row, day: Day}[]} the newest first */
  doubtful(rows, only) {
    return [...this.dates].reverse().flatMap((date) => rows.flatMap((row) => {
      const day = row.days.get(date);
      return day && (only ? day.status === only : isDoubtful(day)) ? [{ row, day }] : [];
    }));
  }
}
