/** One finding beside the strip: its picture, what the model said, the recipe's limit, what was decided of it. */

import { button, el } from "./dom.js";
import { may } from "./store.js";
import { known, number, t } from "./words.js";
import { findingPlace, kindName, kindRule, limitLines, reasonText, signNode, sizeWords } from "./yard_words.js";

/** shown around a finding: so many times its size, and at least so many strip pixels */
const AROUND = 1.5;
const LEAST_PX = 60;

/** Where the server has a finding's picture, as one camera shows it. */
export function cropAddress(rail, box) {
  const camera = rail.cameras.findIndex((one) => one.name === box.camera);
  const [x1, y1, x2, y2] = box.xyxy_px;
  const wide = Math.max((x2 - x1) * AROUND, LEAST_PX);
  const high = Math.max((y2 - y1) * AROUND, LEAST_PX);
  const ask = new URLSearchParams({ x1: String(Math.round(x1 - wide)), y1: String(Math.round(y1 - high)), x2: String(Math.round(x2 + wide)), y2: String(Math.round(y2 + high)), v: String(rail.scanned_utc_ms) });
  return { address: `/yard/crops/${rail.rail_id}/${camera}.jpg?${ask}`, area: [x1 - wide, y1 - high, x2 + wide, y2 + high] };
}

/** A finding's row in the list. */
export function findingRow(rail, finding, chosen, choose) {
  const words = [findingPlace(rail, finding), sizeWords(finding)].filter(Boolean).join(" · ");
  return el("button.finding-row", { type: "button", "aria-pressed": String(chosen), data: { finding: finding.id, state: finding.state }, on: { click: () => choose(finding.id) } },
    signNode(finding.kind),
    el("span.finding-words", {}, el("strong", { text: kindName(finding.kind) }), el("span.numeral", { text: words })),
    el("span.finding-side", {}, el("span.box-sign", { data: { state: finding.state } }), el("span.numeral.faint", { text: finding.score === null ? "" : number(finding.score, 2) })));
}

/**
 * The panel of the chosen finding.
 * @param {Object} rail
 * @param {Object} finding
 * @param {Object} on `confirm`, `correct`, `dismiss`, `next`, `previous`
 */
export function findingPanel(rail, finding, on) {
  const allowed = may("yard_inspect") !== false;
  const rule = kindRule(finding.kind);
  const reasons = rail.grade.reasons.filter((reason) => reason.finding === finding.id);
  const codes = rule ? [rule.ru && t("yard.code.ru", { code: rule.ru }), rule.uic && t("yard.code.uic", { code: rule.uic })].filter(Boolean).join(" · ") : "";
  const facts = [
    ["yard.finding.place", findingPlace(rail, finding)],
    ["yard.finding.size", sizeWords(finding) || t("yard.no_scale")],
    ["yard.finding.element", known(`yard_element.${finding.element}`, finding.element)],
    ["yard.finding.state", known(`yard_state.${finding.state}`, finding.state)],
    ["yard.finding.score", finding.score === null ? "–" : `${number(finding.score, 2)} · ${t("yard.finding.threshold", { n: thresholdOf(rail, finding) })}`],
    ["yard.finding.codes", codes || "–"],
  ];
  return el("div.finding-panel", { data: { finding: finding.id } },
    el("header.finding-head", {}, signNode(finding.kind), el("h3", { text: kindName(finding.kind) }),
      button("", on.previous, { kind: "quiet square", icon: "left", "aria-label": t("yard.key.previous") }),
      button("", on.next, { kind: "quiet square", icon: "right", "aria-label": t("yard.key.next") })),
    el("div.finding-pictures", {}, finding.boxes.map((box) => picture(rail, finding, box))),
    el("div.finding-limits", {}, reasons.map((reason) => el("p.finding-reason", {}, el("span.tag", { class: tagOf(reason.action), text: known(`yard_action.${reason.action}`, reason.action) }), " ", reasonText(reason))),
      el("ul.limit-lines", {}, limitLines(finding.kind).map((text) => el("li", { text })))),
    allowed ? el("div.actions", {},
      finding.state === "confirmed" ? null : button(t("yard.key.confirm"), on.confirm, { kind: "primary", icon: "ok", "aria-keyshortcuts": "C" }),
      button(t("yard.key.correct"), on.correct, { "aria-keyshortcuts": "E" }),
      finding.state === "dismissed" ? null : button(t("yard.key.dismiss"), on.dismiss, { icon: "close", "aria-keyshortcuts": "X" })) : null,
    finding.note ? el("p", {}, el("strong", { text: `${t("yard.field.note")}: ` }), finding.note) : null,
    el("dl.facts", {}, facts.map(([key, value]) => el("div", {}, el("dt", { text: t(key) }), el("dd", { text: value })))));
}

const tagOf = (action) => ({ cut: "warn", human: "warn", downgrade: "warn", reject: "bad" })[action] ?? "";

function thresholdOf(rail, finding) {
  const found = rail.map.thresholds[finding.label];
  return found === undefined ? "–" : number(found, 2);
}

/** A finding as one camera shows it, its box drawn on it, turned as the strip is. */
function picture(rail, finding, box) {
  const { address, area } = cropAddress(rail, box);
  const image = el("img", { alt: `${kindName(finding.kind)}, ${box.camera}`, decoding: "async" });
  const canvas = el("canvas");
  const figure = el("figure", {}, el("div.crop-frame", {}, canvas), el("figcaption.faint", { text: box.camera }));
  image.onload = () => draw(canvas, image, rail, box, area);
  image.onerror = () => figure.replaceChildren(el("p.faint", { text: t("yard.no_picture") }));
  image.src = address;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", image.alt);
  return figure;
}

/** Put a picture of a strip onto a canvas, a rail's turned as the strip is; coordinates stay the picture's. */
export function putPicture(canvas, image, lying) {
  canvas.width = lying ? image.naturalHeight : image.naturalWidth;
  canvas.height = lying ? image.naturalWidth : image.naturalHeight;
  const context = canvas.getContext("2d");
  if (lying) context.setTransform(0, -1, 1, 0, 0, image.naturalWidth);
  context.drawImage(image, 0, 0);
  return context;
}

function draw(canvas, image, rail, box, area) {
  const camera = rail.cameras.find((one) => one.name === box.camera);
  // The server gives what lies on the strip: the asked area, cut at the strip's edges.
  const left = Math.max(Math.trunc(area[0]) - camera.left_px, 0) + camera.left_px;
  const top = Math.max(Math.trunc(area[1]), 0);
  const right = Math.min(area[2], camera.left_px + camera.shown_px);
  const bottom = Math.min(area[3], camera.rows);
  const [sx, sy] = [image.naturalWidth / (right - left), image.naturalHeight / (bottom - top)];
  const context = putPicture(canvas, image, rail.kind !== "photos");
  const [x1, y1, x2, y2] = box.xyxy_px;
  const thick = Math.max(1.5, Math.max(canvas.width, canvas.height) / 160);
  for (const [colour, width] of [["#10161b", thick * 2], ["#ffffff", thick]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect((x1 - left) * sx, (y1 - top) * sy, (x2 - x1) * sx, (y2 - y1) * sy);
  }
}
