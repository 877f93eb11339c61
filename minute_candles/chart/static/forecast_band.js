/** A faint band right of the newest candle: how far the next window is expected to reach. A primitive of lightweight-charts. */

/** @typedef {{from: number, to: number, low: number, high: number}} Box times in chart seconds, values on the pane's scale */

export class ForecastBand {
  /** @param {any} series the scale it is drawn on */
  constructor(series) {
    this.series = series;
    this.box = /** @type {Box | null} */ (null);
    this.bars = 0;
    this.color = "#8884";
  }

  /** @param {any} attached */
  attached({ chart, requestUpdate }) {
    this.chart = chart;
    this.update = requestUpdate;
  }

  /** @param {Box | null} box @param {number} bars how many bars wide @param {string} color */
  set(box, bars, color) {
    Object.assign(this, { box, bars, color });
    this.update?.();
  }

  paneViews() {
    return [{ zOrder: () => "bottom", renderer: () => ({ draw: (/** @type {any} */ target) => this.draw(target) }) }];
  }

  /** @param {any} target */
  draw(target) {
    if (!this.box) return;
    const scale = this.chart.timeScale();
    const spacing = scale.options().barSpacing;
    const x = scale.timeToCoordinate(this.box.from);
    const [top, bottom] = [this.series.priceToCoordinate(this.box.high), this.series.priceToCoordinate(this.box.low)];
    if (x == null || top == null || bottom == null) return;
    target.useBitmapCoordinateSpace((/** @type {any} */ { context, horizontalPixelRatio: wide, verticalPixelRatio: tall }) => {
      context.globalAlpha = 0.18;
      context.fillStyle = this.color;
      context.fillRect((x + spacing / 2) * wide, top * tall, spacing * this.bars * wide, Math.max(1, bottom - top) * tall);
      context.globalAlpha = 1;
    });
  }
}
