/** What stands below the strip: reasons of the grade, cut list, typed rows, coverage, unseen stretches, history. */

import { button, el } from "./dom.js";
import { may, serverNow } from "./store.js";
import { known, number, percent, t, when } from "./words.js";
import { authorName, correctionWords, findingPlace, gradeTag, kilograms, kindName, metres, noteText, placeWords, reasonText, rowName } from "./yard_words.js";

export const PARTS = ["reasons", "cuts", "facts", "coverage", "unseen", "history"];

/** @returns {Node[]} one of `PARTS` of a rail; `on`: `facts`, `undo`, `showRows`, `choose` */
export function railPart(name, rail, on) {
  return { reasons, cuts, facts, coverage, unseen, history }[name](rail, on);
}

function table(head, rows, empty) {
  if (!rows.length) return el("p.faint.empty", { text: t(empty) });
  return el("div.table-box", {}, el("table", {},
    el("thead", {}, el("tr", {}, head.map(([key, side]) => el("th", { scope: "col", class: side, text: t(key) })))),
    el("tbody", {}, rows)));
}

function reasons(rail, on) {
  const { grade, decision } = rail;
  const list = grade.reasons.map((reason) => el("li", {}, el("span.tag", { class: { reject: "bad", human: "warn", cut: "warn", downgrade: "warn" }[reason.action] ?? "", text: known(`yard_action.${reason.action}`, reason.action) }),
    reason.finding ? el("button.link", { type: "button", text: placedReason(rail, reason), on: { click: () => on.choose(reason.finding) } }) : el("span", { text: reasonText(reason) })));
  return [
    decision ? el("p.callout", {}, el("strong", { text: `${known(`yard_decision.${decision.kind}`, decision.kind)}: ${known(`yard_grade.${decision.grade}`, decision.grade)}` }), ` · ${decision.by} · ${when(decision.utc_ms, serverNow())}`,
      decision.reason ? ` · ${decision.reason}` : "", decision.holds ? "" : ` · ${t("yard.decision.lapsed")}`) : null,
    list.length ? el("ul.reason-list", {}, list) : el("p.faint.empty", { text: t("yard.reasons.none") }),
    grade.not_inspected.length ? el("div", {}, el("h3", { text: t("yard.not_inspected") }), el("p", { text: grade.not_inspected.map((code) => known(`yard_not_inspected.${code}`, code)).join("; ") })) : null,
    rail.map.notes.length ? el("div", {}, el("h3", { text: t("yard.notes") }), el("ul.limit-lines", {}, rail.map.notes.map((note) => el("li", { text: noteText(note) })))) : null,
  ];
}

/** A finding's reason; where there is no scale its words say no place, so its rows stand beside them. */
function placedReason(rail, reason) {
  const found = rail.map.row_mm === null && rail.findings.find((finding) => finding.id === reason.finding);
  return found ? `${reasonText(reason)} (${findingPlace(rail, found)})` : reasonText(reason);
}

function cuts(rail, on) {
  const { grade } = rail;
  const list = grade.cut_list;
  const row = (m) => rail.map.start.row + (m * 1000) / rail.map.row_mm;
  const rows = list ? [...list.cuts.map((cut) => ({ ...cut, cut: true })), ...list.pieces].sort((a, b) => a.start_m - b.start_m) : [];
  return [
    el("dl.facts.facts-wide", {}, [
      ["yard.cuts.usable", metres(grade.usable_length_m)], ["yard.cuts.yield", percent(grade.yield_share)],
      ["yard.cuts.lost", list ? metres(list.lost_m) : "–"], ["yard.cuts.mass", kilograms(grade.usable_mass_kg)],
      ["yard.cuts.balls", kilograms(grade.ball_mass_kg)], ["yard.cuts.value", grade.value === null ? "–" : `${number(grade.value)} ${grade.currency}`],
    ].map(([key, value]) => el("div", {}, el("dt", { text: t(key) }), el("dd.numeral", { text: value })))),
    table([["yard.cuts.from", "right"], ["yard.cuts.to", "right"], ["yard.cuts.length", "right"], ["yard.cuts.what"]], rows.map((one) => el("tr", {},
      el("td.right.numeral", { text: metres(one.start_m, 3) }), el("td.right.numeral", { text: metres(one.end_m, 3) }), el("td.right.numeral", { text: metres(one.end_m - one.start_m, 3) }),
      el("td", {}, el("button.link", { type: "button", on: { click: () => on.showRows(row(one.start_m), row(one.end_m)) }, text: one.cut ? t("yard.cuts.out", { why: known(`yard_cut.${one.reason}`, one.reason) }) : t(one.downgraded ? "yard.cuts.piece_downgraded" : "yard.cuts.piece") }),
        one.cut && one.findings.length ? ` ${one.findings.map((id) => findingName(rail, id)).join(", ")}` : ""))), "yard.cuts.none"),
  ];
}

const findingName = (rail, id) => {
  const found = rail.findings.find((finding) => finding.id === id);
  return found ? `${kindName(found.kind)} (${id})` : id;
};

function facts(rail, on) {
  const typed = rail.facts;
  const asked = rail.grade.coverage.filter((row) => row.seen_by !== "model" || row.required);
  const names = [...new Set([...Object.keys(typed.rows), ...Object.keys(rail.rowsAsked)])];
  return [
    el("dl.facts.facts-wide", {}, [
      ["yard.facts.section", typed.section ? known(`yard_section.${typed.section}`, typed.section) : t("yard.facts.nobody")],
      ["yard.facts.length", metres(typed.length_m)], ["yard.facts.wear", typed.wear_mm === null ? "–" : t("yard.unit.mm", { n: number(typed.wear_mm, 1) })],
      ...names.map((name) => [null, typed.rows[name] ? known(`yard_fact.${typed.rows[name]}`, typed.rows[name]) : t("yard.facts.nobody"), `${rowName(name)}${rail.rowsAsked[name]?.required ? " *" : ""}`]),
      ["yard.field.note", typed.note || "–"],
    ].map(([key, value, words]) => el("div", {}, el("dt", { text: words ?? t(key) }), el("dd", { text: value })))),
    rail.facts_by ? el("p.faint", { text: t("yard.facts.by", { name: authorName(rail.facts_by), time: when(rail.facts_by.utc_ms, serverNow()) }) }) : el("p.faint", { text: t("yard.facts.needed", { n: number(asked.filter((row) => row.required).length) }) }),
    may("yard_inspect") === false ? null : el("div.actions", {}, button(t("yard.key.facts"), on.facts, { kind: "primary", "aria-keyshortcuts": "F" })),
  ];
}

function coverage(rail) {
  const head = [["yard.coverage.kind"], ["yard.coverage.ru"], ["yard.coverage.uic"], ["yard.coverage.seen_by"], ["yard.coverage.found", "right"], ["yard.coverage.fact"]];
  return [el("p", { text: t("yard.coverage.what") }), table(head, rail.grade.coverage.map((row) => el("tr", {},
    el("th", { scope: "row", text: `${kindName(row.kind)}${row.required ? " *" : ""}` }),
    el("td.numeral", { text: row.ru || "–" }), el("td.numeral", { text: row.uic || "–" }),
    el("td", {}, el("span.tag", { class: row.seen_by === "not_seen" ? "warn" : "", text: known(`yard_seen_by.${row.seen_by}`, row.seen_by) })),
    el("td.right.numeral", { text: number(row.found) }),
    el("td", { text: row.seen_by === "model" && row.fact === null ? "–" : row.fact ? known(`yard_fact.${row.fact}`, row.fact) : t("yard.facts.nobody") }))), "yard.coverage.none")];
}

function unseen(rail, on) {
  const head = [["yard.unseen.camera"], ["yard.unseen.place"], ["yard.unseen.cause"], ["yard.unseen.frames"]];
  return [
    rail.grade.unseen_m === null ? null : el("p", { text: t("yard.unseen.total", { n: metres(rail.grade.unseen_m) }) }),
    table(head, rail.unseen.map((stretch) => el("tr", {},
      el("td", { text: stretch.camera }),
      el("td", {}, el("button.link.numeral", { type: "button", text: placeWords(stretch), on: { click: () => on.showRows(stretch.first_row, stretch.last_row, stretch.camera) } })),
      el("td", {}, known(`yard_unseen.${stretch.cause}`, stretch.cause), stretch.detail.length ? el("span.faint", { text: ` ${stretch.detail.map(noteText).join("; ")}` }) : null),
      el("td.words", { text: stretch.frames || "–" }))), "yard.unseen.none"),
    el("h3", { text: t("yard.cameras.title") }),
    table([["yard.unseen.camera"], ["yard.cameras.element"], ["yard.cameras.frames", "right"], ["yard.cameras.left_out", "right"], ["yard.cameras.inspected"]], rail.cameras.map((camera) => el("tr", {},
      el("td", { text: camera.name }), el("td", { text: known(`yard_element.${camera.element}`, camera.element) }), el("td.right.numeral", { text: number(camera.frames) }),
      el("td.right.numeral", { text: number(camera.left_out.length), title: camera.left_out.slice(0, 20).map((one) => `${one.file}: ${noteText(one.why)}`).join("\n") }), el("td", { text: t(camera.inspected ? "yard.yes" : "yard.no") }))), "yard.unseen.none"),
  ];
}

function history(rail, on) {
  const undone = new Set(rail.corrections.filter((entry) => entry.kind === "undo").map((entry) => entry.undoes));
  const allowed = may("yard_inspect") !== false;
  return [table([["yard.history.number", "right"], ["yard.history.when"], ["yard.history.who"], ["yard.history.what"], ["yard.field.reason"], ["yard.history.undo"]], [...rail.corrections].reverse().map((entry) => el("tr", {},
    el("td.right.numeral", { text: number(entry.number) }),
    el("td.numeral", { text: when(entry.utc_ms, serverNow()) }),
    el("td", { text: entry.role === "scan_file" ? authorName(entry) : `${entry.by} (${known(`role.${entry.role}`, entry.role)})` }),
    el("td", {}, correctionWords(entry), undone.has(entry.number) ? el("span.tag", { text: t("yard.history.undone") }) : null),
    el("td.words", { text: entry.reason || "–" }),
    el("td", {}, !allowed || entry.kind === "undo" || undone.has(entry.number) ? null : button(t("yard.history.undo"), () => on.undo(entry.number), { "aria-label": `${t("yard.history.undo")} ${entry.number}` })))), "yard.history.none")];
}

/** The rail's figures in its head. */
export function railFacts(rail) {
  const least = rail.map.length_is_least ? t("yard.at_least") : "";
  const facts = [
    gradeTag(rail.final_grade),
    rail.decided ? el("span.tag.ok", { text: known(`yard_decision.${rail.decision.kind}`, rail.decision.kind) }) : el("span.tag", { text: t("yard.rails.not_decided") }),
    el("span.numeral", { text: rail.kind === "photos" ? t("yard.photos.count", { n: number(rail.cameras.length) }) : rail.map.length_m === null ? t("yard.rows", { n: number(rail.map.rows) }) : `${least} ${metres(rail.map.length_m)}`.trim() }),
  ];
  if (rail.grade.unseen_m) facts.push(el("span.tag.warn", { text: `${t("yard.unseen.short")}: ${metres(rail.grade.unseen_m)}` }));
  else if (rail.unseen.length) facts.push(el("span.tag.warn", { text: t("yard.unseen.stretches", { n: number(rail.unseen.length) }) }));
  if (rail.map.row_mm === null) facts.push(el("span.tag.warn", { text: t("yard.no_scale_long") }));
  return facts;
}
