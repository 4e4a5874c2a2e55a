/** The state band over every view: big on the line's view, one line high elsewhere. */

import { el, fill, icon, setText } from "./dom.js";
import { summarise } from "./summary.js";
import { store } from "./store.js";
import { t } from "./words.js";

const WHY_MAX = 3;

/** The band; `update` after every state message and whenever the link changes. */
export function stateBand() {
  const shape = el("div.band-icon");
  const title = el("p.band-title");
  const todo = el("p.band-todo");
  const why = el("ul.band-why");
  const facts = el("dl.band-facts");
  const node = el("section.band", { "aria-label": t("band.label"), "aria-live": "polite", data: { level: "idle" } },
    shape, el("div.band-words", {}, title, todo, why), facts);
  let drawn = "";

  function update() {
    const summary = summarise(store.state, store.link);
    const key = `${summary.level} ${summary.icon}`;
    if (key !== drawn) {
      node.dataset.level = summary.level;
      fill(shape, icon(summary.icon));
      drawn = key;
    }
    // Bypass and service look alike but for this frame: it follows the code, not the icon.
    document.documentElement.dataset.bypass = String(summary.code === "bypass");
    node.dataset.code = summary.code;
    setText(title, summary.title);
    setText(todo, summary.todo);
    lines(why, summary.why);
    showFacts(facts);
    document.title = `${summary.title} · ferrogate`;
  }

  return { node, update };
}

function lines(list, texts) {
  const shown = texts.slice(0, WHY_MAX);
  if (texts.length > WHY_MAX) shown.push(t("band.more", { n: texts.length - WHY_MAX }));
  if (shown.join("\n") === list.dataset.shown) return;
  list.dataset.shown = shown.join("\n");
  fill(list, shown.map((text) => el("li", { text })));
}

function showFacts(list) {
  const day = store.state && store.state.status && store.state.status.day;
  const facts = day
    ? [
      [t("word.shift"), day.shift ? day.shift.name : t("word.none_open_f")],
      [t("word.lot"), day.lot ? day.lot.name : t("word.none_open_f")],
      [t("word.product"), store.state.status.recipe.product],
    ]
    : [];
  const key = JSON.stringify(facts);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  fill(list, facts.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value, title: value }))));
}
