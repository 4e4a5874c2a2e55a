/**
 * Where the pixels of a strip lie on the screen: one frame for drawing, touching and keys.
 *
 * A rail lies along the screen, its rows from left to right and its columns from the lower edge up (turned,
 * not mirrored); from afar it is drawn wider than it is long, so that it can be seen at all. A photo stands as
 * it was taken. Strip pixels count from the picture's first column; `MapBox` columns are `left_px` more.
 */

const LANE_LEAST_PX = 40;
/** screen pixels of one strip pixel, at most */
const CLOSEST = 8;

export class Frame {
  /**
   * @param {Object} rail of GET /api/yard/rails/{id}
   * @param {Object} camera one of its cameras
   * @param {{top: number, bottom: number}} margins around the strip, CSS pixels
   */
  constructor(rail, camera, margins) {
    this.lying = rail.kind !== "photos";
    this.width = Math.max(1, camera.shown_px);
    this.rows = Math.max(1, camera.rows);
    this.left = camera.left_px;
    this.margins = margins;
    this.pixels = 1;
    this.box = { width: 1, height: 1 };
    this.u = 0;
    this.v = 0;
    this.zoom = 0;
  }

  /** Length along the screen's width, strip pixels. */
  get along() {
    return this.lying ? this.rows : this.width;
  }

  /** Length along its height. */
  get across() {
    return this.lying ? this.width : this.rows;
  }

  get lane() {
    return Math.max(LANE_LEAST_PX, this.box.height - this.margins.top - this.margins.bottom);
  }

  /** Scale at which all of it is seen. */
  get whole() {
    const fit = this.box.width / this.along;
    return this.lying ? fit : Math.min(fit, this.lane / this.across);
  }

  /** CSS pixels of one strip pixel along and across the screen. */
  get scaleX() {
    return this.zoom || this.whole;
  }

  get scaleY() {
    return this.lying ? Math.max(this.scaleX, this.lane / this.across) : this.scaleX;
  }

  /** The canvas has got this size (CSS pixels) and so many device pixels for each. */
  resize(width, height, pixels) {
    const was = this.zoom && this.zoom <= this.whole * 1.0001;
    this.box = { width: Math.max(1, width), height: Math.max(1, height) };
    this.pixels = pixels;
    if (was) this.zoom = 0;
    this.clamp();
  }

  clamp() {
    if (this.zoom) this.zoom = Math.min(Math.max(this.zoom, this.whole), Math.max(CLOSEST, this.whole));
    if (this.zoom <= this.whole) this.zoom = 0;
    this.u = within(this.u, this.along - this.box.width / this.scaleX);
    this.v = within(this.v, this.across - this.lane / this.scaleY);
  }

  /** Zoom by a factor around a place on the screen (CSS pixels; the middle if left out). */
  zoomBy(factor, x = this.box.width / 2, y = this.margins.top + this.lane / 2) {
    const at = this.fromScreen(x, y);
    this.zoom = this.scaleX * factor;
    if (this.zoom > CLOSEST) this.zoom = Math.max(CLOSEST, this.whole);
    if (this.zoom < this.whole) this.zoom = 0;
    this.u = at.u - x / this.scaleX;
    this.v = at.v - (y - this.margins.top) / this.scaleY;
    this.clamp();
  }

  /** Move by CSS pixels. */
  panBy(x, y) {
    this.u -= x / this.scaleX;
    this.v -= y / this.scaleY;
    this.clamp();
  }

  showAll() {
    this.zoom = 0;
    this.clamp();
  }

  /** Bring a box of strip pixels into the middle; `around` times its size is seen. */
  show(box, around = 6) {
    const place = this.place(box);
    const wide = Math.max(place.u2 - place.u1, 24) * around;
    const high = Math.max(place.v2 - place.v1, 24) * Math.min(around, 3);
    this.zoom = Math.min(this.box.width / wide, Math.max(this.lane / high, this.lane / this.across), 3);
    this.clamp();
    this.u = (place.u1 + place.u2) / 2 - this.box.width / this.scaleX / 2;
    this.v = (place.v1 + place.v2) / 2 - this.lane / this.scaleY / 2;
    this.clamp();
  }

  /** Bring a row of the map to the middle without zooming. */
  centre(row) {
    this.u = row - this.box.width / this.scaleX / 2;
    this.clamp();
  }

  /** A box {x1, y1, x2, y2} of strip pixels along the screen's axes. */
  place({ x1, y1, x2, y2 }) {
    if (!this.lying) return { u1: x1, u2: x2, v1: y1, v2: y2 };
    return { u1: y1, u2: y2, v1: this.width - x2, v2: this.width - x1 };
  }

  /** The same on the screen, CSS pixels. */
  toScreen(box) {
    const { u1, u2, v1, v2 } = this.place(box);
    return {
      left: (u1 - this.u) * this.scaleX,
      right: (u2 - this.u) * this.scaleX,
      top: this.margins.top + (v1 - this.v) * this.scaleY,
      bottom: this.margins.top + (v2 - this.v) * this.scaleY,
    };
  }

  /** Screen x of a map row, of a rail. */
  rowX(row) {
    return (row - this.u) * this.scaleX;
  }

  fromScreen(x, y) {
    return { u: this.u + x / this.scaleX, v: this.v + (y - this.margins.top) / this.scaleY };
  }

  /** Strip pixels below a place on the screen. */
  pixelAt(x, y) {
    const { u, v } = this.fromScreen(x, y);
    return this.lying ? { x: this.width - v, y: u } : { x: u, y: v };
  }

  /** The part of the strip that is seen, strip pixels. */
  visible() {
    const one = this.pixelAt(0, this.margins.top);
    const other = this.pixelAt(this.box.width, this.margins.top + this.lane);
    return {
      x1: Math.max(0, Math.min(one.x, other.x)),
      x2: Math.min(this.width, Math.max(one.x, other.x)),
      y1: Math.max(0, Math.min(one.y, other.y)),
      y2: Math.min(this.rows, Math.max(one.y, other.y)),
    };
  }

  /** The canvas matrix (device pixels) that puts a picture with its corner at strip pixel (x, y) in place. */
  matrix(x, y, stepX, stepY) {
    const sx = this.scaleX * this.pixels;
    const sy = this.scaleY * this.pixels;
    const top = this.margins.top * this.pixels;
    if (!this.lying) return { a: stepX * sx, b: 0, c: 0, d: stepY * sy, e: (x - this.u) * sx, f: top + (y - this.v) * sy };
    return { a: 0, b: -stepX * sy, c: stepY * sx, d: 0, e: (y - this.u) * sx, f: top + (this.width - x - this.v) * sy };
  }

  /** A finding's box of this strip, strip pixels; null where this camera does not show it. */
  boxOf(finding, camera) {
    const found = finding.boxes.find((box) => box.camera === camera);
    return found ? this.fromMap(found.xyxy_px) : null;
  }

  fromMap([x1, y1, x2, y2]) {
    return { x1: x1 - this.left, y1, x2: x2 - this.left, y2 };
  }

  toMap({ x1, y1, x2, y2 }) {
    return [x1 + this.left, y1, x2 + this.left, y2].map((value) => Math.round(value * 10) / 10);
  }

  /** The box within the strip, its corners in order. */
  inside({ x1, y1, x2, y2 }) {
    const [left, right] = [Math.min(x1, x2), Math.max(x1, x2)].map((value) => Math.min(Math.max(0, value), this.width));
    const [top, bottom] = [Math.min(y1, y2), Math.max(y1, y2)].map((value) => Math.min(Math.max(0, value), this.rows));
    return { x1: left, y1: top, x2: right, y2: bottom };
  }
}

function within(value, most) {
  if (most <= 0) return most / 2; // all of it is seen: in the middle
  return Math.min(Math.max(0, value), most);
}
