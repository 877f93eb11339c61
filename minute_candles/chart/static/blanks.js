/** What is in doubt or missing, behind the candles: hatched days, tinted minutes, what stands before the first candle. A primitive of lightweight-charts. */

/** @typedef {{missing: number[], doubtful: number[], first: number | null, words: string, colors: {hatch: string, tint: string, text: string, back: string}}} Marked */

const STEP = 7; // pixels between two lines of a hatch

export class Blanks {
  constructor() {
    this.marked = /** @type {Marked | null} */ (null);
  }

  /** @param {any} attached */
  attached({ chart, requestUpdate }) {
    this.chart = chart;
    this.update = requestUpdate;
  }

  /** @param {Marked} marked times of the slots */
  set(marked) {
    this.marked = marked;
    this.update?.();
  }

  paneViews() {
    return [{ zOrder: () => "bottom", renderer: () => ({ draw: (/** @type {any} */ target) => target.useMediaCoordinateSpace((/** @type {any} */ space) => this.draw(space)) }) }];
  }

  /** @param {{context: CanvasRenderingContext2D, mediaSize: {width: number, height: number}}} space */
  draw({ context: pen, mediaSize: { width, height } }) {
    if (!this.marked) return;
    const { missing, doubtful, first, words, colors } = this.marked;
    const box = { width, height };
    for (const [left, right] of this.spans(doubtful, width)) {
      pen.fillStyle = colors.tint;
      pen.fillRect(left, 0, right - left, height);
    }
    for (const span of this.spans(missing, width)) hatch(pen, span, box, colors.hatch);
    const start = first == null ? null : this.chart.timeScale().timeToCoordinate(first);
    if (start == null) return;
    const edge = start - this.half();
    if (edge > 0) hatch(pen, [0, edge], box, colors.hatch);
    if (edge > -width / 2) label(pen, words, edge, height, colors);
  }

  half() { return this.chart.timeScale().options().barSpacing / 2; }

  /** Stretches in sight; neighbours are one. @param {number[]} times @param {number} width @returns {[number, number][]} */
  spans(times, width) {
    const [scale, half] = [this.chart.timeScale(), this.half()];
    const found = /** @type {[number, number][]} */ ([]);
    for (const time of times) {
      const x = scale.timeToCoordinate(time);
      if (x == null || x < -half || x > width + half) continue;
      const last = found.at(-1);
      if (last && x - half <= last[1] + 0.5) last[1] = x + half;
      else found.push([x - half, x + half]);
    }
    return found;
  }
}

/** @param {CanvasRenderingContext2D} pen @param {[number, number]} span @param {{width: number, height: number}} box @param {string} color */
function hatch(pen, [left, right], { height }, color) {
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, right - left, height);
  pen.clip();
  pen.strokeStyle = color;
  pen.beginPath();
  for (let x = Math.floor((left - height) / STEP) * STEP; x < right; x += STEP) {
    pen.moveTo(x, height);
    pen.lineTo(x + height, 0);
  }
  pen.stroke();
  pen.restore();
}

/** @param {CanvasRenderingContext2D} pen @param {string} words @param {number} edge where the first candle stands @param {number} height @param {Marked["colors"]} colors */
function label(pen, words, edge, height, { text, back }) {
  pen.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const wide = pen.measureText(words).width + 12;
  const left = Math.max(4, edge - wide - 4);
  pen.fillStyle = back;
  pen.fillRect(left, height - 30, wide, 22);
  pen.fillStyle = text;
  pen.textBaseline = "middle";
  pen.fillText(words, left + 6, height - 19);
}
