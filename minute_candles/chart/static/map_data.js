/** What the map shows: days by symbol, read a part of the symbols at a time, older days before the newer ones. */

import * as api from "./api.js";
import { dateOf, seconds } from "./format.js";
import { totalsOf } from "./map_totals.js";

/** @typedef {{date: string, status: string, reasons: string[], count_1min: number}} Day */
/** @typedef {{symbol: string, name: string, days: Day[]}} Answer */
/** `begins`: the first day that is not NO_TRADES; what stands before it may be before the listing. @typedef {{symbol: string, name: string, turnover: number, days: Map<string, Day>, begins?: string}} Row */
/** @typedef {"turnover" | "name" | "doubt"} Order */

const DOUBTFUL = new Set(["MISSING", "PROVISIONAL", "UNPROVEN"]);
const [PIECE, REACH, AT_ONCE] = [60, 95, 100]; // trading days, the calendar days that hold them, symbols of a question

/** @param {Day | undefined} day */
const isDoubtful = (day) => day != null && DOUBTFUL.has(day.status);

/** @param {string} date @param {number} days */
const before = (date, days) => dateOf(Date.parse(`${date}T00:00:00Z`) / 1000 - days * 86400);

export class MapData {
  constructor() {
    this.rows = /** @type {Map<string, Row>} */ (new Map());
    this.dates = /** @type {string[]} */ ([]); // ascending
    this.today = "";
    this.busy = false;
    this.counting = false; // what is shown is what the coverage rows say
    this.ended = false; // a whole piece held nothing
  }

  /** The newest days. @param {() => void} arrived after each part of the symbols */
  async start(arrived) {
    const [health, listed] = await Promise.all([api.health(), api.symbols()]);
    for (const { symbol, name, turnover } of listed) this.rows.set(symbol, { symbol, name, turnover, days: new Map() });
    this.today = dateOf(seconds(health.now));
    await this.#read(before(this.today, REACH), this.today, arrived);
  }

  /** The days before those that are shown. @param {() => void} arrived @returns {Promise<boolean>} whether there are any */
  async older(arrived) {
    if (this.busy || !this.dates.length) return false;
    const last = before(this.dates[0], 1);
    const any = await this.#read(before(last, REACH), last, arrived);
    this.ended = !any;
    return any;
  }

  /** @param {string} first @param {string} last @param {() => void} arrived @returns {Promise<boolean>} whether anything is known of these days */
  async #read(first, last, arrived) {
    this.busy = this.counting = true;
    const known = this.dates;
    try {
      const any = await this.#pieces(first, last, false, arrived);
      await this.#pieces(first, last, true, arrived);
      return any;
    } catch (error) {
      if (known.length) this.dates = known; // a piece is shown whole or not
      throw error;
    } finally {
      this.busy = this.counting = false;
      arrived();
    }
  }

  /** @param {string} first @param {string} last @param {boolean} counted @param {() => void} arrived @returns {Promise<boolean>} */
  async #pieces(first, last, counted, arrived) {
    const symbols = [...this.rows.keys()];
    let any = false;
    for (let at = 0; at < symbols.length; at += AT_ONCE) {
      any = this.#take(await api.coverage(first, last, symbols.slice(at, at + AT_ONCE), counted)) || any;
      arrived();
    }
    return any;
  }

  /** @param {Answer[]} answers @returns {boolean} whether anything is known of their days */
  #take(answers) {
    const dates = answers[0].days.map((day) => day.date).slice(-PIECE);
    this.dates = [...new Set([...dates, ...this.dates])].sort();
    let any = false;
    for (const { symbol, days } of answers) {
      const row = this.rows.get(symbol);
      for (const day of days.slice(-PIECE)) {
        row?.days.set(day.date, day);
        any ||= day.status !== "MISSING";
      }
      if (row) row.begins = this.dates.find((date) => (row.days.get(date)?.status ?? "NO_TRADES") !== "NO_TRADES");
    }
    return any;
  }

  /** @param {Order} order @param {string} only "": every symbol; else those that have such a day @returns {Row[]} */
  shown(order, only) {
    const rows = [...this.rows.values()].filter((row) => !only || this.#days(row).some((day) => day.status === only));
    if (order === "name") return rows.sort((a, b) => (a.name || a.symbol).localeCompare(b.name || b.symbol, "ko"));
    if (order === "turnover") return rows.sort((a, b) => b.turnover - a.turnover);
    const doubts = new Map(rows.map((row) => [row, this.#days(row).filter(isDoubtful).length]));
    return rows.sort((a, b) => (doubts.get(b) ?? 0) - (doubts.get(a) ?? 0));
  }

  /** What all of it adds up to. */
  totals() {
    return totalsOf([...this.rows.values()].map((row) => ({ symbol: row.symbol, days: this.#days(row) })), this.today);
  }

  /** @param {Row[]} rows @param {string} [only] of this state; else every doubtful one @returns {{row: Row, day: Day}[]} the newest first */
  doubtful(rows, only) {
    const found = rows.flatMap((row) => this.#days(row).filter((day) => (only ? day.status === only : isDoubtful(day))).map((day) => ({ row, day })));
    return found.sort((a, b) => Number(a.day.date < b.day.date) - Number(a.day.date > b.day.date));
  }

  /** Those that are shown: a piece that failed half-way is not. @param {Row} row */
  #days(row) {
    return [...row.days.values()].filter((day) => day.date >= this.dates[0]);
  }
}
