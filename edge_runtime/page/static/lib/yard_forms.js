/** Fields of the yard's forms, and how what people type becomes a value: commas, blanks, empty for "nobody". */

import { ApiError, explain, NotSignedIn } from "./api.js";
import { el } from "./dom.js";
import { known, t } from "./words.js";
import { correctionWords, rowName } from "./yard_words.js";

/** A field lacks what is needed, or holds no number: the message is in the reader's words. */
export class Unfilled extends Error {}

/** A field with its label above it. */
export function field(label, input, hint = "") {
  return el("label.field", {}, el("span", { text: label }), input, hint ? el("small.faint", { text: hint }) : null);
}

/** A line of text. */
export const line = (value, props = {}) => el("input", { type: "text", maxlength: "400", autocomplete: "off", value: value ?? "", ...props });

/** Several lines. */
export function lines(value, props = {}) {
  const node = el("textarea", { maxlength: "4000", rows: "2", ...props });
  node.value = value ?? "";
  return node;
}

/** A number: typed with a comma or a point. */
export const figure = (value, props = {}) => el("input", { type: "text", inputmode: "decimal", autocomplete: "off", maxlength: "20", value: value === null || value === undefined ? "" : shown(value), ...props });

/** One of several words. */
export function choice(entries, value, props = {}) {
  const node = el("select", props, entries.map(([name, text]) => el("option", { value: name, text })));
  node.value = value ?? "";
  return node;
}

/** A number as a field shows it: with the reader's comma, and no more digits than it has. */
export const shown = (value) => {
  const text = String(Math.round(value * 1e6) / 1e6);
  return document.documentElement.lang === "en" ? text : text.replace(".", ",");
};

/**
 * The number in a field; null for an empty one.
 * @throws {Unfilled} it is no number
 */
export function numberOf(input, label) {
  const text = input.value.replace(/[\s\u00a0\u202f]/g, "").replace(",", ".").replace("−", "-");
  if (!text) return null;
  const value = Number(text);
  if (!Number.isFinite(value)) {
    input.focus();
    throw new Unfilled(t("yard.not_a_number", { field: label }));
  }
  return value;
}

/** What went wrong with something that was sent, in the reader's words; who was faster, and what they did. */
export function explainYard(error) {
  if (error instanceof Unfilled) return error.message;
  if (error instanceof NotSignedIn) return t("error.not_signed_in");
  if (!(error instanceof ApiError)) throw error;
  if (error.code === "yard_changed_since") {
    const what = (error.values.since || []).map((entry) => `${entry.by}: ${correctionWords(entry)}`);
    return [explain(error), ...what].join("\n");
  }
  const values = { ...error.values };
  if (values.field) values.field = fieldName(String(values.field));
  if (values.missing) values.missing = String(values.missing).split(/,\s*/).map(missingWords).join("; ");
  return explain(new ApiError(error.status, error.code, values, error.text));
}

const fieldName = (name) => {
  const last = name.split(".").filter((part) => !/^\d+$/.test(part));
  return known(`yard.field.${last[0]}`, known(`yard_act.${last[0]}`, name));
};

/** What an act lacks, by the code of its draft. */
export function missingWords(code) {
  const [name, rail] = [code.split(":")[0], code.includes(":") ? code.slice(code.indexOf(":") + 1) : ""];
  const words = known(`yard_missing.${name}`, rowName(name));
  return rail ? `${words}: ${rail}` : words;
}
