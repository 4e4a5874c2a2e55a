/** Challenge balls: announcing them, their progress ball by ball, and how the last ones went. */

import { confirmDialog, errorLine } from "../lib/dialog.js";
import { button, el, fill, setText } from "../lib/dom.js";
import { serverNow, store } from "../lib/store.js";
import { duration, known, number, reasonWords, t, when } from "../lib/words.js";

const BALLS_MAX = 50;
const DOTS_MAX = 20;

/** @param {Object} tools of `day.js` */
export function challengeCard({ card, perform, gate, facts, fieldOf }) {
  const made = card("challenge", "day.challenge", "challenge");
  const wrong = errorLine();
  const balls = el("input.numeral", { type: "number", min: "1", max: String(BALLS_MAX), value: "3", inputmode: "numeric" });
  const expected = el("select");
  const begin = button(t("day.begin_challenge"), null, { kind: "primary" });
  const cancel = button(t("day.cancel_challenge"), () => giveUp(), {});
  const less = button("−", () => step(-1), { kind: "square", "aria-label": t("button.less") });
  const more = button("+", () => step(1), { kind: "square", "aria-label": t("button.more") });
  const form = el("form.inline-form", { on: { submit: (event) => { event.preventDefault(); start(); } } },
    el("div.field", {}, el("span", { id: "balls-label", text: t("day.balls") }), el("div.stepper", {}, less, balls, more)),
    fieldOf(t("day.expected"), expected), begin);
  balls.setAttribute("aria-labelledby", "balls-label");
  const info = el("div");
  const progress = el("div.progress", { "aria-live": "polite" });
  fill(made.body, info, form, progress, el("div.actions", {}, cancel), wrong.node);
  let labels = "";
  let offered = false;

  const step = (by) => (balls.value = String(Math.min(BALLS_MAX, Math.max(1, (Number(balls.value) || 1) + by))));

  async function start() {
    const count = Number(balls.value);
    if (!Number.isInteger(count) || count < 1 || count > BALLS_MAX) {
      wrong.show(t("day.balls_wrong", { most: BALLS_MAX }));
      return;
    }
    await perform({ kind: "begin_challenge", balls: count, expected: expected.value, lane: 0 }, wrong, t("day.challenge_begun"));
  }
  async function giveUp() {
    if (await confirmDialog({ title: t("day.cancel_challenge"), lines: [t("day.cancel_challenge_ask")], yes: t("day.cancel_challenge") }))
      await perform({ kind: "cancel_challenge" }, wrong, t("day.challenge_cancelled"));
  }

  function offer(status) {
    const now = status.model.labels.join();
    if (now === labels) return;
    labels = now;
    const kept = expected.value || "any";
    fill(expected, ["any", "size", ...status.model.labels].map((code) =>
      el("option", { value: code, text: code === "any" || code === "size" ? t(`challenge.expected.${code}`) : reasonWords(code) })));
    expected.value = kept;
    const usual = store.state.page && store.state.page.challenge_balls;
    if (!offered && usual) balls.value = String(usual);
    offered = true;
  }

  let drawn = "";
  return {
    node: made.node,
    update(day) {
      const status = store.state && store.state.status;
      if (status) offer(status);
      const running = day && day.challenge;
      form.hidden = Boolean(running);
      progress.hidden = !running;
      cancel.hidden = !running;
      gate(begin, "begin_challenge");
      gate(cancel, "cancel_challenge");
      dueSign(made, day);
      const key = JSON.stringify([running, day && day.last_challenge_utc_ns, day && day.containment, status && running && running.waiting ? status.in_zone : 0]);
      if (key === drawn) return;
      drawn = key;
      if (running) showProgress(progress, running, status);
      fill(info, lastOnes(day, facts), day && day.containment ? el("p.callout.bad", { text: t("day.containment", { challenge: day.containment }) }) : null);
    },
  };
}

function dueSign(made, day) {
  if (!day) made.sign("");
  else if (day.challenge) made.sign(t("day.challenge_running"), "warn");
  else if (day.containment) made.sign(t("challenge.result.missed"), "bad");
  else if (!day.challenge_due_utc_ns) made.sign("");
  else {
    const left = (day.challenge_due_utc_ns / 1e6 - serverNow()) / 1000;
    made.sign(left <= 0 ? t("day.challenge_due_now") : t("day.challenge_due_in", { left: duration(left) }), left <= 0 ? "warn" : "");
  }
}

function lastOnes(day, facts) {
  if (!day || !day.last_challenge_utc_ns) return el("p.faint", { text: t("day.challenge_what") });
  const result = known(`challenge.result.${day.last_challenge_result}`, day.last_challenge_result);
  return facts([[t("day.challenge_last"), `${result} · ${when(day.last_challenge_utc_ns / 1e6, serverNow())}`]]);
}

function showProgress(node, running, status) {
  const words = running.waiting
    ? t("day.challenge_waits", { n: number(status ? status.in_zone : 0) })
    : t("day.challenge_now", { n: number(running.balls - running.triggered), balls: number(running.balls) });
  const dots = el("ol.dots", { "aria-hidden": "true" });
  const kinds = [["rejected", running.rejected], ["accepted", running.accepted], ["unproven", running.unproven]];
  const done = kinds.flatMap(([kind, count]) => Array(count).fill(kind));
  const flying = Math.max(0, running.triggered - done.length);
  const all = [...done, ...Array(flying).fill("flying"), ...Array(Math.max(0, running.balls - done.length - flying)).fill("waiting")];
  fill(dots, all.slice(0, DOTS_MAX).map((kind) => el(`li.dot.${kind}`)));
  const line = el("p.progress-words");
  setText(line, t("day.challenge_so_far", { rejected: number(running.rejected), accepted: number(running.accepted), unproven: number(running.unproven), balls: number(running.balls) }));
  fill(node, el("p.lead", { text: words }), dots, line);
}
