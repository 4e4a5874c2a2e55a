/** Wagons and lots, and the rails that came: with their grade, what nobody has confirmed, what nobody saw. */

import { api, explain } from "../lib/api.js";
import { button, el, fill } from "../lib/dom.js";
import { may, serverNow } from "../lib/store.js";
import { known, number, t, when } from "../lib/words.js";
import { gradeTag, metres } from "../lib/yard_words.js";

const PAGE = 25;
const AGAIN_MS = 5000;

/** @param {HTMLElement} root */
export function mount(root) {
  const wagonBox = el("div.table-box", { "aria-busy": "true" });
  const railBox = el("div.table-box", { "aria-busy": "true" });
  const begin = el("a.button.primary", { href: "#/wagon/new", text: t("yard.wagons.begin") });
  const bundle = el("a.button", { href: "/yard/corrections.zip", download: "", text: t("yard.bundle.get"), title: t("yard.bundle.what") });
  const which = el("select", { on: { change: () => first() } },
    ["all", "unassigned"].map((name) => el("option", { value: name, text: t(`yard.rails.${name}`) })));
  const older = button(t("yard.older"), () => turnTo(last), { icon: "right" });
  const newest = button(t("yard.newest"), () => first(), { icon: "left" });
  fill(root,
    section("yard.wagons.title", [begin], wagonBox),
    section("yard.rails.title", [el("label.head-field", {}, el("span", { text: t("yard.rails.show") }), which), bundle], railBox, el("nav.pages", { "aria-label": t("yard.pages") }, newest, older)));
  let before = null;
  let last = null;
  let gone = false;
  let names = new Map();
  let turn = 0;
  let drawn = ["", ""];

  async function read() {
    const mine = ++turn;
    const ask = new URLSearchParams({ limit: String(PAGE) });
    if (which.value === "unassigned") ask.set("unassigned", "true");
    if (before !== null) ask.set("before", String(before));
    try {
      const [one, other] = await Promise.all([api(`/api/yard/wagons?limit=${PAGE}`), api(`/api/yard/rails?${ask}`)]);
      if (!gone && mine === turn) draw(one, other);
    } catch (error) {
      if (!gone && mine === turn) fill(railBox, el("p.form-error", { text: explain(error) }));
    }
    for (const box of [wagonBox, railBox]) box.setAttribute("aria-busy", "false");
  }

  function draw({ wagons }, { rails, more }) {
    last = rails.length ? rails[rails.length - 1].rail_id : null;
    names = new Map(wagons.map((wagon) => [wagon.wagon_id, vehicleName(wagon)]));
    // Only what has changed is made anew: a finger that is on its way to a row must find it there.
    const now = [JSON.stringify(wagons), JSON.stringify(rails)];
    if (now[0] !== drawn[0]) fill(wagonBox, wagonTable(wagons));
    if (now[1] !== drawn[1] || now[0] !== drawn[0]) fill(railBox, railTable(rails, names));
    drawn = now;
    older.disabled = !more;
    newest.disabled = before === null;
    permit();
  }

  function permit() {
    begin.hidden = may("yard_inspect") === false;
    bundle.hidden = may("yard_export") !== true;
  }

  function first() {
    turnTo(null);
  }
  function turnTo(number_) {
    before = number_;
    read();
  }

  read();
  const timer = setInterval(() => !document.hidden && read(), AGAIN_MS);
  return {
    update: permit,
    unmount() {
      gone = true;
      clearInterval(timer);
    },
  };
}

function section(title, tools, ...body) {
  return el("section.card", {}, el("header.card-head", {}, el("h2", { text: t(title) }), tools), body);
}

/** What a wagon is called in a list: its number, and the supplier. */
export function vehicleName(wagon) {
  const { vehicle, vehicle_kind: kind } = wagon.fields;
  return `${known(`yard.vehicle.${kind}`, kind)} ${vehicle || `№ ${wagon.wagon_id}`}`;
}

function table(head, rows, empty) {
  if (!rows.length) return el("p.faint.empty", { text: t(empty) });
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map(([key, side]) => el("th", { scope: "col", class: side, text: t(key) })))),
    el("tbody", {}, rows));
}

function wagonTable(wagons) {
  const head = [["yard.wagons.vehicle"], ["yard.field.supplier"], ["yard.field.contract"], ["yard.wagons.rails", "right"], ["yard.wagons.act"]];
  return table(head, wagons.map((wagon) => el("tr", {},
    el("th", { scope: "row" }, el("a.row-link", { href: `#/wagon/${wagon.wagon_id}`, text: vehicleName(wagon) })),
    el("td.words", { text: wagon.fields.supplier || "–" }),
    el("td.words", { text: wagon.fields.contract || "–" }),
    el("td.right.numeral", {}, number(wagon.rails), wagon.unfinished ? el("span.tag.warn", { text: t("yard.wagons.unfinished", { n: number(wagon.unfinished) }) }) : null),
    el("td", {}, wagon.act ? el("span.tag.ok", { text: t("yard.wagons.signed", { number: `${wagon.act.number}/${wagon.act.year}` }) }) : el("span.tag", { text: t("yard.wagons.draft") })))), "yard.wagons.none");
}

/** Rails as a table; `names` of wagons by their number, null where all are of one. */
export function railTable(rails, names) {
  const head = [["yard.rails.name"], ["yard.rails.grade"], ["yard.rails.unconfirmed", "right"], ["yard.rails.unseen", "right"], ["yard.rails.length", "right"], ...(names ? [["yard.wagons.vehicle"]] : []), ["yard.rails.scanned"]];
  return table(head, rails.map((rail) => el("tr", { data: { rail: String(rail.rail_id) } },
    el("th", { scope: "row" }, el("a.row-link", { href: `#/rail/${rail.rail_id}`, text: rail.name }), rail.kind === "photos" ? el("span.tag", { text: t("yard.rails.photos") }) : null),
    el("td", {}, gradeTag(rail.final_grade), rail.decided ? null : el("span.faint.beside-tag", { text: t("yard.rails.not_decided") })),
    el("td.right.numeral", {}, rail.unconfirmed ? el("span.tag.warn", { text: t("yard.rails.of", { n: number(rail.unconfirmed), all: number(rail.findings) }) }) : number(rail.findings)),
    el("td.right.numeral", {}, rail.unseen_m ? el("span.tag.warn", { text: metres(rail.unseen_m) }) : rail.unseen_m === null ? t("yard.no_scale") : metres(0)),
    el("td.right.numeral", { text: metres(rail.length_m) }),
    names ? el("td", { text: rail.wagon_id === null ? "–" : names.get(rail.wagon_id) ?? `№ ${rail.wagon_id}` }) : null,
    el("td.numeral", { text: when(rail.scanned_utc_ms, serverNow()) }))), "yard.rails.none");
}
