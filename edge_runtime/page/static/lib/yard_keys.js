/**
 * The keys of the rail view, by their place on the keyboard, so in any layout; the same table makes the list
 * of them. They rest while somebody types, and while a dialog is open.
 */

import { openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { t } from "./words.js";

/** Key, place on the keyboard, what it does (its words stand below yard.key, and it is the name of the act). */
export const RAIL_KEYS = [
  ["N", "KeyN", "next"],
  ["P", "KeyP", "previous"],
  ["U", "KeyU", "next_open"],
  ["C", "KeyC", "confirm"],
  ["E", "KeyE", "correct"],
  ["X", "KeyX", "dismiss"],
  ["A", "KeyA", "add"],
  ["Z", "KeyZ", "zoom_to"],
  ["+", ["Equal", "NumpadAdd"], "zoom_in"],
  ["−", ["Minus", "NumpadSubtract"], "zoom_out"],
  ["0", ["Digit0", "Numpad0"], "zoom_all"],
  ["← →", ["ArrowLeft", "ArrowRight"], "pan"],
  ["↑ ↓", ["ArrowUp", "ArrowDown"], "across"],
  ["Home End", ["Home", "End"], "ends"],
  ["V", "KeyV", "camera"],
  ["F", "KeyF", "facts"],
  ["G", "KeyG", "grade"],
  ["O", "KeyO", "override"],
  ["R", "KeyR", "reviewed"],
  ["Q", "KeyQ", "undo"],
  ["S", "KeyS", "state"],
  ["K", "KeyK", "kind"],
];
/** While a box is drawn. */
export const BOX_KEYS = [
  ["← → ↑ ↓", "move_box"],
  ["Shift + ←→↑↓", "size_box"],
  ["Enter", "take_box"],
  ["Esc", "drop_box"],
];
const PAGE_KEYS = [["1 – 5", "help.views"], ["Tab", "help.tab"], ["Enter", "help.enter"], ["Esc", "help.escape"], ["L", "help.language"], ["T", "help.theme"], ["H", "help.help"]];
const STATES = ["unconfirmed", "confirmed", "corrected", "added", "dismissed"];

/**
 * Listen to the rail's keys.
 * @param {(name: string, event: KeyboardEvent) => boolean} act does it; false: it was not for now
 * @returns {() => void} stops it
 */
export function railKeys(act) {
  const names = new Map();
  for (const [, codes, name] of RAIL_KEYS) for (const code of [codes].flat()) names.set(code, name);
  const heard = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (document.querySelector("dialog[open]") || event.target.closest?.("input, select, textarea")) return;
    const name = names.get(event.code) ?? { Enter: "take_box", NumpadEnter: "take_box", Escape: "drop_box" }[event.code];
    if (!name) return;
    // A button that has the focus is pressed by Enter, whatever else is going on.
    if (name === "take_box" && event.target.closest?.("button, a, summary")) return;
    if (act(name, event)) event.preventDefault();
  };
  document.addEventListener("keydown", heard);
  return () => document.removeEventListener("keydown", heard);
}

/** The list of keys and signs. */
export function showYardHelp() {
  const list = (rows) => el("dl.keys", {}, rows.map(([key, text]) => el("div", {}, el("dt", {}, el("kbd", { text: key })), el("dd", { text }))));
  return openDialog({
    title: t("shell.help"),
    kind: "wide",
    body: [
      el("div.yard-help", {},
        el("section", {}, el("h3", { text: t("yard.help.rail") }), list(RAIL_KEYS.map(([key, , name]) => [key, t(`yard.key.${name}`)]))),
        el("section", {},
          el("h3", { text: t("yard.help.box") }), list(BOX_KEYS.map(([key, name]) => [key, t(`yard.key.${name}`)])),
          el("h3", { text: t("yard.help.page") }), list(PAGE_KEYS.map(([key, words]) => [key, t(words)])),
          el("h3", { text: t("yard.help.signs") }),
          el("ul.legend", {}, STATES.map((state) => el("li", {}, el("span.box-sign", { data: { state } }), el("span", { text: t(`yard_state.${state}`) })))),
          el("p.faint", { text: t("yard.help.letters") }))),
    ],
    actions: [{ label: t("button.close"), value: true, kind: "primary" }],
  });
}
