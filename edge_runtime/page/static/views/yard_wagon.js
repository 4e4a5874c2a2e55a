/** One wagon, truck or lot: what the inspector types of it, its rails, the act as a draft, and its signature. */

import { api } from "../lib/api.js";
import { errorLine, notice } from "../lib/dialog.js";
import { button, el, fill } from "../lib/dom.js";
import { may, serverNow } from "../lib/store.js";
import { currentLanguage, t, when } from "../lib/words.js";
import { signDialog } from "../lib/yard_acts.js";
import { choice, explainYard, field, figure, line, lines, missingWords, numberOf } from "../lib/yard_forms.js";
import { kilograms } from "../lib/yard_words.js";
import { railTable, vehicleName } from "./yard_wagons.js";

const VEHICLES = ["wagon", "truck", "lot"];
const LINES = ["supplier", "deliverer", "contract", "receiver", "scrap_class", "scrap_kind", "scrap_grade"];
const FIGURES = ["gross_kg", "tare_kg", "contamination_percent"];
const CERTIFICATES = ["radiation", "explosion"];
/** what an act cannot be signed without */
const REQUIRED = new Set(["supplier", "deliverer", "contract", "vehicle", "scrap_class", ...FIGURES, ...CERTIFICATES]);
const FORMS = ["html", "pdf", "csv", "xlsx"];

/** @param {HTMLElement} root */
export function mount(root, _help, [place]) {
  const head = el("header.yard-head");
  const formBox = el("div.card-body", { "aria-busy": "true" });
  const railBox = el("div.table-box");
  const assignBox = el("div.inline-form");
  const draftBox = el("div.card-body");
  const rails = el("section.card", { hidden: true }, el("header.card-head", {}, el("h2", { text: t("yard.rails.title") })), railBox, assignBox);
  const draft = el("section.card", { hidden: true }, el("header.card-head", {}, el("h2", { text: t("yard.act.title") })), draftBox);
  fill(root, head, el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("yard.wagons.form") })), formBox), rails, draft);
  let found = null;
  let gone = false;
  let offered = "";
  let formOf = null;

  async function read() {
    if (place === "new") {
      show({ wagon: { wagon_id: null, revision: 0, fields: { vehicle_kind: "wagon" }, act: null }, rails: [], draft: null });
      return;
    }
    try {
      const answer = await api(`/api/yard/wagons/${encodeURIComponent(place)}`);
      if (!gone) show(answer);
    } catch (error) {
      if (!gone) fill(formBox, el("p.form-error", { text: explainYard(error) }));
    }
    formBox.setAttribute("aria-busy", "false");
  }

  function show(answer) {
    found = answer;
    const { wagon } = answer;
    fill(head, el("a.card-link", { href: "#/wagons", text: `‹ ${t("yard.view.wagons")}` }),
      el("h2", { text: wagon.wagon_id === null ? t("yard.wagons.begin") : vehicleName(wagon) }),
      wagon.act ? el("span.tag.ok", { text: t("yard.wagons.signed", { number: `${wagon.act.number}/${wagon.act.year}` }) }) : null);
    // What is being typed stays, whatever else has changed: only another state of the wagon makes the form anew.
    const state = `${wagon.wagon_id} ${wagon.revision}`;
    if (state !== formOf) fill(formBox, wagonForm(answer, save));
    formOf = state;
    formBox.setAttribute("aria-busy", "false");
    rails.hidden = draft.hidden = wagon.wagon_id === null;
    if (wagon.wagon_id === null) return;
    fill(railBox, railTable(answer.rails, null));
    fill(draftBox, actPart(answer, again));
    offerRails().catch((error) => fill(assignBox, el("p.form-error", { text: explainYard(error) })));
  }

  async function save(fields, wrong) {
    const { wagon } = found;
    try {
      const path = wagon.wagon_id === null ? "/api/yard/wagons" : `/api/yard/wagons/${wagon.wagon_id}`;
      const answer = await api(path, { method: "POST", body: { fields, revision: wagon.revision } });
      notice(t("yard.saved"));
      if (wagon.wagon_id === null) location.hash = `#/wagon/${answer.wagon.wagon_id}`;
      else if (!gone) show(answer);
    } catch (error) {
      wrong.show(explainYard(error));
      // What was typed stays in the form; sent again it goes over what the other one wrote, knowingly.
      if (error.code === "yard_changed_since") found.wagon.revision = error.values.revision;
    }
  }

  async function again() {
    if (!gone) await read();
  }

  /** Rails that came with no wagon yet, to be put to this one. */
  async function offerRails() {
    if (may("yard_inspect") === false) return;
    const { rails: free } = await api("/api/yard/rails?unassigned=true&limit=100");
    if (gone) return;
    // A list that comes late must not take back what somebody has chosen of the one before.
    const now = JSON.stringify(free.map((rail) => [rail.rail_id, rail.revision, rail.name]));
    if (now === offered) return;
    offered = now;
    const before = assignBox.querySelector("select")?.value;
    if (!free.length) {
      fill(assignBox);
      return;
    }
    const kept = free.find((rail) => String(rail.rail_id) === before) ?? free[0];
    const which = choice(free.map((rail) => [String(rail.rail_id), rail.name]), String(kept.rail_id));
    const wrong = errorLine();
    fill(assignBox, field(t("yard.assign.rail"), which),
      button(t("yard.assign.put"), async () => {
        const rail = free.find((one) => String(one.rail_id) === which.value);
        try {
          await api(`/api/yard/rails/${rail.rail_id}/changes`, { method: "POST", body: { change: { kind: "assign", wagon_id: found.wagon.wagon_id }, revision: rail.revision } });
          await read();
        } catch (error) {
          wrong.show(explainYard(error));
        }
      }), wrong.node);
  }

  read();
  return { update: () => undefined, unmount: () => { gone = true; } };
}

function wagonForm({ wagon }, save) {
  const { fields } = wagon;
  const label = (name) => `${t(`yard.field.${name}`)}${REQUIRED.has(name) ? " *" : ""}`;
  const inputs = {};
  for (const name of LINES) inputs[name] = line(fields[name]);
  for (const name of FIGURES) inputs[name] = figure(fields[name]);
  inputs.vehicle_kind = choice(VEHICLES.map((name) => [name, t(`yard.vehicle.${name}`)]), fields.vehicle_kind);
  inputs.vehicle = line(fields.vehicle);
  inputs.foreign_items = lines(fields.foreign_items);
  inputs.note = lines(fields.note);
  const papers = Object.fromEntries(CERTIFICATES.map((name) => [name, certificate(fields[name])]));
  const wrong = errorLine();
  const send = button(t("yard.save"), null, { kind: "primary", icon: "ok" });
  const form = el("form.yard-form", { novalidate: "", on: { submit: (event) => {
    event.preventDefault();
    wrong.show("");
    let typed;
    try {
      typed = taken(inputs, papers, fields, label);
    } catch (error) {
      wrong.show(explainYard(error));
      return;
    }
    save(typed, wrong);
  } } },
    el("div.yard-fields", {},
      field(label("vehicle_kind"), inputs.vehicle_kind), field(label("vehicle"), inputs.vehicle),
      LINES.map((name) => field(label(name), inputs[name])), FIGURES.map((name) => field(label(name), inputs[name]))),
    CERTIFICATES.map((name) => el("fieldset.yard-paper", {}, el("legend", { text: label(name) }), el("div.yard-fields", {},
      field(t("yard.field.number"), papers[name].number), field(t("yard.field.issued_on"), papers[name].on), field(t("yard.field.issued_by"), papers[name].by)))),
    el("p.faint", { text: t("yard.wagons.typed_only") }),
    el("div.yard-fields", {}, field(label("foreign_items"), inputs.foreign_items), field(label("note"), inputs.note)),
    wrong.node, el("div.actions", {}, send));
  if (may("yard_inspect") === false) {
    send.hidden = true;
    for (const input of form.querySelectorAll("input, select, textarea")) input.disabled = true;
  }
  return form;
}

function certificate(value) {
  return { number: line(value?.number), on: el("input", { type: "date", value: value?.issued_on ?? "" }), by: line(value?.issued_by) };
}

function taken(inputs, papers, before, label) {
  const typed = { arrived_utc_ns: before.arrived_utc_ns ?? null };
  for (const [name, input] of Object.entries(inputs)) typed[name] = FIGURES.includes(name) ? numberOf(input, label(name)) : input.value;
  for (const [name, paper] of Object.entries(papers)) {
    typed[name] = paper.number.value.trim() || paper.on.value || paper.by.value.trim()
      ? { number: paper.number.value, issued_on: paper.on.value || null, issued_by: paper.by.value } : null;
  }
  return typed;
}

function actPart({ wagon, draft }, again) {
  const path = `/yard/wagons/${wagon.wagon_id}/draft`;
  const lacks = draft.missing;
  const signed = wagon.act;
  const sign = button(signed ? t("yard.act.supersede") : t("yard.act.sign"), () => signDialog(wagon, again), { kind: signed ? "" : "primary", icon: "acts" });
  sign.hidden = may("yard_sign") === false;
  return [
    el("dl.facts", {},
      fact("yard.act.net", kilograms(draft.net_kg, Number.isInteger(draft.net_kg) ? 0 : 1)), fact("yard.act.accepted", kilograms(draft.accepted_kg)),
      fact("yard.act.typed_by", wagon.by ? `${wagon.by}, ${when(wagon.utc_ms, serverNow())}` : "–")),
    signed ? el("p", {}, t("yard.act.stands", { number: `${signed.number}/${signed.year}` }), " ", fileLinks(`/yard/acts/${signed.year}/${signed.number}`)) : null,
    lacks.length && !signed ? el("div.callout", {}, el("strong", { text: t("yard.act.lacks") }), el("ul.yard-lacks", {}, lacks.map((code) => el("li", { text: missingWords(code) })))) : null,
    el("div.actions", {}, el("span.faint.yard-draft", { text: t("yard.act.draft") }), fileLinks(path), sign),
  ];
}

const fact = (key, value) => el("div", {}, el("dt", { text: t(key) }), el("dd", { text: value }));

/** The ways to a paper in each of its forms, in the reader's language. */
export function fileLinks(path) {
  return el("span.file-links", {}, FORMS.map((form) => el("a.button", {
    href: `${path}.${form}?language=${currentLanguage()}`,
    ...(form === "html" || form === "pdf" ? { target: "_blank", rel: "noopener" } : { download: "" }),
    text: t(`yard.form.${form}`),
  })));
}
