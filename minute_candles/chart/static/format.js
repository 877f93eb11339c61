/** Numbers, times and states as Koreans read them. Chart times are the KST wall clock given as if it were UTC. */

const whole = new Intl.NumberFormat("ko-KR", { maximumFractionDigits: 0 });
const cents = new Intl.NumberFormat("ko-KR", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const WEEKDAYS = "일월화수목금토";

/** @param {string} text 2026-11-20T10:31:00+09:00 @returns {number} seconds */
export const seconds = (text) => Date.parse(`${text.slice(0, 19)}Z`) / 1000;
/** @param {number} at @returns {string} 2026-11-20 */
export const dateOf = (at) => new Date(at * 1000).toISOString().slice(0, 10);
/** @param {number} at @returns {string} 10:31 */
export const clockOf = (at) => new Date(at * 1000).toISOString().slice(11, 16);
/** @param {number | null | undefined} value */
export const number = (value) => (value == null ? "–" : whole.format(value));
/** @param {number | null | undefined} value */
export const fine = (value) => (value == null ? "–" : cents.format(value));

/** @param {number | null} percent */
export function signed(percent) {
  if (percent == null) return "–";
  return `${percent > 0 ? "+" : ""}${percent.toFixed(2)}%`;
}

/** When a candle of the interval begins. @param {number} at @param {import("./candle.js").Interval} interval */
export function moment(at, interval) {
  const when = new Date(at * 1000), month = when.getUTCMonth() + 1;
  if (interval === "month") return `${when.getUTCFullYear()}년 ${month}월`;
  const day = `${month}월 ${when.getUTCDate()}일`;
  if (interval === "week") return `${day}부터 한 주`;
  const named = `${day} (${WEEKDAYS[when.getUTCDay()]})`;
  return interval === "day" ? named : `${named} ${clockOf(at)}`;
}

/** Turnover in units people say. @param {number | null} won */
function money(won) {
  if (won == null) return "–";
  if (won >= 1e12) return `${(won / 1e12).toFixed(2)}조`;
  if (won >= 1e8) return `${whole.format(won / 1e8)}억`;
  return won >= 1e4 ? `${whole.format(won / 1e4)}만` : whole.format(won);
}

/** @param {[number, boolean]} turnover KRW, whether it is exact */
export const about = ([won, exact]) => `${exact ? "" : "약 "}${money(won)}`;

/** @param {number} age seconds */
export function ago(age) {
  if (age < 90) return `${Math.max(0, Math.round(age))}초 전`;
  if (age < 5400) return `${Math.round(age / 60)}분 전`;
  return age < 172800 ? `${Math.round(age / 3600)}시간 전` : `${Math.round(age / 86400)}일 전`;
}

/** @type {Record<string, string>} */
export const DAYS = {
  COMPLETE: "확정된 날", NO_TRADES: "거래 없는 날", UNPROVEN: "증명되지 않은 날", PROVISIONAL: "잠정", MISSING: "수집되지 않은 날",
};

/** What is known of a candle: a turnover proves nothing of a day that is not verified. @param {{status: string, vwap: number | null}} candle @returns {[string, string]} */
export function proof(candle) {
  if (candle.status === "RUNNING") return ["running", "진행 중"];
  const known = candle.vwap == null ? "" : " · 거래대금 있음";
  if (candle.status === "UNPROVEN") return ["unproven", `증명 안 됨${known}`];
  if (candle.status === "PROVISIONAL") return [known ? "proven-soon" : "provisional", `잠정${known}`];
  return known ? ["proven", "확정 · 거래대금으로 증명"] : ["stored", "확정"];
}
