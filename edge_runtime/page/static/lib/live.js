/**
 * The socket to the page's server: state twice a second, pictures of one camera as fast as they are drawn.
 *
 * It comes back by itself with growing waits. A picture is asked for only once the last one is drawn, so a
 * slow tablet sees fewer pictures, never old ones; a hidden tab asks for none.
 */

const WAITS_MS = [250, 500, 1000, 2000, 4000, 8000];
/** the server speaks twice a second; silence for so long is a dead connection that nobody has noticed */
const SILENCE_MS = 6000;
export const SIGNED_OUT = 4401;

export class Live {
  /**
   * @param {Object} on
   * @param {(state: Object) => void} on.state
   * @param {(link: 'open'|'lost', code: number) => void} on.link
   */
  constructor(on) {
    this.on = on;
    this.picture = null;
    this.camera = null;
    this.tries = 0;
    this.socket = null;
    this.timer = 0;
    this.heard = 0;
    document.addEventListener("visibilitychange", () => this.sendCamera());
    window.addEventListener("online", () => this.reconnect());
    setInterval(() => this.watchSilence(), 2000);
  }

  /** Camera whose pictures are wanted now: none in a hidden tab. */
  get wanted() {
    return document.hidden ? null : this.camera;
  }

  /** Open the socket now, whatever waits. */
  reconnect() {
    this.stop();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const camera = this.wanted ? `?camera=${encodeURIComponent(this.wanted)}` : "";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live${camera}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (event) => this.message(socket, event.data);
    socket.onclose = (event) => this.closed(socket, event.code);
    this.socket = socket;
    this.sent = this.wanted;
    this.heard = performance.now();
  }

  /** Close it and wait for `reconnect`. */
  stop() {
    clearTimeout(this.timer);
    const old = this.socket;
    this.socket = null;
    if (old) old.close();
  }

  opened(socket) {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    // The view may have chosen a camera while the socket was on its way.
    if (this.sent !== this.wanted) this.sendCamera();
  }

  closed(socket, code) {
    if (socket !== this.socket) return;
    this.socket = null;
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    this.tries += 1;
    this.on.link("lost", code);
    // Spread, so that all pages of a plant do not come back in one instant.
    if (code !== SIGNED_OUT) this.timer = setTimeout(() => this.reconnect(), wait * (0.8 + 0.4 * Math.random()));
  }

  watchSilence() {
    if (this.socket && performance.now() - this.heard > SILENCE_MS) {
      const socket = this.socket;
      this.closed(socket, 0);
      socket.close();
    }
  }

  async message(socket, data) {
    if (socket !== this.socket) return;
    this.heard = performance.now();
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.type !== "state") return;
      this.tries = 0;
      this.on.link("open", 0);
      this.on.state(message);
      return;
    }
    const { header, jpeg } = split(data);
    if (header.camera === this.wanted) await this.show(header, jpeg);
    if (this.wanted !== null) this.send({ type: "drawn" });
  }

  async show(header, jpeg) {
    let bitmap;
    try {
      bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      return; // a damaged picture is skipped; the next one is asked for
    }
    // Another camera may have been chosen while it was decoded.
    if (this.picture && header.camera === this.wanted) this.picture(header, bitmap);
    else bitmap.close();
  }

  /** Who draws the pictures: one view at a time; it closes each bitmap. */
  onPicture(show) {
    this.picture = show;
  }

  /** No longer; nothing when another view has taken over. */
  off(show) {
    if (this.picture === show) this.picture = null;
  }

  /** Choose the camera to see; null for none. */
  setCamera(name) {
    this.camera = name;
    this.sendCamera();
  }

  sendCamera() {
    if (this.send({ type: "camera", name: this.wanted })) this.sent = this.wanted;
  }

  send(message) {
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}

/** Header and JPEG bytes of a binary message: u32 length (little endian), JSON, JPEG. */
export function split(data) {
  const length = new DataView(data).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  return { header, jpeg: new Uint8Array(data, 4 + length) };
}
