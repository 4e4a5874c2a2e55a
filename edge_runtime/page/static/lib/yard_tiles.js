/**
 * Tiles of a strip as the server cuts them: asked for when they come into view, the newest kept.
 *
 * Level z has 2^z strip pixels in each of its own. What is there of coarser levels is drawn first, so that a
 * view is never empty while finer tiles are on their way.
 */

const KEPT_MAX = 240;
/** tiles along the rail in one view, at most */
const ALONG_MAX = 32;
/** asked for at a time: a browser sends no more than six to one server anyway */
const ASKED_MAX = 6;

export class Tiles {
  /**
   * @param {Object} rail of GET /api/yard/rails/{id}
   * @param {() => void} changed called when a tile has come
   */
  constructor(rail, changed) {
    this.rail = rail;
    this.changed = changed;
    this.kept = new Map();
    this.wanted = [];
    this.asked = 0;
    this.closed = false;
  }

  /** Of this view's wishes the last ones count: what was scrolled past is not asked for any more. */
  begin() {
    this.wanted = [];
  }

  /**
   * A tile's picture, or null while there is none; `ask` puts it on the list.
   * @returns {HTMLImageElement|null}
   */
  get(camera, level, column, row, ask) {
    const key = `${camera}/${level}/${column}_${row}`;
    const found = this.kept.get(key);
    if (found !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, found);
      return found === "coming" || found === "none" ? null : found;
    }
    if (ask) this.wanted.push(key);
    return null;
  }

  /** Send for what the view has wished. */
  send() {
    while (!this.closed && this.asked < ASKED_MAX && this.wanted.length) this.load(this.wanted.shift());
  }

  async load(key) {
    if (this.kept.has(key)) return;
    this.asked += 1;
    this.kept.set(key, "coming");
    const image = new Image();
    image.decoding = "async";
    image.src = `/yard/tiles/${this.rail.rail_id}/${key}.jpg?v=${this.rail.scanned_utc_ms}`;
    let found = image;
    try {
      await image.decode();
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      found = "none"; // gone from the disk: the strip shows its ground there
    }
    this.asked -= 1;
    if (this.closed) return;
    this.kept.set(key, found);
    while (this.kept.size > KEPT_MAX) this.kept.delete(this.kept.keys().next().value);
    this.changed();
    this.send();
  }

  close() {
    this.closed = true;
    this.kept.clear();
  }
}

/**
 * Draw what is there of a strip.
 * @param {CanvasRenderingContext2D} context in device pixels
 * @param {Tiles} tiles
 * @param {Object} frame of `yard_frame.js`
 * @param {number} camera its number
 */
export function drawTiles(context, tiles, frame, camera) {
  const { levels } = tiles.rail.cameras[camera];
  const span = tiles.rail.tile_px;
  const sharp = Math.sqrt(frame.scaleX * frame.scaleY) * frame.pixels;
  const area = frame.visible();
  const few = Math.ceil(Math.log2((area.y2 - area.y1) / span / ALONG_MAX));
  const level = Math.min(levels - 1, Math.max(0, few, Math.floor(Math.log2(1 / sharp) + 0.35)));
  context.imageSmoothingEnabled = sharp < 3;
  for (let at = levels - 1; at >= level; at -= 1) {
    const step = span * 2 ** at;
    const ask = at === level || at === levels - 1;
    for (let row = Math.floor(area.y1 / step); row * step < area.y2; row += 1)
      for (let column = Math.floor(area.x1 / step); column * step < area.x2; column += 1) {
        const image = tiles.get(camera, at, column, row, ask);
        if (image) drawTile(context, frame, image, column * step, row * step, step);
      }
  }
  context.setTransform(1, 0, 0, 1, 0, 0);
}

function drawTile(context, frame, image, x, y, step) {
  const width = Math.min(step, frame.width - x);
  const height = Math.min(step, frame.rows - y);
  const { a, b, c, d, e, f } = frame.matrix(x, y, width / image.naturalWidth, height / image.naturalHeight);
  context.setTransform(a, b, c, d, e, f);
  // A hair larger, so that no seam shows between two tiles.
  context.drawImage(image, 0, 0, image.naturalWidth + 0.04, image.naturalHeight + 0.04);
}
