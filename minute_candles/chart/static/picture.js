/** The chart as a picture, with its title. */

import { color } from "./colors.js";

/** @param {HTMLCanvasElement} shot @param {string} title */
export function titled(shot, title) {
  const canvas = document.createElement("canvas");
  const ratio = devicePixelRatio, head = 44 * ratio;
  [canvas.width, canvas.height] = [shot.width, shot.height + head];
  const paper = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  paper.fillStyle = color("back");
  paper.fillRect(0, 0, canvas.width, canvas.height);
  paper.drawImage(shot, 0, head);
  paper.fillStyle = color("ink");
  paper.font = `600 ${16 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  paper.fillText(title, 16 * ratio, 28 * ratio);
  return canvas;
}
