/** The colours of the scheme in use, as style.css names them. */

const known = /** @type {Map<string, string>} */ (new Map());

/** @param {string} name */
export function color(name) {
  const found = known.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  known.set(name, found);
  return found;
}

/** Another scheme is in use. */
export const forgetColors = () => known.clear();
