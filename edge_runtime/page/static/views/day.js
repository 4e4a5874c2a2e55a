/**
 * The day: shift, lot, changeover, challenge balls, stopping the line. Neighbours: `day_changeover` and
 * `day_challenge` hold the two that have a life of their own.
 *
 * Every act carries the revision of the day that its person saw: whoever was overtaken by a colleague is told
 * what has happened meanwhile, and what was typed stays where it is.
 */

import { act, api, explain, NotSignedIn } from "../lib/api.js";
import { confirmDialog, errorLine, notice, openDialog } from "../lib/dialog.js";
import { button, el, fill, icon, setText } from "../lib/dom.js";
import { may, serverNow, store } from "../lib/store.js";
import { known, number, t, when } from "../lib/words.js";
import { challengeCard } from "./day_challenge.js";
import { changeoverCard } from "./day_changeover.js";

/** @param {HTMLElement} root */
export function mount(root) {
  const steps = nextSteps();
  const cards = [shiftCard(), lotCard(), challengeCard(tools), changeoverCard(tools), stopCard()];
  fill(root, steps.node, el("div.day-grid", {}, cards.map((card) => card.node)));

  function update(what) {
    if (what !== "state" && what !== "viewer" && what !== "link" && what !== "tick") return;
    const day = store.state && store.state.status ? store.state.status.day : null;
    steps.update(day);
    for (const card of cards) card.update(day, what);
  }
  update("state");
  return { update, refetch: () => cards.forEach((card) => card.refetch && card.refetch()), unmount: () => undefined };
}

/** What the cards share. */
const tools = { card, perform, gate, facts, fieldOf };

/**
 * Send an act; says how it went.
 * @returns {Promise<boolean>} whether it was done
 */
async function perform(request, wrong, done) {
  const day = store.state && store.state.status && store.state.status.day;
  wrong.show("");
  try {
    await act(request, day ? day.revision : null);
    notice(done);
    return true;
  } catch (error) {
    if (!(error instanceof NotSignedIn)) wrong.show(explain(error));
    else wrong.show(t("error.not_signed_in"));
    return false;
  }
}

/** A card with a title, its facts and a place for forms; `level` colours its edge. */
function card(kind, title, shape) {
  const sign = el("span.tag", { hidden: true });
  const body = el("div.card-body");
  const node = el(`section.card.day-card.${kind}`, {}, el("header.card-head", {}, icon(shape), el("h2", { text: t(title) }), sign), body);
  return {
    node,
    body,
    sign(text, level = "") {
      sign.hidden = !text;
      setText(sign, text || "");
      sign.className = `tag ${level}`;
    },
  };
}

/** Switch a button off, and say why, where the person signed in may not or the station is gone. */
function gate(node, permission) {
  const allowed = may(permission);
  const station = store.link === "open" && store.state && store.state.status;
  node.disabled = allowed === false || !station;
  node.title = allowed === false ? t("day.not_allowed") : station ? "" : t("day.no_station");
}

/** Names and values side by side. */
function facts(rows) {
  return el("dl.facts", {}, rows.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value }))));
}

/** A labelled field. */
function fieldOf(label, input) {
  return el("label.field", {}, el("span", { text: label }), input);
}

// -- what comes next --------------------------------------------------------------------------

function nextSteps() {
  const list = el("ol.steps", { "aria-label": t("day.steps") });
  let drawn = "";
  return {
    node: list,
    update(day) {
      const due = day && day.challenge_due_utc_ns > 0 && day.challenge_due_utc_ns / 1e6 <= serverNow();
      const done = day ? [day.shift !== null, day.containment === "" && !due, day.lot !== null] : [false, false, false];
      const key = JSON.stringify(done);
      if (key === drawn) return;
      drawn = key;
      const next = done.indexOf(false);
      fill(list, ["shift", "challenge", "lot"].map((name, index) =>
        el("li", { class: done[index] ? "done" : index === next ? "next" : "later", "aria-current": index === next ? "step" : null },
          el("span.step-sign", {}, done[index] ? icon("ok") : el("span.numeral", { text: String(index + 1) })),
          el("span", { text: t(`day.step.${name}.${done[index] ? "done" : "open"}`) }))));
    },
  };
}

// -- shift ------------------------------------------------------------------------------------

function shiftCard() {
  const made = card("shift", "day.shift", "day");
  const wrong = errorLine();
  const name = el("input", { type: "text", maxlength: "80", autocomplete: "off", list: "shift-names", placeholder: t("day.shift_hint") });
  const names = el("datalist", { id: "shift-names" });
  const open = button(t("day.open_shift"), null, { kind: "primary" });
  const close = button(t("day.close_shift"), () => end(), {});
  const form = el("form.inline-form", { on: { submit: (event) => { event.preventDefault(); begin(); } } }, fieldOf(t("day.shift_name"), name), names, open);
  const info = el("div");
  fill(made.body, info, form, el("div.actions", {}, close), wrong.node);
  suggest(names, "/api/shifts", "shifts");

  async function begin() {
    if (!name.value.trim()) {
      wrong.show(t("day.name_needed"));
      name.focus();
    } else if (await perform({ kind: "open_shift", name: name.value }, wrong, t("day.shift_opened", { name: name.value.trim() }))) name.value = "";
  }
  async function end() {
    const day = store.state.status.day;
    const lines = [t("day.close_shift_ask", { name: day.shift.name }), ...countLines("shift")];
    if (day.lot) lines.push(t("day.lot_goes_on", { lot: day.lot.name }));
    if (await confirmDialog({ title: t("day.close_shift"), lines, yes: t("day.close_shift") }))
      await perform({ kind: "close_shift" }, wrong, t("day.shift_closed", { name: day.shift.name }));
  }
  let drawn = "";
  return {
    node: made.node,
    update(day) {
      const shift = day && day.shift;
      form.hidden = Boolean(shift);
      close.hidden = !shift;
      gate(open, "open_shift");
      gate(close, "close_shift");
      const key = JSON.stringify(shift);
      if (key === drawn) return;
      drawn = key;
      made.sign(shift ? t("word.open_f") : t("word.none_open_f"), shift ? "ok" : "");
      fill(info, shift ? facts([[t("day.shift_name"), shift.name], [t("day.opened"), opened(shift)]]) : el("p.faint", { text: t("day.no_shift") }));
    },
  };
}

const opened = (it) => `${when(it.opened_utc_ns / 1e6, serverNow())} · ${it.opened_by}`;

function countLines(scope) {
  const counts = store.state.counts && store.state.counts[scope];
  const flying = store.state.status.in_zone;
  const lines = counts ? [t("day.counts", { accepted: number(counts.accepted), rejected: number(counts.rejected) })] : [];
  if (flying) lines.push(t(`day.in_flight_${scope}`, { n: number(flying) }));
  return lines;
}

/** Names of earlier shifts to choose from; the field works without. */
async function suggest(list, path, key) {
  try {
    const found = await api(path, { ask: false });
    const names = [...new Set(found[key].map((it) => it.name))].slice(0, 8);
    fill(list, names.map((name) => el("option", { value: name })));
  } catch (error) {
    console.info("no suggestions:", error.message);
  }
}

// -- lot --------------------------------------------------------------------------------------

function lotCard() {
  const made = card("lot", "day.lot", "recorder");
  const wrong = errorLine();
  const name = el("input", { type: "text", maxlength: "80", autocomplete: "off" });
  const product = el("input", { type: "text", maxlength: "80", autocomplete: "off" });
  const open = button(t("day.open_lot"), null, { kind: "primary" });
  const close = button(t("day.close_lot"), () => end(), {});
  const form = el("form.inline-form", { on: { submit: (event) => { event.preventDefault(); begin(); } } },
    fieldOf(t("day.lot_name"), name), fieldOf(t("day.lot_product"), product), open);
  const info = el("div");
  fill(made.body, info, form, el("div.actions", {}, close), wrong.node);
  let prefilled = "";

  async function begin() {
    if (!name.value.trim() || !product.value.trim()) {
      wrong.show(t("day.name_needed"));
      (name.value.trim() ? product : name).focus();
    } else if (await perform({ kind: "open_lot", name: name.value, product: product.value }, wrong, t("day.lot_opened", { name: name.value.trim() }))) name.value = "";
  }
  async function end() {
    const lot = store.state.status.day.lot;
    const lines = [t("day.close_lot_ask", { name: lot.name }), ...countLines("lot")];
    if (await confirmDialog({ title: t("day.close_lot"), lines, yes: t("day.close_lot") }))
      await perform({ kind: "close_lot" }, wrong, t("day.lot_closed", { name: lot.name }));
  }
  let drawn = "";
  return {
    node: made.node,
    update(day) {
      const lot = day && day.lot;
      const recipe = store.state && store.state.status && store.state.status.recipe;
      // The recipe's product stands in the field until somebody types another one.
      if (recipe && recipe.product !== prefilled && (product.value === prefilled || product.value === "")) {
        product.value = recipe.product;
        prefilled = recipe.product;
      }
      form.hidden = Boolean(lot);
      close.hidden = !lot;
      gate(open, "open_lot");
      gate(close, "close_lot");
      const key = JSON.stringify(lot);
      if (key === drawn) return;
      drawn = key;
      made.sign(lot ? t("word.open_f") : t("word.none_open_f"), lot ? "ok" : "");
      fill(info, lot
        ? facts([[t("day.lot_name"), lot.name], [t("day.lot_product"), lot.product], [t("day.opened"), opened(lot)]])
        : el("p.faint", { text: t("day.no_lot") }));
    },
  };
}

// -- stop -------------------------------------------------------------------------------------

function stopCard() {
  const made = card("stop", "day.stop", "stop");
  const wrong = errorLine();
  const stop = button(t("day.stop_line"), () => ask(), { kind: "danger", icon: "stop" });
  const info = el("p");
  fill(made.body, info, el("div.actions", {}, stop), wrong.node);

  async function ask() {
    const reason = el("input", { type: "text", maxlength: "80", "data-autofocus": "" });
    const inside = errorLine();
    await openDialog({
      title: t("day.stop_line"),
      kind: "bad",
      body: [el("p", { text: t("day.stop_ask") }), fieldOf(t("day.stop_reason"), reason), inside.node],
      actions: [
        { label: t("button.cancel"), value: false },
        {
          label: t("day.stop_yes"), kind: "danger", icon: "stop",
          submit: async () => {
            if (!reason.value.trim()) {
              inside.show(t("day.reason_needed"));
              reason.focus();
              return undefined;
            }
            return (await perform({ kind: "stop_line", reason: reason.value }, inside, t("day.stopped"))) || undefined;
          },
        },
      ],
    });
  }
  return {
    node: made.node,
    update() {
      const plc = store.state && store.state.status && store.state.status.plc;
      const latched = Boolean(plc && plc.latched);
      setText(info, latched ? t("day.stop_reset", { cause: known(`stop_cause.${plc.stop_cause}`, plc.stop_cause) }) : t("day.stop_what"));
      made.sign(latched ? t("day.latched") : "", "bad");
      gate(stop, "stop_line");
    },
  };
}
