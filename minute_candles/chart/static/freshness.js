/** Whether the WebSocket brings what is stored: the list is polled, and knows a newer minute sooner or later. */

const AGO = 5_000; // ms before the poll: the minute may have come then
const WAIT = 3_000; // ms after it: the minute may be on its way

export class Freshness {
  /** @param {() => void} late called where the list knows a minute that did not come */
  constructor(late) {
    this.late = late;
    this.came = 0;
    this.symbol = "";
    this.minute = "";
  }

  /** A candle of the shown symbol came by the socket. */
  candle() {
    this.came = Date.now();
  }

  /** @param {string} symbol the shown one @param {string | null | undefined} minute its newest as the list has it */
  poll(symbol, minute) {
    const moved = symbol === this.symbol && minute && minute > this.minute;
    [this.symbol, this.minute] = [symbol, minute ?? ""];
    if (moved) this.check(symbol, Date.now());
  }

  /** @param {string} symbol @param {number} polled ms */
  check(symbol, polled) {
    if (this.came >= polled - AGO) return;
    setTimeout(() => { if (symbol === this.symbol && this.came < polled - AGO) this.late(); }, WAIT);
  }
}
