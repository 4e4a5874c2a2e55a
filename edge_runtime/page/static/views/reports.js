/** Reports of shifts and lots, to read, print or take away, in the reader's choice of language. */

import { api, explain } from "../lib/api.js";
import { el, fill } from "../lib/dom.js";
import { serverNow } from "../lib/store.js";
import { currentLanguage, LANGUAGES, number, percent, t, when } from "../lib/words.js";

const NAMES = { kk: "Қазақша", ru: "Русский", en: "English" };
const FORMS = ["html", "pdf", "csv"];

/** @param {HTMLElement} root */
export function mount(root) {
  const shifts = el("div.table-box", { "aria-busy": "true" });
  const lots = el("div.table-box", { "aria-busy": "true" });
  const language = el("select", { on: { change: () => draw() } }, LANGUAGES.map((name) => el("option", { value: name, text: NAMES[name], lang: name })));
  language.value = currentLanguage();
  fill(root,
    el("div.filters", {}, el("label.field", {}, el("span", { text: t("reports.language") }), language)),
    section("reports.shifts", shifts),
    section("reports.lots", lots));
  let found = null;
  let gone = false;

  async function read() {
    try {
      const [one, other] = await Promise.all([api("/api/shifts"), api("/api/lots")]);
      found = { shifts: one.shifts, lots: other.lots };
      if (!gone) draw();
    } catch (error) {
      if (!gone) fill(shifts, el("p.form-error", { text: explain(error) }));
    }
  }

  function draw() {
    if (!found) return;
    fill(shifts, table(found.shifts, "shift", language.value));
    fill(lots, table(found.lots, "lot", language.value));
    for (const box of [shifts, lots]) box.setAttribute("aria-busy", "false");
  }

  read();
  return { update: () => undefined, refetch: read, unmount: () => { gone = true; } };
}

function section(title, body) {
  return el("section.card", {}, el("header.card-head", {}, el("h2", { text: t(title) })), body);
}

function table(rows, kind, language) {
  if (!rows.length) return el("p.faint.empty", { text: t(`reports.no_${kind}s`) });
  const head = [["reports.name"], ["reports.opened"], ["reports.closed"], ["reports.balls", "right"], ["reports.rejected", "right"], ["reports.files", "right"]];
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map(([key, side]) => el("th", { scope: "col", class: side, text: t(key) })))),
    el("tbody", {}, rows.map((row) => tableRow(row, kind, language))));
}

function tableRow(row, kind, language) {
  const now = serverNow();
  const counts = row.counts || row;
  const judged = counts.accepted + counts.rejected;
  const path = kind === "shift" ? `/reports/shift/${row.id}` : `/reports/lot/${encodeURIComponent(row.name)}`;
  return el("tr", {},
    el("th", { scope: "row" }, el("span.row-name", { text: row.name }), row.product ? el("span.faint", { text: row.product }) : null),
    el("td.numeral", { text: when(row.opened_utc_ms, now) }),
    // Balls of no lot are listed, too: nobody opened it, so nobody will close it.
    el("td.numeral", {}, row.closed_utc_ms ? when(row.closed_utc_ms, now) : row.opened_by ? el("span.tag.ok", { text: t("word.open_f") }) : "–"),
    el("td.right.numeral", { text: number(counts.parts) }),
    el("td.right.numeral", { text: judged ? `${number(counts.rejected)} · ${percent(counts.rejected / judged)}` : "–" }),
    el("td.right", {}, el("div.file-links", {}, FORMS.map((form) => link(`${path}.${form}?language=${language}`, form, row.name)))));
}

function link(href, form, name) {
  const props = form === "html" ? { target: "_blank", rel: "noopener" } : { download: "" };
  return el("a.button", { href, ...props, "aria-label": `${form.toUpperCase()}: ${name}`, text: t(`reports.form.${form}`) });
}
