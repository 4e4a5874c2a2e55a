/** Light or dark: the system's wish until a person chooses. */

import { tell } from "./store.js";

const KEY = "ferrogate-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** The theme now shown. */
export const shownTheme = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");

/** Change to the other one and remember it. */
export function switchTheme() {
  const next = shownTheme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  localStorage.setItem(KEY, next);
  tell("theme");
}

dark.addEventListener("change", () => tell("theme"));
