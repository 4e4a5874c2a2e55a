/** The big figures: accepted, rejected, share, rate; of this shift, this lot or the last hour. */

import { el, fill, setText } from "../lib/dom.js";
import { store } from "../lib/store.js";
import { number, percent, reasonWords, t } from "../lib/words.js";

const SCOPES = ["shift", "lot", "hour"];
const SCOPE_KEY = "ferrogate-scope";
const REASONS_SHOWN = 6;

/** The card of the counters. */
export function counters() {
  let chosen = localStorage.getItem(SCOPE_KEY);
  const chooser = el("div.segments", { role: "group", "aria-label": t("count.scope") }, SCOPES.map((name) =>
    el("button", { type: "button", text: t(`count.${name}`), data: { scope: name }, on: { click: () => choose(name) } })));
  const name = el("p.count-name");
  const accepted = figure("accepted", "count.accepted");
  const rejected = figure("rejected", "count.rejected");
  const share = figure("share", "count.share");
  const rate = figure("rate", "count.rate");
  const bypassed = small("count.bypassed");
  const open = small("count.open");
  const challenge = small("count.challenge");
  const reasons = el("ol.reason-bars");
  const node = el("section.card.counters", {},
    el("header.card-head", {}, el("h2", { text: t("count.title") }), chooser),
    el("div.counters-body", {},
      el("div.figures", {}, accepted.node, rejected.node, share.node, rate.node),
      el("div.count-why", {}, name, el("h3", { text: t("count.reasons") }), reasons),
      el("dl.small-figures", {}, bypassed.node, open.node, challenge.node)));

  function choose(wanted) {
    chosen = wanted;
    localStorage.setItem(SCOPE_KEY, wanted);
    update();
  }

  // Until somebody chooses: the shift, and while none is open, the last hour.
  function scopeNow() {
    if (SCOPES.includes(chosen)) return chosen;
    const counts = store.state && store.state.counts;
    return counts && !counts.shift ? "hour" : "shift";
  }

  function update() {
    const scope = scopeNow();
    for (const child of chooser.children) child.setAttribute("aria-pressed", String(child.dataset.scope === scope));
    const state = store.state;
    const counts = state && state.counts ? state.counts[scope] : null;
    setText(name, scopeName(state, scope));
    const judged = counts ? counts.accepted + counts.rejected : 0;
    accepted.set(counts ? number(counts.accepted) : "–");
    rejected.set(counts ? number(counts.rejected) : "–");
    share.set(judged ? percent(counts.rejected / judged) : "–");
    rate.set(number(state ? state.rate_balls_per_s : null, 1));
    bypassed.set(counts ? number(counts.bypassed) : "–", counts !== null && counts.bypassed > 0);
    open.set(counts ? number(counts.open) : "–");
    challenge.set(counts ? number(counts.challenge) : "–");
    showReasons(reasons, counts);
  }

  return { node, update };
}

function scopeName(state, scope) {
  if (!state || !state.status) return "";
  const open = scope === "hour" ? null : state.status.day[scope];
  if (scope === "hour") return t("count.last_hour");
  return open ? open.name : t(`count.no_${scope}`);
}

function figure(kind, key) {
  const value = el("dd.figure-value.numeral", { text: "–" });
  const node = el(`dl.figure.${kind}`, {}, el("dt", { text: t(key) }), value);
  return {
    node,
    set(text) {
      setText(value, text);
      // Long numbers step down in size before they would be cut off.
      node.dataset.long = String(text.length > 6);
    },
  };
}

function small(key) {
  const value = el("dd.numeral", { text: "–" });
  const node = el("div", {}, el("dt", { text: t(key) }), value);
  return {
    node,
    set(text, bad = false) {
      setText(value, text);
      node.classList.toggle("bad", bad);
    },
  };
}

function showReasons(list, counts) {
  const found = Object.entries((counts && counts.reasons) || {}).sort((a, b) => b[1] - a[1]);
  const shown = found.slice(0, REASONS_SHOWN);
  const key = JSON.stringify(shown);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  const most = shown.length ? shown[0][1] : 1;
  if (!shown.length) {
    fill(list, el("li.faint", { text: t("rejects.none") }));
    return;
  }
  fill(list, shown.map(([code, count]) => {
    const bar = el("span.bar-fill");
    bar.style.setProperty("--share", String(count / most));
    return el("li", {}, el("span.reason-name", { text: reasonWords(code) }), el("span.bar", {}, bar), el("span.numeral", { text: number(count) }));
  }));
}
