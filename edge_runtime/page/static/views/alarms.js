/** Alarms: those that last or that nobody has acknowledged, and what has been. */

import { acknowledgeButton, alarmShape, alarmTodo, alarmWhat, openAlarms } from "../lib/alarms.js";
import { api, explain } from "../lib/api.js";
import { button, el, fill, icon } from "../lib/dom.js";
import { serverNow, store } from "../lib/store.js";
import { duration, known, t, when } from "../lib/words.js";

const PAGE = 50;
/** open alarms that are shown at once; an alarm that comes and goes must not ask for the history each time */
const OPEN_MAX = 60;
const HISTORY_EVERY_MS = 2000;

/** @param {HTMLElement} root */
export function mount(root) {
  const open = el("ul.alarm-list", { "aria-live": "polite" });
  const past = el("div.table-box", { "aria-busy": "true" });
  const newer = button(t("alarms.newer"), () => turn(-1), { icon: "left" });
  const older = button(t("alarms.older"), () => turn(1), { icon: "right" });
  fill(root,
    el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("alarms.open") })), open),
    el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("alarms.history") })), past, el("nav.pages", { "aria-label": t("alarms.pages") }, newer, older)));
  let drawn = "";
  let way = [null];
  let last = null;
  let gone = false;
  let timer = 0;
  let readMs = -Infinity;

  // At most one question under way or waiting.
  function renewHistory() {
    if (timer || way.length > 1) return;
    timer = setTimeout(() => {
      timer = 0;
      if (!gone) history();
    }, Math.max(0, readMs + HISTORY_EVERY_MS - performance.now()));
  }

  function update(what) {
    if (what !== "state" && what !== "viewer") return;
    const alarms = openAlarms();
    const key = JSON.stringify([alarms, store.viewer && store.viewer.name]);
    if (key === drawn) return;
    drawn = key;
    const rest = alarms.length - OPEN_MAX;
    fill(open, alarms.length
      ? [alarms.slice(0, OPEN_MAX).map(openRow), rest > 0 ? el("li.faint", { text: t("alarms.more", { n: rest }) }) : null]
      : el("li.faint.empty", {}, icon("ok"), el("span", { text: t("alarms.none") })));
    renewHistory();
  }

  async function history() {
    readMs = performance.now();
    const before = way[way.length - 1];
    try {
      const answer = await api(`/api/alarms?limit=${PAGE}${before === null ? "" : `&before=${before}`}`, { ask: false });
      if (gone) return;
      last = answer.alarms.length ? answer.alarms[answer.alarms.length - 1].id : null;
      fill(past, answer.alarms.length ? table(answer.alarms) : el("p.faint.empty", { text: t("alarms.no_history") }));
      older.disabled = !answer.more;
      newer.disabled = way.length === 1;
    } catch (error) {
      if (!gone) fill(past, el("p.form-error", { text: explain(error) }));
    }
    past.setAttribute("aria-busy", "false");
  }

  function turn(step) {
    if (step > 0 && last !== null) way.push(last);
    else if (way.length > 1) way.pop();
    history();
  }

  update("state");
  return { update, refetch: history, unmount: () => { gone = true; } };
}

function openRow(alarm) {
  const cleared = alarm.cleared_utc_ms !== null;
  const times = cleared
    ? t("alarms.was", { from: when(alarm.raised_utc_ms, serverNow()), to: when(alarm.cleared_utc_ms, serverNow()) })
    : t("alarms.since", { from: when(alarm.raised_utc_ms, serverNow()) });
  const seen = alarm.acknowledged_by === null ? acknowledgeButton(alarm)
    : el("p.alarm-seen", {}, icon("ok"), el("span", { text: t("alarms.seen_by", { name: alarm.acknowledged_by, time: when(alarm.acknowledged_utc_ms, serverNow()) }) }));
  return el(`li.alarm.${alarm.level}`, { class: cleared ? "cleared" : null },
    el("span.alarm-sign", {}, icon(alarmShape(alarm)), el("span", { text: known(`alarm.level.${alarm.level}`, alarm.level) })),
    el("div.alarm-words", {}, el("strong", { text: alarmWhat(alarm) }), el("p", { text: alarmTodo(alarm) }), el("p.faint.numeral", { text: times }),
      alarm.values && alarm.values.detail ? el("p.faint.detail", { lang: "en", text: String(alarm.values.detail) }) : null),
    seen);
}

function table(alarms) {
  const head = ["alarms.what", "alarms.raised", "alarms.lasted", "alarms.by", "alarms.note_short"];
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map((key) => el("th", { scope: "col", text: t(key) })))),
    el("tbody", {}, alarms.map((alarm) => el("tr", {},
      el("th", { scope: "row" }, el(`span.row-sign.${alarm.level}`, {}, icon(alarmShape(alarm)), el("span", { text: alarmWhat(alarm) }))),
      el("td.numeral", { text: when(alarm.raised_utc_ms, serverNow()) }),
      el("td.numeral", { text: alarm.cleared_utc_ms === null ? t("alarms.lasts") : duration((alarm.cleared_utc_ms - alarm.raised_utc_ms) / 1000) }),
      el("td", { text: alarm.acknowledged_by || "–" }),
      el("td", { text: alarm.note || "" })))));
}
