/**
 * The form with which a finding is corrected or added: its class, element, note, and its box, which is drawn
 * on the strip, moved by the arrow keys, or typed here. Typed places are metres (or rows), widths strip pixels.
 */

import { errorLine } from "./dialog.js";
import { button, el, setText } from "./dom.js";
import { known, t } from "./words.js";
import { choice, explainYard, field, figure, lines, numberOf, shown } from "./yard_forms.js";
import { firstKind, kindName, kindRule, kinds, millimetres } from "./yard_words.js";

const ELEMENTS = ["head", "web", "foot"];
/** whoever adds one often adds another of the same class */
let lastKind = null;

/**
 * @param {Object} rail
 * @param {Object|null} finding null: a new one
 * @param {Object} strip of `yard_strip`
 * @param {Object} on
 * @param {(values: Object, reason: string) => Promise<void>} on.send throws what the server refuses
 * @param {() => void} on.cancel
 */
export function editForm(rail, finding, strip, on) {
  const scale = rail.kind !== "photos" && rail.map.row_mm !== null;
  const camera = () => rail.cameras[strip.camera];
  const kind = choice(kinds().map((name) => [name, kindName(name)]), finding ? finding.kind : lastKind ?? firstKind());
  const element = choice(ELEMENTS.map((name) => [name, known(`yard_element.${name}`, name)]), finding ? finding.element : camera().element);
  const note = lines(finding ? finding.note : "");
  const reason = lines("");
  const places = ["y1", "y2", "x1", "x2"].map((side) => [side, figure(null, { on: { change: typed } })]);
  const wrong = errorLine();
  const size = el("p.faint.numeral");
  const send = button(finding ? t("yard.edit.correct") : t("yard.edit.add"), null, { kind: "primary", icon: "ok" });
  let busy = false;

  kind.addEventListener("change", () => {
    const rule = kindRule(kind.value);
    if (rule && ELEMENTS.includes(rule.element)) element.value = rule.element;
  });
  const keys = (event) => event.key === "Escape" && on.cancel();
  const form = el("form.yard-form.edit-form", { novalidate: "", on: { keydown: keys, submit: (event) => { event.preventDefault(); save(); } } },
    el("h3", { text: finding ? t("yard.edit.title", { what: kindName(finding.kind) }) : t("yard.edit.new") }),
    el("p.faint", { text: t("yard.edit.what") }),
    el("div.yard-fields", {}, field(t("yard.finding.kind"), kind), field(t("yard.finding.element"), element)),
    el("div.yard-fields.places", {}, places.map(([side, input]) => field(placeLabel(side), input))), size,
    el("div.yard-fields", {}, field(t("yard.field.note"), note), field(t("yard.field.reason"), reason)),
    wrong.node,
    el("div.actions", {}, send, button(t("button.cancel"), on.cancel)));

  function placeLabel(side) {
    if (rail.kind === "photos") return t(`yard.edit.photo_${side}`);
    if (side.startsWith("x")) return t(`yard.edit.${side}`);
    return t(scale ? `yard.edit.${side}_m` : `yard.edit.${side}_rows`);
  }

  /** The box has changed on the strip: the fields follow. */
  function show(box) {
    for (const [side, input] of places) if (document.activeElement !== input) input.value = shown(side.startsWith("y") && scale ? round((box[side] - rail.map.start.row) * rail.map.row_mm / 1000, 4) : round(box[side] + (side.startsWith("x") ? camera().left_px : 0), 1));
    const across = camera().mm_per_px;
    setText(size, scale ? t("yard.edit.size", { length: millimetres((box.y2 - box.y1) * rail.map.row_mm), width: across ? millimetres((box.x2 - box.x1) * across) : "–" }) : "");
  }

  /** A place was typed: the box follows. */
  function typed() {
    try {
      const box = { ...strip.edit };
      for (const [side, input] of places) {
        const value = numberOf(input, placeLabel(side));
        if (value === null) continue;
        box[side] = side.startsWith("y") && scale ? rail.map.start.row + (value * 1000) / rail.map.row_mm : value - (side.startsWith("x") ? camera().left_px : 0);
      }
      wrong.show("");
      strip.moveEdit(box);
    } catch (error) {
      wrong.show(explainYard(error));
    }
  }

  async function save() {
    if (busy) return;
    busy = true;
    send.setAttribute("aria-busy", "true");
    wrong.show("");
    const box = strip.frame.toMap(strip.edit);
    const values = {};
    if (!finding || kind.value !== finding.kind) values.kind = kind.value;
    if (!finding || element.value !== finding.element) values.element = element.value;
    if (!finding || note.value.trim() !== finding.note) values.note = note.value;
    const before = finding && finding.boxes.find((one) => one.camera === camera().name);
    if (!before || before.xyxy_px.some((value, index) => Math.abs(value - box[index]) > 0.06)) Object.assign(values, { camera: camera().name, xyxy_px: box });
    try {
      await on.send(values, reason.value);
      if (!finding) lastKind = kind.value;
    } catch (error) {
      wrong.show(explainYard(error));
    } finally {
      busy = false;
      send.removeAttribute("aria-busy");
    }
  }

  return { node: form, show, save, focus: () => kind.focus() };
}

const round = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;
