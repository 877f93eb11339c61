/** The WebSocket: one list of what is wanted, said again after every reconnection; 1 → 15 s between attempts. */

export class Live {
  /** @param {(message: any) => void} hear @param {(up: boolean) => void} change */
  constructor(hear, change) {
    this.hear = hear;
    this.change = change;
    this.wanted = /** @type {[string, number | string][]} */ ([]);
    this.pause = 1;
    this.socket = /** @type {WebSocket | null} */ (null);
    addEventListener("online", () => this.connect());
    this.connect();
  }

  /** @param {[string, number | string][]} wanted */
  want(wanted) {
    this.wanted = wanted;
    if (this.socket?.readyState === WebSocket.OPEN) this.say();
  }

  say() {
    this.socket?.send(JSON.stringify({ subscribe: this.wanted }));
  }

  connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    const address = new URL("/ws", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = (this.socket = new WebSocket(address));
    socket.onopen = () => {
      this.pause = 1;
      this.say();
      this.change(true);
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = () => {
      this.change(false);
      this.timer = setTimeout(() => this.connect(), this.pause * 1000);
      this.pause = Math.min(15, this.pause * 2);
    };
  }
}
