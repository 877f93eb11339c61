/** A thin line where one session ends and the next begins: a primitive of lightweight-charts. */

export class Breaks {
  constructor() {
    this.times = /** @type {number[]} */ ([]);
    this.color = "#8884";
  }

  /** @param {any} attached */
  attached({ chart, requestUpdate }) {
    this.chart = chart;
    this.update = requestUpdate;
  }

  /** @param {number[]} times @param {string} color */
  set(times, color) {
    this.times = times;
    this.color = color;
    this.update?.();
  }

  paneViews() {
    return [{ zOrder: () => "bottom", renderer: () => ({ draw: (/** @type {any} */ target) => this.draw(target) }) }];
  }

  /** @param {any} target */
  draw(target) {
    const scale = this.chart.timeScale();
    const half = scale.options().barSpacing / 2;
    target.useBitmapCoordinateSpace((/** @type {any} */ { context, bitmapSize, horizontalPixelRatio: ratio }) => {
      context.fillStyle = this.color;
      for (const time of this.times) {
        const x = scale.timeToCoordinate(time);
        if (x != null) context.fillRect(Math.round((x - half) * ratio), 0, Math.max(1, Math.floor(ratio)), bitmapSize.height);
      }
    });
  }
}
