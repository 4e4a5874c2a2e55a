/** One rejected ball: its card in a list, and everything about it in a dialog. */

import { api, explain } from "./api.js";
import { openDialog } from "./dialog.js";
import { button, el, fill, icon } from "./dom.js";
import { label } from "./picture_view.js";
import { serverNow } from "./store.js";
import { known, number, reasonWords, t, when } from "./words.js";

const DIGITS = { diameter_low: 2, diameter_high: 2, oval: 2, roundness: 2, speck: 2 };
const MM = new Set(["diameter_low", "diameter_high", "oval", "roundness", "speck", "size_guard", "oval_guard", "roundness_guard"]);

/** A reason's value against its limit, in the reader's numbers: '43,71 > 43,50 мм'. */
export function valueWords(reason) {
  if (reason.value === null || reason.value === undefined) return "";
  const unit = MM.has(reason.code) ? ` ${t("unit.mm")}` : "";
  const digits = DIGITS[reason.code] ?? 2;
  if (reason.limit === null || reason.limit === undefined) return `${number(reason.value, digits)}${unit}`;
  const sign = reason.value < reason.limit ? "<" : reason.value > reason.limit ? ">" : "=";
  return `${number(reason.value, digits)} ${sign} ${number(reason.limit, digits)}${unit}`;
}

/** The card of a reject; `open` is called when it is chosen. */
export function rejectCard(reject, open) {
  const first = reject.pictures[0];
  const gravest = reject.reasons.find((reason) => reason.code === reject.reason) || reject.reasons[0];
  const picture = first
    ? el("img", { src: first.url, alt: "", loading: "lazy", decoding: "async" })
    : el("span.no-picture", {}, icon("camera"), el("span", { text: t("rejects.no_picture") }));
  return el("button.reject", { type: "button", on: { click: open }, data: { id: String(reject.id) } },
    el("span.reject-picture", {}, picture),
    el("span.reject-words", {},
      el("strong", { text: reasonWords(reject.reason || reject.cause) }),
      el("span.numeral", { text: gravest ? valueWords(gravest) : "" }),
      el("span.reject-foot", {},
        el("time.numeral", { text: when(reject.utc_ms, serverNow()) }),
        reject.challenge ? el("span.tag", { text: t("word.challenge_ball") }) : null,
        reject.decision === "review" ? el("span.tag", { text: t("decision.review") }) : null)));
}

/**
 * The dialog of one part with keys left and right for its neighbours in a list.
 * @param {Array<Object>} rejects the list it was chosen from
 * @param {number} index which one
 */
export function openReject(rejects, index) {
  let at = index;
  const body = el("div.part");
  const left = button(t("rejects.newer"), () => go(-1), { icon: "left" });
  const right = button(t("rejects.older"), () => go(1), { icon: "right", "data-autofocus": "" });

  async function go(step) {
    const next = at + step;
    if (next < 0 || next >= rejects.length) return;
    at = next;
    await show();
  }

  async function show() {
    left.disabled = at === 0;
    right.disabled = at === rejects.length - 1;
    const reject = rejects[at];
    fill(body, partHead(reject), el("p.faint", { text: t("word.loading") }));
    let part;
    try {
      part = await api(`/api/parts/${reject.id}`, { ask: true });
    } catch (error) {
      if (rejects[at] === reject) fill(body, partHead(reject), el("p.form-error", { text: explain(error) }));
      return;
    }
    if (rejects[at] === reject) fill(body, partHead(part), pictures(part), reasonTable(part), facts(part));
  }

  const keys = (event) => {
    if (event.key === "ArrowLeft") go(-1);
    else if (event.key === "ArrowRight") go(1);
    else return;
    event.preventDefault();
  };
  return openDialog({
    title: t("rejects.detail"),
    kind: "wide",
    body: [body, el("nav.part-nav", { "aria-label": t("rejects.neighbours") }, left, right)],
    opened: (_, dialog) => {
      dialog.addEventListener("keydown", keys);
      show();
    },
  });
}

function partHead(part) {
  return el("p.part-head", {},
    el("strong", { text: reasonWords(part.reason || part.cause) }),
    el("span.numeral", { text: t("rejects.ball", { part: part.part }) }),
    el("time.numeral", { text: when(part.utc_ms, serverNow()) }),
    part.challenge ? el("span.tag", { text: `${t("word.challenge_ball")} ${part.challenge}` }) : null);
}

function pictures(part) {
  const seen = (part.views || []).filter((view) => view.url);
  if (!seen.length) return el("p.faint", { text: t("rejects.no_picture") });
  const worst = seen.findIndex((view) => (view.findings || []).length > 0);
  const big = el("div.part-big");
  const strip = el("div.part-strip", { role: "group", "aria-label": t("rejects.pictures") },
    seen.map((view, index) => el("button.thumb", { type: "button", on: { click: () => choose(index) }, "aria-label": viewWords(view) },
      el("img", { src: view.url, alt: "" }),
      (view.findings || []).length ? el("span.thumb-mark", {}, icon("warn")) : null)));
  function choose(index) {
    [...strip.children].forEach((child, number_) => child.setAttribute("aria-pressed", String(number_ === index)));
    fill(big, bigPicture(seen[index]));
  }
  choose(Math.max(0, worst));
  return el("div.part-pictures", {}, big, strip);
}

function viewWords(view) {
  return t("rejects.view", { camera: view.camera, n: number(view.view_index + 1) });
}

function bigPicture(view) {
  const image = el("img", { src: view.url, alt: viewWords(view) });
  const canvas = el("canvas");
  const frame = el("figure", {}, el("div.part-frame", {}, image, canvas),
    el("figcaption", {}, el("span", { text: viewWords(view) }), el("span.numeral", { text: sizeWords(view) }),
      (view.findings || []).map((finding) => el("span.tag.bad", { text: `${reasonWords(finding.label)} ${number(finding.score, 2)}` })),
      view.fault && view.fault !== "ok" ? el("span.tag.bad", { text: known(`shot.${view.fault}`, known(`frame.${view.fault}`, view.fault)) }) : null));
  image.onload = () => drawFindings(canvas, image, view.findings || []);
  return frame;
}

function sizeWords(view) {
  if (view.diameter_mean_mm === null || view.diameter_mean_mm === undefined) return "";
  return `${number(view.diameter_mean_mm, 2)} ${t("unit.mm")}`;
}

function drawFindings(canvas, image, findings) {
  const pixels = window.devicePixelRatio || 1;
  canvas.width = Math.round(image.clientWidth * pixels);
  canvas.height = Math.round(image.clientHeight * pixels);
  const context = canvas.getContext("2d");
  const scale = canvas.width / image.naturalWidth;
  for (const finding of findings) {
    if (!finding.xyxy_px) continue;
    const [x0, y0, x1, y1] = finding.xyxy_px.map((value) => value * scale);
    context.lineWidth = 2.5 * pixels;
    context.strokeStyle = "#ff5a4f";
    context.strokeRect(x0, y0, x1 - x0, y1 - y0);
    label(context, `${reasonWords(finding.label)} ${number(finding.score, 2)}`, x0, y1, "#ff5a4f", pixels, "below");
  }
}

function reasonTable(part) {
  if (!part.reasons.length) return null;
  const head = ["rejects.reason", "rejects.value", "rejects.limit", "rejects.uncertainty"];
  return el("div.table-box", {}, el("table", {},
    el("thead", {}, el("tr", {}, head.map((key, index) => el(index ? "th.right" : "th", { scope: "col", text: t(key) })))),
    el("tbody", {}, part.reasons.map((reason) => el("tr", {},
      el("th", { scope: "row", text: reasonWords(reason.code) }),
      [reason.value, reason.limit, reason.uncertainty].map((value) => el("td.right.numeral", { text: withUnit(value, reason.code) })))))));
}

const withUnit = (value, code) =>
  value === null || value === undefined ? "–" : `${number(value, 3)}${MM.has(code) ? ` ${t("unit.mm")}` : ""}`;

function facts(part) {
  const rows = [
    ["rejects.decision", part.decision ? known(`decision.${part.decision}`, part.decision) : t("decision.none")],
    ["rejects.side", part.side ? known(`side.${part.side}`, part.side) : t("side.open")],
    ["rejects.cause", part.cause ? known(`cause.${part.cause}`, reasonWords(part.cause)) : "–"],
    ["rejects.confirm", part.confirm ? known(`confirm.${part.confirm}`, part.confirm) : "–"],
    ["rejects.diameter", part.diameter_mean_mm === null ? "–" : `${number(part.diameter_mean_mm, 3)} ${t("unit.mm")}`],
    ["word.lot", part.lot || "–"],
    ["word.shift", part.shift || "–"],
  ];
  return el("dl.facts", {}, rows.map(([key, value]) => el("div", {}, el("dt", { text: t(key) }), el("dd", { text: value }))));
}
