/** The bar below the strip: the whole rail, its findings and unseen stretches, and the part that is looked at. */

import { el, setAttr } from "./dom.js";
import { t } from "./words.js";
import { drawTiles } from "./yard_tiles.js";
import { Frame } from "./yard_frame.js";
import { kindSign } from "./yard_words.js";

/** @param {(row: number) => void} centre called with the map row that was touched */
export function overviewBar(centre) {
  const canvas = el("canvas.strip-overview", { "aria-hidden": "true" });
  const node = el("div.strip-overview-box", {}, canvas);
  let whole = null;
  let held = false;

  function at(event) {
    if (whole) centre(((event.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth) * whole.along);
  }
  canvas.addEventListener("pointerdown", (event) => {
    held = true;
    canvas.setPointerCapture(event.pointerId);
    at(event);
  });
  canvas.addEventListener("pointermove", (event) => held && at(event));
  for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => (held = false));

  function draw(rail, camera, frame, tiles, findings) {
    node.hidden = !frame.lying;
    if (!frame.lying || !node.clientWidth) return;
    const pixels = window.devicePixelRatio || 1;
    const [width, height] = [node.clientWidth, node.clientHeight];
    if (canvas.width !== Math.round(width * pixels) || canvas.height !== Math.round(height * pixels)) {
      canvas.width = Math.round(width * pixels);
      canvas.height = Math.round(height * pixels);
    }
    whole = new Frame(rail, rail.cameras[camera], { top: 0, bottom: 0 });
    whole.resize(width, height, pixels);
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#0d1114";
    context.fillRect(0, 0, canvas.width, canvas.height);
    drawTiles(context, tiles, whole, camera);
    context.setTransform(pixels, 0, 0, pixels, 0, 0);
    const name = rail.cameras[camera].name;
    context.fillStyle = "rgba(255, 194, 77, 0.55)";
    for (const stretch of rail.unseen.filter((one) => one.camera === name))
      context.fillRect(whole.rowX(stretch.first_row), 0, Math.max(2, whole.rowX(stretch.last_row) - whole.rowX(stretch.first_row)), height);
    for (const finding of findings) {
      const x = whole.rowX((finding.first_row + finding.last_row) / 2);
      context.fillStyle = "#10161b";
      context.fillRect(x - 2.5, 2, 5, height - 4);
      context.fillStyle = finding.state === "dismissed" ? "#9aa7b1" : kindSign(finding.kind).colour;
      context.fillRect(x - 1.5, 3, 3, height - 6);
    }
    const from = (frame.u / frame.along) * width;
    const span = (frame.box.width / frame.scaleX / frame.along) * width;
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.strokeRect(Math.max(1, from), 1, Math.min(width - 2, Math.max(span, 6)), height - 2);
    setAttr(node, "title", t("yard.overview"));
  }

  return { node, draw, close: () => node.remove() };
}
