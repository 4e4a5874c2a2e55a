/** Changeover: choosing a recipe, old beside new, waiting for the empty zone, keeping the old one. */

import { api, explain } from "../lib/api.js";
import { confirmDialog, errorLine } from "../lib/dialog.js";
import { button, el, fill, icon } from "../lib/dom.js";
import { store } from "../lib/store.js";
import { number, t } from "../lib/words.js";

/** @param {Object} tools of `day.js` */
export function changeoverCard({ card, perform, gate, facts, fieldOf }) {
  const made = card("changeover", "day.changeover", "commission");
  const wrong = errorLine();
  const choice = el("select", { on: { change: () => compare() } });
  const change = button(t("day.change_recipe"), null, { kind: "primary" });
  const cancel = button(t("day.cancel_changeover"), () => keep(), {});
  const beside = el("div.beside");
  const form = el("form.inline-form", { on: { submit: (event) => { event.preventDefault(); begin(); } } }, fieldOf(t("day.recipe"), choice), change);
  const waiting = el("div.progress", { "aria-live": "polite" });
  fill(made.body, beside, form, waiting, el("div.actions", {}, cancel), wrong.node);
  let recipes = [];

  async function read() {
    try {
      recipes = await api("/api/recipes", { ask: false });
    } catch (error) {
      wrong.show(explain(error));
      return;
    }
    const kept = choice.value;
    fill(choice, el("option", { value: "", text: t("day.choose_recipe") }), recipes.map((recipe) =>
      el("option", { value: recipe.recipe, disabled: recipe.error !== null, text: recipe.error === null ? `${recipe.product} (${recipe.recipe})` : `${recipe.recipe} — ${t("day.recipe_bad")}` })));
    choice.value = recipes.some((recipe) => recipe.recipe === kept) ? kept : "";
    compare();
  }

  const chosen = () => recipes.find((recipe) => recipe.recipe === choice.value);

  function compare() {
    const status = store.state && store.state.status;
    const next = chosen();
    if (!status) return;
    const now = status.recipe;
    fill(beside,
      recipeFacts("day.recipe_now", { product: now.product, d_nominal_mm: now.d_nominal_mm, sha256: now.sha256, unverified: now.unverified.length }, facts),
      next ? icon("right") : null,
      next ? recipeFacts("day.recipe_next", next, facts) : null);
    gate(change, "change_recipe");
    if (!next) change.disabled = true;
  }

  async function begin() {
    const next = chosen();
    if (!next) return;
    const lines = [t("day.change_ask", { product: next.product }), t("day.change_rejects", { n: number(store.state.status.in_zone) })];
    if (next.unverified) lines.push(t("day.change_unverified", { n: number(next.unverified) }));
    if (await confirmDialog({ title: t("day.change_recipe"), lines, yes: t("day.change_recipe") }))
      await perform({ kind: "change_recipe", recipe: next.recipe }, wrong, t("day.change_begun", { product: next.product }));
  }
  const keep = () => perform({ kind: "cancel_changeover" }, wrong, t("day.changeover_cancelled"));

  read();
  let drawn = "";
  let waited = false;
  return {
    node: made.node,
    refetch: read,
    update(day, what) {
      const running = day && day.changeover;
      // What was chosen is in force now, or was called off.
      if (waited && !running) choice.value = "";
      waited = Boolean(running);
      form.hidden = Boolean(running);
      waiting.hidden = !running;
      cancel.hidden = !running;
      gate(cancel, "cancel_changeover");
      made.sign(running ? t("day.changeover_running") : "", "warn");
      const status = store.state && store.state.status;
      const key = JSON.stringify([running, status && status.recipe, running && status.in_zone]);
      if (key !== drawn || what === "viewer" || what === "link") {
        drawn = key;
        if (running) fill(waiting, el("p.lead", { text: t("day.change_waits", { product: running.product }) }),
          el("p.zone", {}, el("span.zone-count.numeral", { text: number(status.in_zone) }), el("span", { text: t("day.zone") })));
        compare();
      }
    },
  };
}

function recipeFacts(title, recipe, facts) {
  return el("div.recipe", {}, el("h3", { text: t(title) }), facts([
    [t("word.product"), recipe.product],
    [t("day.nominal"), `${number(recipe.d_nominal_mm, 1)} ${t("unit.mm")}`],
    [t("day.recipe_hash"), recipe.sha256.slice(0, 12)],
    [t("day.unverified"), number(recipe.unverified)],
  ]));
}
