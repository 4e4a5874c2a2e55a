/**
 * What is drawn over a strip: the ruler, findings by colour, form and letter, hatched stretches that nobody
 * saw, second looks, the cut list. All in device pixels of one canvas; colours suit grey steel in any theme.
 */

import { corners, kindSign, metres } from "./yard_words.js";
import { known, number, t } from "./words.js";

const INK = "#f2f6f8";
const GROUND = "#0d1114";
const PLATE = "rgba(10, 14, 18, 0.82)";
const STEPS = [1, 2, 5];
const LEAST_BOX_PX = 12;
const SIGNS_MAX = 70;
export const RULER_PX = 26;
export const CUTS_PX = 24;

/** Clear the canvas to the ground on which strips lie. */
export function drawGround(context, frame) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = GROUND;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.font = `600 ${12 * frame.pixels}px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = "middle";
}

/** Work in CSS pixels until `done`. */
function inCss(context, frame, draw) {
  context.save();
  context.setTransform(frame.pixels, 0, 0, frame.pixels, 0, 0);
  context.font = `600 12px ${getComputedStyle(document.body).fontFamily}`;
  draw();
  context.restore();
}

/** Metres along the upper edge, rows where there is no scale; photos have none. */
export function drawRuler(context, frame, rail) {
  if (!frame.lying) return;
  const rowM = rail.map.row_mm ? rail.map.row_mm / 1000 : null;
  const unit = rowM ? 1 / rowM : 1; // rows of one metre, or of one row
  const wish = 110 / (frame.scaleX * unit);
  const ten = 10 ** Math.floor(Math.log10(wish));
  const step = ten * (STEPS.find((one) => one * ten >= wish) ?? 10);
  const zero = rowM ? rail.map.start.row : 0;
  const first = Math.ceil((frame.u - zero) / unit / step);
  const last = Math.floor((frame.u + frame.box.width / frame.scaleX - zero) / unit / step);
  inCss(context, frame, () => {
    context.fillStyle = "#1a2229";
    context.fillRect(0, 0, frame.box.width, RULER_PX);
    context.strokeStyle = "#7f909c";
    context.fillStyle = INK;
    context.textBaseline = "middle";
    context.beginPath();
    for (let index = first; index <= last; index += 1) {
      const x = Math.round(frame.rowX(zero + index * step * unit)) + 0.5;
      context.moveTo(x, RULER_PX - 8);
      context.lineTo(x, RULER_PX);
      const digits = rowM ? Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) : 0;
      const at = index * step || 0; // not minus nought
      const words = rowM ? metres(at, digits) : t("yard.rows", { n: number(at) });
      const width = context.measureText(words).width;
      context.fillText(words, Math.min(Math.max(2, x - width / 2), frame.box.width - width - 2), RULER_PX / 2 - 2);
    }
    context.stroke();
  });
}

/** Beyond the rail's ends, and the ends themselves where a picture shows them. */
export function drawEnds(context, frame, rail) {
  if (!frame.lying) return;
  const { start, end } = rail.map;
  inCss(context, frame, () => {
    for (const [row, seen, side] of [[start.row, start.seen, -1], [end.row, end.seen, 1]]) {
      const x = frame.rowX(row);
      context.fillStyle = "rgba(10, 14, 18, 0.55)";
      if (side < 0 && x > 0) context.fillRect(0, RULER_PX, x, frame.lane);
      if (side > 0 && x < frame.box.width) context.fillRect(x, RULER_PX, frame.box.width - x, frame.lane);
      context.strokeStyle = seen ? "#7dd3a5" : "#ffc24d";
      context.lineWidth = 2;
      context.setLineDash(seen ? [] : [6, 5]);
      line(context, x, RULER_PX, x, RULER_PX + frame.lane);
    }
  });
}

/** Stretches that no healthy picture covers: hatched, with the words where there is room. */
export function drawUnseen(context, frame, stretches) {
  if (!frame.lying) return;
  inCss(context, frame, () => {
    for (const stretch of stretches) {
      const left = Math.max(-20, frame.rowX(stretch.first_row));
      const right = Math.min(frame.box.width + 20, Math.max(frame.rowX(stretch.last_row), left + 3));
      if (right < 0 || left > frame.box.width) continue;
      hatch(context, left, RULER_PX, right - left, frame.lane);
      plate(context, t("yard.unseen.short"), Math.max(left, 0), Math.min(right, frame.box.width), RULER_PX + frame.lane / 2);
    }
  });
}

function hatch(context, x, y, width, height) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.fillStyle = "rgba(20, 26, 31, 0.72)";
  context.fillRect(x, y, width, height);
  context.strokeStyle = "rgba(255, 194, 77, 0.75)";
  context.lineWidth = 2;
  context.beginPath();
  for (let at = x - height - 12; at < x + width; at += 12) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.strokeRect(x, y, width, height);
  context.restore();
}

function plate(context, words, left, right, y) {
  const width = context.measureText(words).width + 12;
  if (right - left < width + 8) return;
  const x = (left + right) / 2 - width / 2;
  context.fillStyle = PLATE;
  context.fillRect(x, y - 11, width, 22);
  context.fillStyle = INK;
  context.textBaseline = "middle";
  context.fillText(words, x + 6, y + 1);
}

/** Stretches that a person has gone through (a line below), and those drawn for a second look (dotted). */
export function drawStretches(context, frame, reviewed, looks, chosen) {
  if (!frame.lying) return;
  inCss(context, frame, () => {
    const foot = RULER_PX + frame.lane - 3;
    context.lineWidth = 4;
    context.strokeStyle = "#4cc38a";
    for (const stretch of reviewed) line(context, frame.rowX(stretch.first_row), foot, frame.rowX(stretch.last_row), foot);
    for (const look of looks) {
      context.setLineDash([3, 5]);
      context.lineWidth = look.look_id === chosen ? 4 : 2;
      context.strokeStyle = look.look_id === chosen ? "#ffffff" : "#8fd3ff";
      const left = frame.rowX(look.first_row);
      context.strokeRect(left, RULER_PX + 4, frame.rowX(look.last_row) - left, frame.lane - 12);
    }
  });
}

/** Findings of this strip; those of `shown` with their sign, the chosen one with a halo, last. */
export function drawFindings(context, frame, camera, findings, chosen) {
  const order = [...findings].sort((a, b) => Number(a.id === chosen) - Number(b.id === chosen));
  const boxes = order.map((finding) => [finding, frame.boxOf(finding, camera)]).filter(([, box]) => box && seen(frame, box));
  inCss(context, frame, () => {
    const taken = [];
    // From afar hundreds of signs would hide the rail and each other: colours stay, letters come with the zoom.
    const crowded = boxes.length > SIGNS_MAX;
    for (const [finding, box] of boxes) drawFinding(context, frame, finding, box, finding.id === chosen, crowded && finding.id !== chosen ? null : taken);
  });
}

function drawFinding(context, frame, finding, box, chosen, taken) {
  const at = atLeast(frame.toScreen(box), LEAST_BOX_PX);
  const { colour, form, letter } = kindSign(finding.kind);
  const dismissed = finding.state === "dismissed";
  const shade = dismissed ? "#9aa7b1" : colour;
  const width = at.right - at.left;
  const height = at.bottom - at.top;
  context.lineJoin = "round";
  if (chosen) {
    context.strokeStyle = "#ffffff";
    context.lineWidth = 7;
    context.strokeRect(at.left, at.top, width, height);
  }
  context.strokeStyle = "rgba(10, 14, 18, 0.9)";
  context.lineWidth = 5;
  context.setLineDash([]);
  context.strokeRect(at.left, at.top, width, height);
  context.strokeStyle = shade;
  context.lineWidth = 2.5;
  context.setLineDash(finding.state === "unconfirmed" ? [7, 4] : dismissed ? [2, 4] : []);
  context.strokeRect(at.left, at.top, width, height);
  context.setLineDash([]);
  if (taken) sign(context, frame, at, form, letter, shade, finding.state, taken);
}

function seen(frame, box) {
  const { left, right } = frame.toScreen(box);
  return right > -40 && left < frame.box.width + 40;
}

/** The class's form above the box; beside another one where that place is taken. */
function sign(context, frame, at, form, letter, colour, state, taken) {
  const size = 11;
  const x = Math.min(Math.max(size + 2, (at.left + at.right) / 2), frame.box.width - size - 2);
  let y = at.top - size - 5;
  if (y < RULER_PX + size) y = Math.min(at.bottom + size + 5, RULER_PX + frame.lane - size);
  const lowest = RULER_PX + frame.lane - 3 * size;
  for (let turn = 0; turn < 6 && y < lowest && taken.some((other) => Math.abs(other.x - x) < 2 * size && Math.abs(other.y - y) < 2 * size); turn += 1) y += 2 * size + 1;
  taken.push({ x, y });
  polygon(context, form, x, y, size, colour);
  context.fillStyle = "#10161b";
  context.font = `700 ${letter.length > 1 ? 10 : 12}px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, x, y + 1);
  context.textAlign = "start";
  const mark = { confirmed: "✓", corrected: "✎", added: "+", dismissed: "✕" }[state];
  if (!mark) return;
  context.font = `700 12px ${getComputedStyle(document.body).fontFamily}`;
  context.fillStyle = PLATE;
  context.fillRect(x + size - 1, y - 8, 14, 16);
  context.fillStyle = INK;
  context.fillText(mark, x + size + 1, y + 1);
}

function polygon(context, form, x, y, size, colour) {
  context.beginPath();
  for (const [dx, dy] of corners(form)) context.lineTo(x + dx * size, y + dy * size);
  context.closePath();
  context.fillStyle = colour;
  context.strokeStyle = "#10161b";
  context.lineWidth = 1.5;
  context.fill();
  context.stroke();
}

/** The box that a person is drawing or moving, with its handles. */
export function drawEdit(context, frame, box) {
  const at = frame.toScreen(box);
  inCss(context, frame, () => {
    context.lineWidth = 5;
    context.strokeStyle = "#10161b";
    context.strokeRect(at.left, at.top, at.right - at.left, at.bottom - at.top);
    context.lineWidth = 2.5;
    context.strokeStyle = "#ffffff";
    context.setLineDash([5, 3]);
    context.strokeRect(at.left, at.top, at.right - at.left, at.bottom - at.top);
    context.setLineDash([]);
    for (const [x, y] of [[at.left, at.top], [at.right, at.top], [at.left, at.bottom], [at.right, at.bottom]]) {
      context.fillStyle = "#ffffff";
      context.fillRect(x - 6, y - 6, 12, 12);
      context.strokeStyle = "#10161b";
      context.lineWidth = 1.5;
      context.strokeRect(x - 6, y - 6, 12, 12);
    }
  });
}

/** The cut list below the strip: pieces with their length, what is taken out hatched red with why. */
export function drawCuts(context, frame, rail) {
  const list = rail.grade.cut_list;
  if (!frame.lying) return;
  const top = RULER_PX + frame.lane + 2;
  inCss(context, frame, () => {
    context.fillStyle = "#1a2229";
    context.fillRect(0, top, frame.box.width, CUTS_PX);
    context.textBaseline = "middle";
    if (!list || !rail.map.row_mm) {
      context.fillStyle = "#c6d0d7";
      context.fillText(t("yard.cuts.none"), 8, top + CUTS_PX / 2);
      return;
    }
    const x = (m) => frame.rowX(rail.map.start.row + (m * 1000) / rail.map.row_mm);
    for (const piece of list.pieces) block(context, x(piece.start_m), x(piece.end_m), top, piece.downgraded ? "#b07a1c" : "#2c7a4e", metres(piece.end_m - piece.start_m), frame);
    for (const cut of list.cuts) {
      block(context, x(cut.start_m), x(cut.end_m), top, "#8f1d22", known(`yard_cut.${cut.reason}`, cut.reason), frame);
      strokes(context, x(cut.start_m), x(cut.end_m), top);
    }
  });
}

function block(context, left, right, top, colour, words, frame) {
  if (right < 0 || left > frame.box.width) return;
  const from = Math.max(left, -2);
  const to = Math.min(Math.max(right, left + 2), frame.box.width + 2);
  context.fillStyle = colour;
  context.fillRect(from, top + 2, to - from - 1, CUTS_PX - 4);
  const width = context.measureText(words).width;
  if (to - from > width + 10) {
    context.fillStyle = "#ffffff";
    context.fillText(words, (Math.max(from, 0) + Math.min(to, frame.box.width)) / 2 - width / 2, top + CUTS_PX / 2 + 1);
  }
}

function strokes(context, left, right, top) {
  context.strokeStyle = "rgba(255, 255, 255, 0.7)";
  context.lineWidth = 1;
  for (const x of [left, right]) line(context, x, top, x, top + CUTS_PX);
}

function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function atLeast({ left, right, top, bottom }, least) {
  const wide = Math.max(0, least - (right - left)) / 2;
  const high = Math.max(0, least - (bottom - top)) / 2;
  return { left: left - wide, right: right + wide, top: top - high, bottom: bottom + high };
}

/** Where a finding's box lies on the screen as it is drawn, for touching it. */
export const touchBox = (frame, box) => atLeast(frame.toScreen(box), 24);
