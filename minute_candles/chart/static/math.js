/** Lines that follow from candles; null where there are too few. Pure. */

/** @typedef {{time: number, open: number, high: number, low: number, close: number, volume: number, vwap: number | null, status: string, told?: number}} Candle */
/** @typedef {(number | null)[]} Line */

/** @param {Line} values @param {number} length @returns {Line} */
export function average(values, length) {
  let sum = 0, known = 0;
  return values.map((value, at) => {
    if (value != null) { sum += value; known += 1; }
    const old = at >= length ? values[at - length] : null;
    if (old != null) { sum -= old; known -= 1; }
    return known === length ? sum / length : null;
  });
}

/** @param {Line} values @param {number} length @param {number} [share] @returns {Line} seeded with the simple average */
function smooth(values, length, share = 2 / (length + 1)) {
  /** @type {number | null} */
  let last = null;
  let sum = 0, known = 0;
  return values.map((value) => {
    if (value == null) return null;
    if (last != null) return (last += (value - last) * share);
    sum += value;
    return ++known === length ? (last = sum / length) : null;
  });
}

/** @param {number[]} closes @param {number} length @param {number} width @returns {[Line, Line]} */
export function bands(closes, length, width) {
  const middle = average(closes, length);
  const spread = middle.map((mean, at) => {
    if (mean == null) return null;
    const part = closes.slice(at - length + 1, at + 1);
    return width * Math.sqrt(part.reduce((sum, close) => sum + (close - mean) ** 2, 0) / length);
  });
  const shifted = (/** @type {number} */ sign) =>
    middle.map((mean, at) => (mean == null ? null : mean + sign * /** @type {number} */ (spread[at])));
  return [shifted(1), shifted(-1)];
}

/** Wilder's. @param {number[]} closes @param {number} length @returns {Line} */
export function rsi(closes, length) {
  const moves = closes.map((close, at) => (at ? close - closes[at - 1] : null));
  const side = (/** @type {number} */ sign) =>
    smooth(moves.map((move) => (move == null ? null : Math.max(0, sign * move))), length, 1 / length);
  const [up, down] = [side(1), side(-1)];
  return up.map((gain, at) => {
    const loss = down[at];
    if (gain == null || loss == null) return null;
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  });
}

/** 12·26·9. @param {number[]} closes @returns {{line: Line, signal: Line, bars: Line}} */
export function macd(closes) {
  const [fast, slow] = [smooth(closes, 12), smooth(closes, 26)];
  const minus = (/** @type {Line} */ a, /** @type {Line} */ b) =>
    a.map((value, at) => (value == null || b[at] == null ? null : value - /** @type {number} */ (b[at])));
  const line = minus(fast, slow);
  const signal = smooth(line, 9);
  return { line, signal, bars: minus(line, signal) };
}

/** The session's volume-weighted price so far, by the rule of minute_candles/indicators/indicators.py: turnover ÷ volume without the day's
 * first candle where nothing proves it; none from the first other candle on that is not proven. Of the first day none
 * where it may be cut: the server knows. @param {Candle[]} candles @returns {Line} */
export function sessionVwap(candles) {
  const dayOf = (/** @type {Candle} */ candle) => Math.floor(candle.time / 86400);
  const cut = candles.length && dayOf(candles[0]) !== dayOf(candles[candles.length - 1]) ? dayOf(candles[0]) : -1;
  let day = -1, turnover = 0, volume = 0, proven = true;
  return candles.map((candle) => {
    const begins = dayOf(candle) !== day;
    if (begins) { day = dayOf(candle); turnover = volume = 0; proven = day !== cut; }
    if (candle.vwap != null) { turnover += Math.round(candle.vwap * candle.volume); volume += candle.volume; }
    else proven &&= begins;
    return proven && volume ? turnover / volume : null;
  });
}
