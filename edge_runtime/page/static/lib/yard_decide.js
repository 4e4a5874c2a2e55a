/** Dialogs of the rail view: dismiss with a reason, another grade with a reason, what the inspector types. */

import { errorLine, openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { known, t } from "./words.js";
import { choice, explainYard, field, figure, lines, numberOf, Unfilled } from "./yard_forms.js";
import { kindName, needRecipe, rowName } from "./yard_words.js";

const GRADES = ["feed", "feed_with_cuts", "downgraded", "human", "rejected"];
const FACTS = ["clear", "found", "not_checked"];

/** Ask in a dialog and send what comes of it; what is refused stays in the dialog. */
function asking({ title, body, yes, kind = "primary", change, send }) {
  const wrong = errorLine();
  return openDialog({
    title,
    kind: kind === "danger" ? "bad" : "",
    body: [body, wrong.node],
    actions: [
      { label: t("button.cancel"), value: false },
      {
        label: yes,
        kind,
        submit: async () => {
          wrong.show("");
          try {
            await send(change());
            return true;
          } catch (error) {
            wrong.show(explainYard(error));
            return undefined;
          }
        },
      },
    ],
  });
}

/** Why is it nothing? */
export function dismissDialog(finding, send) {
  const reason = lines("", { "data-autofocus": "" });
  return asking({
    title: t("yard.dismiss.title", { what: kindName(finding.kind) }),
    body: [el("p", { text: t("yard.dismiss.what") }), field(t("yard.field.reason"), reason)],
    yes: t("yard.key.dismiss"),
    change: () => ({ kind: "dismiss", finding: finding.id, reason: reason.value }),
    send,
  });
}

/** Another grade, and why. */
export function overrideDialog(rail, send) {
  // Nothing is chosen beforehand: a grade that a person gives is one that a person has named.
  const grade = choice([["", t("yard.override.choose")], ...GRADES.map((name) => [name, known(`yard_grade.${name}`, name)])], "", { "data-autofocus": "" });
  const reason = lines("");
  return asking({
    title: t("yard.override.title"),
    body: [el("p", { text: t("yard.override.what", { grade: known(`yard_grade.${rail.grade.grade}`, rail.grade.grade) }) }), field(t("yard.rails.grade"), grade), field(`${t("yard.field.reason")} *`, reason)],
    yes: t("yard.override.yes"),
    change: () => {
      if (!grade.value) throw new Unfilled(t("yard.override.choose_first"));
      return { kind: "override_grade", grade: grade.value, reason: reason.value };
    },
    send,
  });
}

/** Section, length, wear, and the rows that no camera answers. */
export async function factsDialog(rail, send) {
  const recipe = await needRecipe();
  const { facts } = rail;
  const section = choice([["", t("yard.facts.nobody")], ...recipe.sections.map((name) => [name, known(`yard_section.${name}`, name)])], facts.section ?? "", { "data-autofocus": "" });
  const length = figure(facts.length_m);
  const wear = figure(facts.wear_mm);
  const note = lines(facts.note);
  const rows = Object.keys(recipe.rows).map((name) => [name, choice([["", t("yard.facts.nobody")], ...FACTS.map((word) => [word, known(`yard_fact.${word}`, word)])], facts.rows[name] ?? "", { data: { row: name } })]);
  const needed = (name) => (recipe.rows[name].required ? " *" : "");
  return asking({
    title: t("yard.facts.title"),
    body: [
      el("p", { text: t("yard.facts.what") }),
      el("div.yard-fields", {}, field(`${t("yard.facts.section")} *`, section), field(t("yard.facts.length"), length), field(t("yard.facts.wear"), wear)),
      el("div.yard-fields", {}, rows.map(([name, input]) => field(`${rowName(name)}${needed(name)}`, input))),
      field(t("yard.field.note"), note),
    ],
    yes: t("yard.save"),
    change: () => ({
      kind: "facts",
      facts: {
        section: section.value || null,
        length_m: numberOf(length, t("yard.facts.length")),
        wear_mm: numberOf(wear, t("yard.facts.wear")),
        note: note.value,
        rows: Object.fromEntries(rows.filter(([, input]) => input.value).map(([name, input]) => [name, input.value])),
      },
    }),
    send,
  });
}
