/** The WebSocket: one list of what the parts of the page want, sent again after every reconnection; 1 → 15 s between attempts.
 * A heartbeat shows that both directions work: a line that is cut without a word (sleep, NAT) is opened anew. */

import { addressOf } from "./api.js";

const BEAT = 8_000; // ms between two heartbeats
const SILENT = 20_000; // ms without a message after which the line is dead
const LASTED = 60_000; // ms after which a connection was a good one: the next pause is short again

export class Live {
  /** @param {(message: any) => void} hear @param {(up: boolean) => void} change */
  constructor(hear, change) {
    this.hear = hear;
    this.change = change;
    this.wanted = /** @type {Map<string, [string, number | string][]>} */ (new Map());
    this.pause = 1;
    this.socket = /** @type {WebSocket | null} */ (null);
    this.received = 0; // when the last message came
    addEventListener("online", () => this.connect());
    setInterval(() => this.beat(), BEAT);
    this.connect();
  }

  /** @param {string} part @param {[string, number | string][]} pairs all that it wants */
  want(part, pairs) {
    this.wanted.set(part, pairs);
    clearTimeout(this.saying); // several parts that want something anew are one message
    this.saying = setTimeout(() => { if (this.socket?.readyState === WebSocket.OPEN) this.say(); });
  }

  say() {
    this.socket?.send(JSON.stringify({ subscribe: [...this.wanted.values()].flat(), prices: true }));
  }

  connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    const address = addressOf("ws");
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.socket = new WebSocket(address));
    let opened = Infinity;
    socket.onopen = () => {
      this.received = opened = Date.now();
      this.say();
      this.change(true);
    };
    socket.onmessage = (event) => { if (socket === this.socket) this.receive(JSON.parse(event.data)); };
    socket.onclose = () => { if (socket === this.socket) this.again(Date.now() - opened > LASTED); };
  }

  /** @param {any} message */
  receive(message) {
    this.received = Date.now();
    if (message.type !== "beat") this.hear(message);
  }

  beat() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.received > SILENT) this.lost();
    else this.socket.send('{"beat": true}');
  }

  /** Not all pages at the same moment. @param {boolean} lasted */
  again(lasted) {
    if (lasted) this.pause = 1;
    this.change(false);
    this.timer = setTimeout(() => this.connect(), this.pause * (500 + 500 * Math.random()));
    this.pause = Math.min(15, this.pause * 2);
  }

  /** The server does not answer: a line that looks open leads nowhere. */
  lost() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const socket = this.socket;
    this.socket = null;
    socket.close();
    this.again(false);
  }
}
