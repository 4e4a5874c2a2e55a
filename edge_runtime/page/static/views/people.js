/** People and their roles; for admins. A one-time password is shown once and never again. */

import { api, explain, NotSignedIn } from "../lib/api.js";
import { confirmDialog, errorLine, notice, openDialog } from "../lib/dialog.js";
import { button, el, fill } from "../lib/dom.js";
import { serverNow, store } from "../lib/store.js";
import { known, t, when } from "../lib/words.js";

const ROLES = ["operator", "foreman", "inspector", "data", "admin"];
const CHANGES_SHOWN = 20;

/** @param {HTMLElement} root */
export function mount(root) {
  const list = el("div.table-box", { "aria-busy": "true" });
  const changes = el("div.table-box");
  const wrong = errorLine();
  const name = el("input", { type: "text", maxlength: "60", autocomplete: "off", spellcheck: "false" });
  const role = roleChoice("operator");
  const add = button(t("people.add"), null, { kind: "primary" });
  fill(root,
    section("people.title", list),
    section("people.new", el("form.inline-form", { on: { submit: (event) => { event.preventDefault(); begin(); } } },
      field("people.name", name), field("people.role", role), add), el("p.faint", { text: t("people.new_what") }), wrong.node),
    section("people.changes", changes));
  let gone = false;

  async function read() {
    try {
      const found = await api("/api/people");
      if (gone) return;
      fill(list, peopleTable(found.people, change));
      fill(changes, changesTable(found.changes || []));
    } catch (error) {
      if (!gone) fill(list, el("p.form-error", { text: explain(error) }));
    }
    list.setAttribute("aria-busy", "false");
  }

  async function begin() {
    if (!name.value.trim()) {
      wrong.show(t("day.name_needed"));
      name.focus();
    } else if (await change({ action: "add", name: name.value.trim(), role: role.value })) name.value = "";
  }

  async function change(request) {
    wrong.show("");
    try {
      const answer = await api("/api/people", { method: "POST", body: request });
      if (answer.password) await showPassword(request.name, answer.password);
      else notice(t(`people.done.${request.action}`, { name: request.name }));
      await read();
      return true;
    } catch (error) {
      const text = error instanceof NotSignedIn ? t("error.not_signed_in") : explain(error);
      if (request.action === "add") wrong.show(text);
      else notice(text, "bad");
      await read();
      return false;
    }
  }

  read();
  return { update: () => undefined, unmount: () => { gone = true; } };
}

function section(title, ...body) {
  return el("section.card", {}, el("header.card-head", {}, el("h2", { text: t(title) })), body);
}

function field(key, input) {
  return el("label.field", {}, el("span", { text: t(key) }), input);
}

function roleChoice(value, props = {}) {
  const node = el("select", props, ROLES.map((role) => el("option", { value: role, text: t(`role.${role}`) })));
  node.value = value;
  return node;
}

function peopleTable(people, change) {
  const head = ["people.name", "people.role", "people.state", "people.seen", "people.actions"];
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map((key) => el("th", { scope: "col", text: t(key) })))),
    el("tbody", {}, people.map((person) => personRow(person, change))));
}

function personRow(person, change) {
  const self = store.viewer && store.viewer.name === person.name;
  const role = roleChoice(person.role, { "aria-label": `${t("people.role")}: ${person.name}`, disabled: Boolean(self),
    on: { change: () => change({ action: "role", name: person.name, role: role.value }) } });
  const reset = button(t("people.reset"), () => sure("reset", person.name, change), { icon: "key", disabled: Boolean(self) });
  const off = person.disabled
    ? button(t("people.enable"), () => change({ action: "enable", name: person.name }))
    : button(t("people.disable"), () => sure("disable", person.name, change), { disabled: Boolean(self) });
  const state = person.disabled ? "disabled" : person.must_change ? "must_change" : "active";
  return el("tr", {},
    el("th", { scope: "row", text: person.name }),
    el("td", {}, role),
    el("td", {}, el("span.tag", { class: state === "active" ? "ok" : state === "disabled" ? "" : "warn", text: t(`people.state_${state}`) })),
    el("td.numeral", { text: person.last_seen_utc_ms ? when(person.last_seen_utc_ms, serverNow()) : t("people.never") }),
    el("td", {}, el("div.row-actions", {}, reset, off)));
}

async function sure(action, name, change) {
  if (await confirmDialog({ title: t(`people.${action}`), lines: [t(`people.${action}_ask`, { name })], yes: t(`people.${action}`), kind: action === "disable" ? "danger" : "primary" }))
    await change({ action, name });
}

async function showPassword(name, password) {
  await openDialog({
    title: t("people.password_for", { name }),
    body: [el("p", { text: t("people.password_once") }), el("p.one-time", { text: password, tabindex: "0" }), el("p.faint", { text: t("people.password_next") })],
    actions: [{ label: t("people.password_noted"), value: true, kind: "primary" }],
  });
}

function changesTable(changes) {
  if (!changes.length) return el("p.faint.empty", { text: "–" });
  return el("table", {}, el("tbody", {}, changes.slice(0, CHANGES_SHOWN).map((change) => el("tr", {},
    el("td.numeral", { text: when(change.utc_ms, serverNow()) }),
    el("td", { text: change.by }),
    el("td", { text: known(`people.change.${change.action}`, change.action) }),
    el("td", { text: change.subject }),
    el("td.faint", { text: known(`role.${change.detail}`, change.detail || "") })))));
}
