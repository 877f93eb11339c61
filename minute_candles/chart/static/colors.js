/** The colours of the scheme in use, as style.css names them. */

/** @param {string} name */
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
