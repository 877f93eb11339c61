/** The list of the alerts that fired, in the order of a column; one is chosen to be looked at. */

import { moment, seconds } from "./format.js";

/** @typedef {import("./api.js").Alert} Alert */

const SEVERITIES = /** @type {Record<string, string>} */ ({ info: "알림", warning: "경고", critical: "심각" });
const RANKS = Object.keys(SEVERITIES);
/** @type {Record<string, (alert: Alert) => string | number>} */
const BY = { time: ({ rang_at }) => rang_at, name: ({ name }) => name, rule: ({ rule }) => rule, severity: ({ severity }) => RANKS.indexOf(severity), text: ({ text }) => text };
const order = { by: "time", down: true };

/** Another column; the same one again: the other way round. @param {string} by */
export function sortAlerts(by) {
  order.down = by === order.by ? !order.down : by === "time" || by === "severity";
  order.by = by;
}

/** @param {HTMLElement} box @param {Alert[]} alerts @param {(alert: Alert) => void} choose */
export function fillAlerts(box, alerts, choose) {
  const [key, way] = [BY[order.by], order.down ? -1 : 1];
  const compare = (/** @type {Alert} */ a, /** @type {Alert} */ b) => (key(a) < key(b) ? -way : key(a) > key(b) ? way : 0);
  box.replaceChildren(...alerts.toSorted(compare).map((alert) => row(alert, choose)));
  for (const head of document.querySelectorAll("[data-by]")) {
    const its = /** @type {HTMLElement} */ (head).dataset.by === order.by;
    head.closest("th")?.setAttribute("aria-sort", its ? (order.down ? "descending" : "ascending") : "none");
  }
}

/** @param {Alert} alert @param {(alert: Alert) => void} choose */
function row(alert, choose) {
  const made = document.createElement("tr");
  made.dataset.severity = alert.severity;
  const button = document.createElement("button");
  button.textContent = moment(seconds(alert.rang_at), 1);
  button.disabled = !alert.symbol; // of the collection itself: there is no chart to look at
  if (alert.symbol) made.addEventListener("click", () => choose(alert));
  const head = document.createElement("th");
  head.scope = "row";
  head.append(button);
  const cells = [alert.name || alert.symbol, alert.rule, SEVERITIES[alert.severity] ?? alert.severity, alert.text];
  made.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return made;
}
