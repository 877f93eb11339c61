/** The lengths of the averages and of the bands: `ma=5,20,60,120`, `bb=20,2` in the address. Pure. */

const LONGEST = 400, MOST = 5;

/** @typedef {{ma: number[], bb: [number, number]}} Parameters */
/** @type {Parameters} */
export const USUAL = { ma: [5, 20, 60, 120], bb: [20, 2] };

/** @param {string | null | undefined} text "5,20,60,120" @returns {number[] | null} up to five lengths, ascending */
export function averagesOf(text) {
  const lengths = [...new Set((text ?? "").split(",").map((one) => one.trim()).map(Number))].sort((a, b) => a - b);
  return lengths.length <= MOST && lengths.every(isLength) ? lengths : null;
}

/** @param {string | null | undefined} text "20,2" or "20,2.5" @returns {[number, number] | null} length, standard deviations */
export function bandsOf(text) {
  const [length, width, ...more] = (text ?? "").split(",").map((one) => one.trim()).map(Number);
  const right = !more.length && isLength(length) && width >= 0.1 && width < 10 && Number.isInteger(Math.round(width * 1000) / 100);
  return right ? [length, width] : null;
}

/** @param {number} length */
const isLength = (length) => Number.isInteger(length) && length >= 2 && length <= LONGEST;

/** What differs from the usual ones, as the address has it. @param {Parameters} parameters @returns {Record<string, string>} */
export function unusual(parameters) {
  const texts = /** @type {["ma" | "bb", string][]} */ ([["ma", String(parameters.ma)], ["bb", String(parameters.bb)]]);
  return Object.fromEntries(texts.filter(([name, text]) => text !== String(USUAL[name])));
}

/** Of the server's indicator of the bands. @param {Parameters} parameters */
export const bandsName = ({ bb: [length, width] }) => (length === 20 && width === 2 ? "bbands" : `bbands${length}_${width}`);
