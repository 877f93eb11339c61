/** The list of the alerts that fired: newest first; one is chosen to be looked at. */

import { moment } from "./format.js";

/** @typedef {import("./api.js").Alert} Alert */

const SEVERITIES = /** @type {Record<string, string>} */ ({ info: "알림", warning: "경고", critical: "심각" });

/** @param {HTMLElement} box @param {Alert[]} alerts @param {(alert: Alert) => void} choose */
export function fillAlerts(box, alerts, choose) {
  box.replaceChildren(...alerts.map((alert) => row(alert, choose)));
}

/** @param {Alert} alert @param {(alert: Alert) => void} choose */
function row(alert, choose) {
  const made = document.createElement("tr");
  made.dataset.severity = alert.severity;
  const button = document.createElement("button");
  button.textContent = moment(alert.time, false);
  button.disabled = !alert.symbol; // of the collection itself: there is no chart to look at
  button.addEventListener("click", () => choose(alert));
  const head = document.createElement("th");
  head.scope = "row";
  head.append(button);
  const cells = [alert.name || alert.symbol, alert.rule, SEVERITIES[alert.severity] ?? alert.severity, alert.text];
  made.append(head, ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  return made;
}
