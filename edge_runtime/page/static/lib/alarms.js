/** Alarms in plain words, and acknowledging one by name; used by the strip over every view and by #/alarms. */

import { api, explain, NotSignedIn } from "./api.js";
import { errorLine, notice, openDialog } from "./dialog.js";
import { button, el, fill, icon } from "./dom.js";
import { may, serverNow, store } from "./store.js";
import { known, number, t, when } from "./words.js";

/** the strip stands over every view: on a tablet it leaves the room to the line */
const STRIP_MAX = () => (window.matchMedia("(max-width: 1100px)").matches ? 1 : 2);
const GRAVITY = { stop: 0, error: 1, warning: 2 };
const SHAPES = { stop: "stop", error: "bad", warning: "warn" };

/** Values of an alarm's text as its reader reads them. */
function values(alarm) {
  const found = { subject: alarm.subject };
  for (const [name, value] of Object.entries(alarm.values || {}))
    found[name] = typeof value === "number" ? number(value, digitsOf(name, value)) : value;
  if (found.cause) found.cause = known(`stop_cause.${found.cause}`, found.cause);
  if (found.fault) found.fault = known(`frame.${found.fault}`, found.fault);
  return found;
}

// A drift is hundredths of a millimetre: with one digit it would read '40.0 mm, at the start it was 40.0 mm'.
const digitsOf = (name, value) => (name.endsWith("_mm") ? 2 : Number.isInteger(value) ? 0 : 1);

/** What has happened. */
export const alarmWhat = (alarm) => known(`alarm.${alarm.code}.what`, alarm.code, values(alarm));

/** What to do. */
export const alarmTodo = (alarm) => known(`alarm.${alarm.code}.todo`, "", values(alarm));

/** Shape and colour class of an alarm's level. */
export const alarmShape = (alarm) => SHAPES[alarm.level] || "bad";

/** Open alarms, the gravest and newest first. */
export function openAlarms() {
  const alarms = (store.state && store.state.alarms) || [];
  return alarms
    .filter((alarm) => alarm.cleared_utc_ms === null || alarm.acknowledged_by === null)
    .sort((a, b) => rank(a) - rank(b) || b.raised_utc_ms - a.raised_utc_ms);
}

// In bypass what others say of balls that are rejected does not hold: it is read first.
const gravity = (alarm) => (alarm.code === "bypass" ? -1 : GRAVITY[alarm.level] ?? 1);

// A cause that lasts comes before one that is gone, then by level; what somebody has seen comes after.
const rank = (alarm) =>
  (alarm.cleared_utc_ms === null ? 0 : 100) + (alarm.acknowledged_by === null ? 0 : 10) + gravity(alarm);

/** How many alarms nobody has acknowledged. */
export const unseenAlarms = () => openAlarms().filter((alarm) => alarm.acknowledged_by === null).length;

/** The strip of the gravest alarms that last and that nobody has acknowledged yet. */
export function alarmStrip() {
  const list = el("ul.strip-list");
  const more = el("a.strip-more", { href: "#/alarms", hidden: true });
  const node = el("section.strip", { "aria-label": t("alarms.strip"), "aria-live": "assertive", "aria-relevant": "additions", hidden: true }, list, more);
  let drawn = "";

  function update() {
    const unseen = openAlarms().filter((alarm) => alarm.acknowledged_by === null && alarm.cleared_utc_ms === null);
    const shown = unseen.slice(0, STRIP_MAX());
    const key = JSON.stringify([shown.map((a) => [a.id, a.values, a.cleared_utc_ms, a.level]), unseen.length]);
    if (key === drawn) return;
    drawn = key;
    node.hidden = unseen.length === 0;
    fill(list, shown.map(stripRow));
    more.hidden = unseen.length <= shown.length;
    more.textContent = t("alarms.more", { n: unseen.length - shown.length });
  }

  return { node, update };
}

function stripRow(alarm) {
  return el(`li.strip-row.${alarm.level}`, {}, icon(alarmShape(alarm)),
    el("div.strip-words", {}, el("strong", { text: alarmWhat(alarm) }), el("span", { text: alarmTodo(alarm) })),
    el("time.numeral", { text: when(alarm.raised_utc_ms, serverNow()) }),
    acknowledgeButton(alarm));
}

/** The button that acknowledges an alarm; none for a role that may not. */
export function acknowledgeButton(alarm) {
  if (may("acknowledge") === false) return null;
  return button(t("alarms.acknowledge"), () => acknowledge(alarm), { "aria-label": `${t("alarms.acknowledge")}: ${alarmWhat(alarm)}` });
}

async function acknowledge(alarm) {
  const note = el("input", { type: "text", maxlength: "400", "data-autofocus": "" });
  const wrong = errorLine();
  const viewer = store.viewer;
  await openDialog({
    title: t("alarms.acknowledge_title"),
    body: [
      el("p.lead", {}, icon(alarmShape(alarm)), el("strong", { text: alarmWhat(alarm) })),
      el("p", { text: alarmTodo(alarm) }),
      viewer ? el("p.faint", { text: t("alarms.as", { name: viewer.name }) }) : null,
      el("label.field", {}, el("span", { text: t("alarms.note") }), note),
      wrong.node,
    ],
    actions: [
      { label: t("button.cancel"), value: false },
      {
        label: t("alarms.acknowledge"),
        kind: "primary",
        submit: async () => {
          try {
            await api(`/api/alarms/${alarm.id}/acknowledge`, { method: "POST", body: { note: note.value } });
            notice(t("alarms.acknowledged_now"));
            return true;
          } catch (error) {
            if (error instanceof TypeError) throw error;
            wrong.show(error instanceof NotSignedIn ? t("error.not_signed_in") : explain(error));
            return undefined;
          }
        },
      },
    ],
  });
}
