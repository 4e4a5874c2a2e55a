/** All rejected balls, page by page, by reason, lot and shift. One page is held at a time. */

import { api, explain } from "../lib/api.js";
import { button, el, fill } from "../lib/dom.js";
import { openReject, rejectCard } from "../lib/rejects.js";

import { date, keysBelow, reasonWords, t } from "../lib/words.js";

const PAGE = 24;

/** @param {HTMLElement} root */
export function mount(root) {
  const reason = el("select", { on: { change: () => first() } });
  const lot = el("select", { on: { change: () => first() } });
  const shift = el("select", { on: { change: () => first() } });
  const grid = el("div.reject-grid", { "aria-live": "polite", "aria-busy": "true" });
  const newer = button(t("rejects.newer_page"), () => back(), { icon: "left" });
  const older = button(t("rejects.older_page"), () => on(), { icon: "right" });
  const newest = button(t("rejects.newest"), () => first(), {});
  fill(root,
    el("div.filters", { role: "search", "aria-label": t("rejects.filters") },
      field("rejects.by_reason", reason), field("rejects.by_lot", lot), field("rejects.by_shift", shift), newest),
    grid,
    el("nav.pages", { "aria-label": t("rejects.pages") }, newer, older));
  options(reason, keysBelow("reason.").map((code) => [code, reasonWords(code)]));
  options(lot, []);
  options(shift, []);

  // The `before` of every page on the way here: as many numbers as pages, the rejects themselves are let go.
  let way = [null];
  let last = null;
  let turn = 0;
  let gone = false;

  async function show() {
    const mine = ++turn;
    const ask = new URLSearchParams({ limit: String(PAGE) });
    for (const [name, input] of [["reason", reason], ["lot", lot], ["shift", shift]]) if (input.value) ask.set(name, input.value);
    const before = way[way.length - 1];
    if (before !== null) ask.set("before", String(before));
    grid.setAttribute("aria-busy", "true");
    try {
      const answer = await api(`/api/rejects?${ask}`);
      if (mine === turn && !gone) draw(answer);
    } catch (error) {
      if (mine === turn && !gone) fill(grid, el("p.form-error", { text: explain(error) }));
    }
    grid.setAttribute("aria-busy", "false");
  }

  function draw({ rejects, more }) {
    last = rejects.length ? rejects[rejects.length - 1].id : null;
    fill(grid, rejects.length
      ? rejects.map((reject, index) => rejectCard(reject, () => openReject(rejects, index)))
      : el("p.faint.empty", { text: t("rejects.none_found") }));
    newer.disabled = way.length === 1;
    older.disabled = !more;
  }

  function first() {
    way = [null];
    show();
  }
  function on() {
    way.push(last);
    show();
    window.scrollTo(0, 0);
  }
  function back() {
    if (way.length > 1) way.pop();
    show();
    window.scrollTo(0, 0);
  }

  async function fillFilters() {
    const [lots, shifts] = await Promise.all([api("/api/lots", { ask: false }), api("/api/shifts", { ask: false })]);
    if (gone) return;
    options(lot, lots.lots.map((it) => [it.name, it.name]));
    options(shift, shifts.shifts.map((it) => [String(it.id), `${it.name} · ${date(it.opened_utc_ms)}`]));
  }
  fillFilters().catch((error) => console.info("no filters:", error.message));
  show();
  return { update: () => undefined, refetch: show, unmount: () => { gone = true; } };
}

function field(key, input) {
  return el("label.field", {}, el("span", { text: t(key) }), input);
}

function options(select, entries) {
  const kept = select.value;
  fill(select, el("option", { value: "", text: t("rejects.all") }), entries.map(([value, text]) => el("option", { value, text })));
  if (entries.some(([value]) => value === kept)) select.value = kept;
}
