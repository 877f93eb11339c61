/** News from one part of the page to the others, so that no part has to know them. */

const target = new EventTarget();

/** @param {string} name @param {(detail: any) => void} act @param {AbortSignal} [signal] ends it */
export const on = (name, act, signal) => target.addEventListener(name, (event) => act(/** @type {CustomEvent} */ (event).detail), { signal });

/** @param {string} name @param {unknown} [detail] */
export const emit = (name, detail) => target.dispatchEvent(new CustomEvent(name, { detail }));
