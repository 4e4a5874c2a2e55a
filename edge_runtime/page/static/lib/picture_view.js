/**
 * The live picture of one camera with what was found in it drawn on a second canvas above it.
 *
 * Used by the line's view and by the commissioning wizard: `livePicture(...)`, hand it every picture, and
 * close it. A picture that is older than a second is greyed out and says so.
 */

import { el, setText } from "./dom.js";
import { store } from "./store.js";
import { clock, duration, known, number, reasonWords, t } from "./words.js";

const STALE_MS = 1000;
const TICK_MS = 200;

/**
 * @param {Object} [options]
 * @param {(context: CanvasRenderingContext2D, header: Object, scale: number) => void} [options.draw] draws more
 *   above the findings (a wizard's region); `scale` is canvas pixels per frame pixel
 * @param {() => {moving: boolean}} [options.line] whether new pictures are to be expected at all
 */
export function livePicture({ draw, line = () => ({ moving: true }) } = {}) {
  const picture = el("canvas.live-picture", { width: 640, height: 240 });
  const overlay = el("canvas.live-overlay", { width: 640, height: 240 });
  const sign = el("p.live-sign", { hidden: true });
  const stamp = el("p.live-stamp.numeral");
  const node = el("div.live-box", { role: "img", "aria-label": t("live.none") }, picture, overlay, sign, stamp);
  let shown = null;
  let heardMs = 0;
  const ageMs = () => (shown ? (shown.age_ms ?? 0) + performance.now() - heardMs : null);

  function show(header, bitmap) {
    if (picture.width !== header.width_px || picture.height !== header.height_px) {
      picture.width = header.width_px;
      picture.height = header.height_px;
      node.dataset.wide = String(header.width_px > 2 * header.height_px);
    }
    // The JPEG may be smaller than the frame; boxes are frame pixels.
    picture.getContext("2d").drawImage(bitmap, 0, 0, picture.width, picture.height);
    bitmap.close();
    shown = header;
    heardMs = performance.now();
    drawOverlay(overlay, header, draw);
    // For whoever measures the way from camera to screen.
    const { arrived_utc_ms, camera, frame_number } = header;
    node.dataset.frame = String(frame_number);
    document.dispatchEvent(new CustomEvent("ferrogate:picture-drawn", { detail: { arrived_utc_ms, camera, frame_number } }));
    check();
  }

  function check() {
    const age = ageMs();
    const lost = store.link !== "open";
    const stale = age === null || age > STALE_MS || lost;
    node.classList.toggle("stale", stale);
    sign.hidden = !stale;
    if (stale) setText(sign, staleWords(age, lost, line().moving));
    setText(stamp, shown ? `${clock(shown.arrived_utc_ms)} · № ${number(shown.frame_number)}` : "");
  }

  const timer = setInterval(check, TICK_MS);
  const resized = new ResizeObserver(() => shown && drawOverlay(overlay, shown, draw));
  resized.observe(node);
  check();
  return {
    node,
    show,
    /** Forget the picture, as another camera was chosen. */
    clear() {
      shown = null;
      for (const canvas of [picture, overlay]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
      check();
    },
    /** What is shown, in words, for those who cannot see it. */
    describe(text) {
      if (node.getAttribute("aria-label") !== text) node.setAttribute("aria-label", text);
    },
    close() {
      clearInterval(timer);
      resized.disconnect();
    },
  };
}

function staleWords(ageMs, lost, moving) {
  if (lost) return t("live.lost");
  if (ageMs === null) return moving ? t("live.none") : t("live.none_standing");
  const age = duration(ageMs / 1000);
  return moving ? t("live.stale", { age }) : t("live.standing", { age });
}

/** Colours of the drawing: on a grey picture under any theme, so the same in both. */
const COLOURS = { open: "#8fd3ff", accept: "#57e08b", review: "#ffc24d", reject: "#ff5a4f", finding: "#ff5a4f" };

function drawOverlay(canvas, header, draw) {
  const box = canvas.getBoundingClientRect();
  const pixels = window.devicePixelRatio || 1;
  // As sharp as the screen, not as the camera: thin lines and letters stay readable.
  const width = Math.max(1, Math.round(box.width * pixels));
  const height = Math.max(1, Math.round((width * header.height_px) / header.width_px));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  const scale = width / header.width_px;
  context.clearRect(0, 0, width, height);
  for (const ball of header.balls || []) drawBall(context, ball, scale, pixels);
  if (draw) draw(context, header, scale);
}

function drawBall(context, ball, scale, pixels) {
  const colour = COLOURS[ball.state] || COLOURS.open;
  const corners = ball.xyxy_px.map((value) => value * scale);
  const thick = ball.state === "reject" || ball.state === "review" ? 3 : 2;
  frame(context, corners, colour, thick * pixels, ball.state === "open");
  for (const finding of ball.findings || []) {
    const at = finding.xyxy_px.map((value) => value * scale);
    frame(context, at, COLOURS.finding, 2 * pixels, false);
    const words = `${reasonWords(finding.label)} ${number(finding.score, 2)}`;
    label(context, words, at[0], at[3], COLOURS.finding, pixels, "below");
  }
  label(context, ballWords(ball), corners[0], corners[1], colour, pixels, "above");
}

function ballWords(ball) {
  const size = ball.diameter_mm === null || ball.diameter_mm === undefined ? "" : `${number(ball.diameter_mm, 2)} ${t("unit.mm")}`;
  const reason = ball.state === "reject" || ball.state === "review" ? reasonWords(ball.reason) : "";
  return [known(`ball.${ball.state}`, ball.state), reason, size].filter(Boolean).join(" · ");
}

function frame(context, [left, top, right, bottom], colour, width, dashed) {
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.setLineDash(dashed ? [4 * width, 3 * width] : []);
  context.strokeRect(left, top, right - left, bottom - top);
}

/** A line of text on a dark plate, kept inside the picture. */
export function label(context, words, x, y, colour, pixels, side) {
  const size = Math.round(13 * pixels);
  const pad = Math.round(4 * pixels);
  context.font = `600 ${size}px ${getComputedStyle(document.body).fontFamily}`;
  const width = context.measureText(words).width + 2 * pad;
  const height = size + 2 * pad;
  const left = Math.min(Math.max(0, x), Math.max(0, context.canvas.width - width));
  const wanted = side === "above" ? y - height : y;
  const top = Math.min(Math.max(0, wanted), context.canvas.height - height);
  context.fillStyle = "rgba(12, 16, 20, 0.82)";
  context.fillRect(left, top, width, height);
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(words, left + pad, top + height / 2);
}
