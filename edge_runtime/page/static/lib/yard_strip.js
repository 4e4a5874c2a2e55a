/**
 * The rail as a long strip that is panned, zoomed and touched: one canvas, tiles on demand, drawn once per
 * screen refresh and only when something has changed. Neighbours: `yard_frame`, `yard_tiles`, `yard_draw`,
 * `yard_touch` (fingers, mouse, wheel), `yard_overview` (the bar below).
 */

import { el } from "./dom.js";
import { CUTS_PX, drawCuts, drawEdit, drawEnds, drawFindings, drawGround, drawRuler, drawStretches, drawUnseen, RULER_PX, touchBox } from "./yard_draw.js";
import { Frame } from "./yard_frame.js";
import { overviewBar } from "./yard_overview.js";
import { drawTiles, Tiles } from "./yard_tiles.js";
import { touch } from "./yard_touch.js";

const ZOOM = 1.5;

/**
 * @param {Object} on
 * @param {(id: string|null) => void} on.choose a finding was touched
 * @param {(box: Object) => void} on.box the box being drawn has changed (strip pixels)
 */
export function railStrip(on) {
  const canvas = el("canvas.strip-canvas", { tabindex: "0", role: "application" });
  const box = el("div.strip-box", {}, canvas);
  const overview = overviewBar((row) => {
    frame.centre(row);
    redraw();
  });
  const node = el("div.strip-view", {}, box, overview.node);
  let rail = null;
  let camera = 0;
  let frame = null;
  let tiles = null;
  let shown = [];
  let chosen = null;
  let look = null;
  let edit = null;
  let due = 0;

  function redraw() {
    if (!due) due = requestAnimationFrame(draw);
  }

  function draw() {
    due = 0;
    if (!frame || !box.clientWidth) return;
    const context = canvas.getContext("2d");
    const name = rail.cameras[camera].name;
    drawGround(context, frame);
    tiles.begin();
    drawTiles(context, tiles, frame, camera);
    drawEnds(context, frame, rail);
    drawUnseen(context, frame, rail.unseen.filter((stretch) => stretch.camera === name));
    drawStretches(context, frame, rail.reviewed.filter((stretch) => stretch.camera === name), rail.looks.filter((one) => one.camera === name && !one.answer), look);
    drawFindings(context, frame, name, edit ? shown.filter((finding) => finding.id !== edit.id) : shown, chosen);
    drawRuler(context, frame, rail);
    drawCuts(context, frame, rail);
    if (edit) drawEdit(context, frame, edit.box);
    overview.draw(rail, camera, frame, tiles, shown);
    tiles.send();
    node.dataset.drawn = String(rail.revision);
  }

  function size() {
    if (!frame || !box.clientWidth) return;
    const pixels = window.devicePixelRatio || 1;
    canvas.width = Math.round(box.clientWidth * pixels);
    canvas.height = Math.round(box.clientHeight * pixels);
    frame.resize(box.clientWidth, box.clientHeight, pixels);
    redraw();
  }

  /** Another rail, or the same one after a change: tiles and place stay as they are. */
  function setRail(next) {
    const other = !rail || rail.rail_id !== next.rail_id;
    rail = next;
    if (other) {
      if (tiles) tiles.close();
      tiles = new Tiles(rail, redraw);
      setCamera(0);
    } else redraw();
  }

  function setCamera(number) {
    const before = frame;
    camera = number;
    const margins = rail.kind === "photos" ? { top: 0, bottom: 0 } : { top: RULER_PX, bottom: CUTS_PX + 4 };
    frame = new Frame(rail, rail.cameras[number], margins);
    size();
    if (before && frame.lying && before.zoom) {
      frame.zoom = before.zoom;
      frame.u = before.u;
      frame.clamp();
    }
    redraw();
  }

  /** The finding under a place on the screen; of several the smallest. */
  function under(x, y) {
    const name = rail.cameras[camera].name;
    const found = shown
      .map((finding) => ({ finding, box: frame.boxOf(finding, name) }))
      .filter((one) => one.box)
      .map((one) => ({ ...one, at: touchBox(frame, one.box) }))
      .filter(({ at }) => x >= at.left && x <= at.right && y >= at.top - 30 && y <= at.bottom)
      .sort((a, b) => area(a.at) - area(b.at));
    return found.length ? found[0].finding.id : null;
  }

  const touching = touch(canvas, {
    frame: () => frame,
    changed: redraw,
    editing: () => edit && edit.box,
    setBox(next) {
      edit.box = frame.inside(next);
      redraw();
      on.box(edit.box);
    },
    tap(x, y) {
      on.choose(under(x, y));
    },
  });
  const resized = new ResizeObserver(size);
  resized.observe(box);

  return {
    node,
    canvas,
    setRail,
    setCamera,
    redraw,
    get camera() {
      return camera;
    },
    get frame() {
      return frame;
    },
    /** Which findings are drawn, and which of them is chosen. */
    setFindings(findings, id) {
      shown = findings;
      chosen = id;
      redraw();
    },
    setLook(id) {
      look = id;
      redraw();
    },
    /** Begin to draw or move a box (strip pixels), or end it with null; `id`: the finding it belongs to. */
    setEdit(id, start) {
      edit = start ? { id, box: frame.inside(start) } : null;
      canvas.classList.toggle("editing", Boolean(edit));
      redraw();
    },
    get edit() {
      return edit && edit.box;
    },
    moveEdit(next) {
      edit.box = frame.inside(next);
      redraw();
      on.box(edit.box);
    },
    /** Bring a finding into view; its camera is chosen if this one does not show it. */
    showFinding(finding, around) {
      const here = rail.cameras[camera].name;
      const target = finding.boxes.find((one) => one.camera === here) ?? finding.boxes[0];
      if (!target) return;
      const number = rail.cameras.findIndex((one) => one.name === target.camera);
      if (number !== camera) setCamera(number);
      frame.show(frame.fromMap(target.xyxy_px), around);
      redraw();
    },
    showRows(first, last) {
      frame.show({ x1: 0, x2: frame.width, y1: first, y2: last }, 1.3);
      redraw();
    },
    /** A box in the middle of what is seen, for whoever draws by keys. */
    middleBox() {
      const seen = frame.visible();
      const [x, y] = [(seen.x1 + seen.x2) / 2, (seen.y1 + seen.y2) / 2];
      const half = Math.max(8, Math.min(seen.x2 - seen.x1, seen.y2 - seen.y1) / 10);
      return { x1: x - half, y1: y - half, x2: x + half, y2: y + half };
    },
    zoomIn: () => (frame.zoomBy(ZOOM), redraw()),
    zoomOut: () => (frame.zoomBy(1 / ZOOM), redraw()),
    zoomAll: () => (frame.showAll(), redraw()),
    pan: (x, y) => (frame.panBy(x, y), redraw()),
    toEnd: (end) => (frame.centre(end ? frame.along : 0), redraw()),
    close() {
      resized.disconnect();
      touching.close();
      overview.close();
      if (tiles) tiles.close();
      if (due) cancelAnimationFrame(due);
    },
  };
}

const area = (at) => (at.right - at.left) * (at.bottom - at.top);
