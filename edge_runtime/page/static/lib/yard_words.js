/**
 * What the yard's page calls things: classes and rows by the recipe's own words, signs of a class, figures.
 *
 * A class has a letter of its own, and of its rank a colour and a form: nobody needs the colour to tell them
 * apart.
 */

import { api } from "./api.js";
import { el } from "./dom.js";
import { currentLanguage, known, number, t } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
/** By rank, the gravest first: colours that stand out on grey steel under either theme, and a form each. */
const SIGNS = {
  safety: { colour: "#ff5a4f", form: "octagon" },
  wrong_steel: { colour: "#ff7ad9", form: "cross" },
  weld: { colour: "#ffc24d", form: "diamond" },
  crack: { colour: "#ff9357", form: "triangle" },
  attachment: { colour: "#b8e34b", form: "square" },
  surface: { colour: "#5ec8ff", form: "circle" },
  corrosion: { colour: "#e0b07a", form: "pentagon" },
  wear: { colour: "#c3a8ff", form: "wedge" },
};
const OTHER = { colour: "#ffffff", form: "circle" };
/** Corners of the forms in a square from -1 to 1. */
const CORNERS = {
  octagon: ring(8, 22.5),
  cross: [[-1, -0.45], [-0.45, -1], [0, -0.55], [0.45, -1], [1, -0.45], [0.55, 0], [1, 0.45], [0.45, 1], [0, 0.55], [-0.45, 1], [-1, 0.45], [-0.55, 0]],
  diamond: ring(4, 0),
  triangle: [[0, -1.1], [1.15, 0.9], [-1.15, 0.9]],
  square: [[-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]],
  circle: ring(20, 0),
  pentagon: ring(5, -90),
  wedge: [[-1.15, -0.9], [1.15, -0.9], [0, 1.1]],
};
const GRADES = { feed: "ok", feed_with_cuts: "ok", downgraded: "warn", human: "warn", rejected: "bad" };
const METRES = new Set(["start_m", "end_m", "metres", "typed_m", "measured_m", "length_m"]);

let recipe = null;
let letters = new Map();

function ring(corners, turn) {
  return Array.from({ length: corners }, (_, index) => {
    const angle = ((turn + (360 / corners) * index) * Math.PI) / 180;
    return [Math.cos(angle), Math.sin(angle)];
  });
}

/** Read the recipe's words once; every view that names a class waits for it. */
export async function needRecipe() {
  if (!recipe) {
    recipe = await api("/api/yard/recipe");
    letters = lettersOf(Object.keys(recipe.kinds));
  }
  return recipe;
}

/** One or two letters for each class, no two alike. */
function lettersOf(kinds) {
  const taken = new Set();
  const found = new Map();
  for (const kind of kinds) {
    const parts = kind.toUpperCase().split("_");
    const first = parts[0][0];
    const wishes = [first, parts.map((part) => part[0]).slice(0, 2).join(""), ...[...kind.toUpperCase().slice(1)].map((letter) => first + letter)];
    const letter = wishes.find((wish) => !taken.has(wish)) ?? `${first}${found.size}`;
    taken.add(letter);
    found.set(kind, letter);
  }
  return found;
}

/** The recipe's rule of a class; undefined for one that it does not know. */
export const kindRule = (kind) => (recipe ? recipe.kinds[kind] : undefined);

/** All classes of the recipe. */
export const kinds = () => (recipe ? Object.keys(recipe.kinds) : []);

/** The class that the model's damage is taken for: where a new finding begins. */
export const firstKind = () => recipe.labels.defect ?? kinds()[0];

/** What a class is called. */
export const kindName = (kind) => kindRule(kind)?.names[currentLanguage()] ?? kind;

/** What a typed row is called. */
export const rowName = (row) => recipe?.rows[row]?.names[currentLanguage()] ?? row;

/** Letter, colour and form of a class. */
export const kindSign = (kind) => ({ letter: letters.get(kind) ?? "?", ...(SIGNS[kindRule(kind)?.rank] ?? OTHER) });

/** Corners of a form, for a canvas. */
export const corners = (form) => CORNERS[form] ?? CORNERS.circle;

/** The sign of a class as a picture beside its name. */
export function signNode(kind) {
  const { letter, colour, form } = kindSign(kind);
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "-1.5 -1.5 3 3", class: "kind-sign", "aria-hidden": "true" })) svg.setAttribute(key, value);
  const shape = document.createElementNS(SVG, "polygon");
  shape.setAttribute("points", corners(form).map(([x, y]) => `${x},${y}`).join(" "));
  shape.setAttribute("fill", colour);
  shape.setAttribute("stroke", "#10161b");
  shape.setAttribute("stroke-width", "0.14");
  const text = document.createElementNS(SVG, "text");
  text.setAttribute("y", "0.36");
  text.setAttribute("font-size", letter.length > 1 ? "0.85" : "1.05");
  text.setAttribute("text-anchor", "middle");
  text.setAttribute("font-weight", "700");
  text.setAttribute("fill", "#10161b");
  text.textContent = letter;
  svg.append(shape, text);
  return svg;
}

/** A grade as a tag. */
export function gradeTag(grade) {
  return el("span.tag", { class: GRADES[grade] ?? "", text: known(`yard_grade.${grade}`, grade) });
}

/** Metres with their unit; a dash for null. */
export const metres = (value, digits = 2) => (value === null || value === undefined ? "–" : t("yard.unit.m", { n: number(value, digits) }));

/** Millimetres with their unit; a dash for null. */
export const millimetres = (value) => (value === null || value === undefined ? "–" : t("yard.unit.mm", { n: number(value, value < 10 ? 1 : 0) }));

/** Kilograms with their unit; a dash for null. */
export const kilograms = (value, digits = 0) => (value === null || value === undefined ? "–" : t("yard.unit.kg", { n: number(value, digits) }));

/** Where a finding or stretch lies: metres of the rail, or rows where there is no scale. */
export function placeWords({ start_m: start, end_m: end, first_row: first, last_row: last }) {
  if (start !== null && start !== undefined && end !== null && end !== undefined) {
    return t("yard.place.metres", { from: number(start, 3), to: number(end, 3) });
  }
  return t("yard.place.rows", { from: number(first), to: number(last) });
}

/** Where a finding lies on a rail; of photos, on which one. */
export const findingPlace = (rail, finding) => (rail.kind === "photos" && finding.boxes.length ? finding.boxes[0].camera : placeWords(finding));

/** A finding's size, length along by width across; '' without a scale. */
export function sizeWords(finding) {
  if (finding.length_mm === null && finding.width_mm === null) return "";
  return t("yard.size", { length: finding.length_mm === null ? "–" : number(finding.length_mm), width: finding.width_mm === null ? "–" : number(finding.width_mm) });
}

/** A reason of a grade in the reader's words and figures. */
export function reasonText(reason) {
  const values = {};
  for (const [name, value] of Object.entries(reason.values)) {
    if (typeof value === "number") values[name] = number(value, METRES.has(name) ? 3 : Number.isInteger(value) ? 0 : 1);
    else values[name] = value === null ? "–" : value;
  }
  if (reason.values.kind) values.kind = kindName(reason.values.kind);
  if (reason.values.row) values.row = rowName(reason.values.row);
  if (reason.values.label) values.label = known(`yard_label.${reason.values.label}`, reason.values.label);
  const bare = reason.code === "finding" && reason.values.start_m === null;
  return known(bare ? "yard_reason.finding_no_scale" : `yard_reason.${reason.code}`, reason.code, values);
}

/** What a map notes of its scan. Numbers of frames and lines are names: they get no separators. */
export function noteText(note) {
  const values = Object.fromEntries(Object.entries(note.values).map(([name, value]) => [name, String(value)]));
  return known(`yard_note.${note.code}`, note.code, values);
}

/** What the recipe says of a class, as lines: its action, and from which size on a graver one holds. */
export function limitLines(kind) {
  const rule = kindRule(kind);
  if (!rule) return [t("yard.limit.unknown_kind")];
  const lines = [t("yard.limit.action", { action: actionWords(rule.action, rule.margin_mm) })];
  for (const step of rule.steps) {
    const over = [["length_mm_over", "yard.limit.length"], ["width_mm_over", "yard.limit.width"], ["area_mm2_over", "yard.limit.area"]]
      .filter(([name]) => step[name] !== null).map(([name, key]) => t(key, { n: number(step[name]) }));
    lines.push(t("yard.limit.step", { over: over.join(t("yard.limit.or")), action: actionWords(step.action, step.margin_mm) }));
  }
  if (!rule.verified) lines.push(t("yard.limit.unverified"));
  return lines;
}

function actionWords(action, margin) {
  const words = known(`yard_action.${action}`, action);
  return margin > 0 && action === "cut" ? t("yard.limit.with_margin", { action: words, n: number(margin) }) : words;
}

/** Who said so: a person, or the sheet that came with the scan. */
export const authorName = ({ by, role }) => (role === "scan_file" ? known("yard_role.scan_file", by) : by);

/** What somebody did to a rail, in a line. */
export function correctionWords(entry) {
  const what = entry.after && entry.after.kind && entry.finding ? kindName(entry.after.kind) : "";
  const grade = entry.after && entry.after.grade ? known(`yard_grade.${entry.after.grade}`, entry.after.grade) : "";
  return known(`yard.did.${entry.kind}`, entry.kind, { finding: entry.finding, what, grade, number: entry.undoes ?? "–" });
}
