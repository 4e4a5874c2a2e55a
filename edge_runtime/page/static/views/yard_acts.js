/** Signed acts, the newest first, each as a paper in the reader's language. */

import { api, explain } from "../lib/api.js";
import { button, el, fill } from "../lib/dom.js";
import { may, serverNow } from "../lib/store.js";
import { t, when } from "../lib/words.js";
import { fileLinks } from "./yard_wagon.js";

const PAGE = 25;

/** @param {HTMLElement} root */
export function mount(root) {
  const box = el("div.table-box", { "aria-busy": "true" });
  const older = button(t("yard.older"), () => turnTo(last), { icon: "right" });
  const newest = button(t("yard.newest"), () => turnTo(null), { icon: "left" });
  fill(root, el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("yard.acts.title") })), box,
    el("nav.pages", { "aria-label": t("yard.pages") }, newest, older)));
  let before = null;
  let last = null;
  let gone = false;

  async function read() {
    const ask = new URLSearchParams({ limit: String(PAGE) });
    if (before) {
      ask.set("before_year", String(before.year));
      ask.set("before_number", String(before.number));
    }
    try {
      const { acts, more } = await api(`/api/yard/acts?${ask}`);
      if (gone) return;
      last = acts.length ? acts[acts.length - 1] : null;
      fill(box, acts.length ? table(acts) : el("p.faint.empty", { text: t("yard.acts.none") }));
      older.disabled = !more;
      newest.disabled = before === null;
    } catch (error) {
      if (!gone) fill(box, el("p.form-error", { text: explain(error) }));
    }
    box.setAttribute("aria-busy", "false");
  }

  function turnTo(place) {
    before = place;
    read();
  }

  read();
  return { update: () => undefined, unmount: () => { gone = true; } };
}

function table(acts) {
  const head = ["yard.acts.number", "yard.field.supplier", "yard.wagons.vehicle", "yard.acts.signed_by", "yard.acts.signed_at", "yard.acts.files"];
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map((key) => el("th", { scope: "col", text: t(key) })))),
    el("tbody", {}, acts.map((act) => el("tr", {},
      el("th", { scope: "row" }, el("span.row-name", { text: `${act.number}/${act.year}` }),
        act.superseded_by ? el("span.tag.warn", { text: t("yard.acts.superseded_by", { number: `${act.superseded_by.number}/${act.superseded_by.year}` }) }) : null,
        act.supersedes ? el("span.faint", { text: t("yard.acts.supersedes", { number: `${act.supersedes.number}/${act.supersedes.year}` }) }) : null),
      el("td.words", { text: act.supplier || "–" }),
      el("td", {}, el("a.row-link", { href: `#/wagon/${act.wagon_id}`, text: act.vehicle || `№ ${act.wagon_id}` })),
      el("td", { text: act.signed_by }),
      el("td.numeral", { text: when(act.signed_utc_ms, serverNow()) }),
      el("td", {}, may("reports") === false ? "–" : fileLinks(`/yard/acts/${act.year}/${act.number}`))))));
}
