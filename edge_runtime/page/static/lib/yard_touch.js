/** Fingers, mouse and wheel on the strip: drag to pan or to draw a box, two fingers or the wheel to zoom. */

const TAP_PX = 7;
const HANDLE_PX = 22;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Object} strip
 * @param {() => Object} strip.frame of `yard_frame`
 * @param {() => void} strip.changed
 * @param {() => Object|null} strip.editing the box that is being drawn, strip pixels
 * @param {(box: Object) => void} strip.setBox
 * @param {(x: number, y: number) => void} strip.tap
 */
export function touch(canvas, strip) {
  const fingers = new Map();
  let grip = null;
  let moved = 0;
  let start = null;

  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  function down(event) {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    const place = at(event);
    fingers.set(event.pointerId, place);
    if (fingers.size === 1) {
      moved = 0;
      start = place;
      grip = strip.editing() ? gripAt(strip.frame(), strip.editing(), place) : { kind: "pan" };
    } else grip = { kind: "pinch" };
  }

  function move(event) {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const place = at(event);
    if (grip.kind === "pinch" && fingers.size === 2) {
      const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)[1];
      pinch(strip.frame(), before, place, other);
      strip.changed();
    }
    fingers.set(event.pointerId, place);
    moved += Math.abs(place.x - before.x) + Math.abs(place.y - before.y);
    if (fingers.size > 1 || moved < TAP_PX) return;
    if (grip.kind === "pan") {
      strip.frame().panBy(place.x - before.x, place.y - before.y);
      strip.changed();
    } else if (grip.kind !== "pinch") strip.setBox(dragged(strip.frame(), grip, start, place));
  }

  function up(event) {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size === 0 && moved < TAP_PX && grip && grip.kind === "pan" && event.type === "pointerup") strip.tap(start.x, start.y);
  }

  function wheel(event) {
    event.preventDefault();
    const { x, y } = at(event);
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) strip.frame().panBy(-(event.deltaX || event.deltaY), 0);
    else strip.frame().zoomBy(Math.exp(-Math.max(-240, Math.min(240, event.deltaY)) / 320), x, y);
    strip.changed();
  }

  const heard = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: up };
  for (const [kind, act] of Object.entries(heard)) canvas.addEventListener(kind, act);
  canvas.addEventListener("wheel", wheel, { passive: false });
  return {
    close() {
      for (const [kind, act] of Object.entries(heard)) canvas.removeEventListener(kind, act);
      canvas.removeEventListener("wheel", wheel);
    },
  };
}

function pinch(frame, before, now, other) {
  const far = (one) => Math.max(12, Math.hypot(one.x - other.x, one.y - other.y));
  frame.zoomBy(far(now) / far(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
  frame.panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
}

/** What is held: a corner of the box, the box, or nothing, which draws a new one. */
function gripAt(frame, box, place) {
  const on = frame.toScreen(box);
  const near = (a, b) => Math.abs(a - b) <= HANDLE_PX;
  const side = near(place.x, on.left) ? "left" : near(place.x, on.right) ? "right" : null;
  const edge = near(place.y, on.top) ? "top" : near(place.y, on.bottom) ? "bottom" : null;
  if (side && edge) return { kind: "corner", screen: on, side, edge };
  const inside = place.x > on.left && place.x < on.right && place.y > on.top && place.y < on.bottom;
  return inside ? { kind: "whole", screen: on } : { kind: "new" };
}

function dragged(frame, grip, start, now) {
  if (grip.kind === "new") return fromScreen(frame, start, now);
  const screen = { ...grip.screen };
  if (grip.kind === "corner") {
    screen[grip.side] = now.x;
    screen[grip.edge] = now.y;
  } else {
    for (const side of ["left", "right"]) screen[side] += now.x - start.x;
    for (const side of ["top", "bottom"]) screen[side] += now.y - start.y;
  }
  return fromScreen(frame, { x: screen.left, y: screen.top }, { x: screen.right, y: screen.bottom });
}

function fromScreen(frame, one, other) {
  const [a, b] = [frame.pixelAt(one.x, one.y), frame.pixelAt(other.x, other.y)];
  return { x1: Math.min(a.x, b.x), y1: Math.min(a.y, b.y), x2: Math.max(a.x, b.x), y2: Math.max(a.y, b.y) };
}
