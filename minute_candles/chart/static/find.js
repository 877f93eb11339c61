/** The symbol that a typed text means: its code, its name, the beginning of its name. Pure. */

/** @param {string} text @param {Map<string, {name: string}>} rows @returns {string} "": none */
export function symbolOf(text, rows) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return "";
  if (rows.has(wanted.toUpperCase())) return wanted.toUpperCase();
  const names = [...rows].map(([symbol, { name }]) => [symbol, name.toLowerCase()]);
  const found = names.find(([, name]) => name === wanted) ?? names.find(([, name]) => name.startsWith(wanted)) ?? names.find(([, name]) => name.includes(wanted));
  return found ? found[0] : "";
}
