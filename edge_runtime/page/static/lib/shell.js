/** The frame around every view: brand, ways to the views, clock, language, theme, who is signed in. */

import { unseenAlarms } from "./alarms.js";
import { openDialog } from "./dialog.js";
import { button, el, fill, icon, setAttr, setText } from "./dom.js";
import { changePassword, signIn, signOut } from "./session.js";
import { may, serverNow, store } from "./store.js";
import { shownTheme, switchTheme } from "./theme.js";
import { clock, currentLanguage, date, known, LANGUAGES, minute, t } from "./words.js";

const LANGUAGE_NAMES = { kk: "Қаз", ru: "Рус", en: "Eng" };
const LANGUAGE_FULL = { kk: "Қазақша", ru: "Русский", en: "English" };

/**
 * Views in the order of their keys 1, 2, 3 ...; `needs` a permission, held or, with nobody signed in, not
 * shown; `words` is the key of its name where that does not stand below `view`.
 */
export const VIEWS = [
  { name: "line" },
  { name: "day" },
  { name: "rejects" },
  { name: "alarms" },
  { name: "reports" },
  { name: "people", needs: "people" },
];

/**
 * @param {Object} options
 * @param {Array<{name: string, needs?: string}>} options.views
 * @param {(language: string) => void} options.onLanguage
 * @param {() => void} [options.onHelp] opens the list of keys
 */
export function shell({ views, onLanguage, onHelp = showHelp }) {
  const links = views.map((view) => ({ ...view, ...navLink(view.name, view.words) }));
  const time = el("time.shell-clock.numeral");
  const day = el("span.shell-date.numeral");
  const station = el("span.shell-station");
  const languages = el("div.segments.languages", { role: "group", "aria-label": t("shell.language") }, LANGUAGES.map((name) =>
    el("button", { type: "button", text: LANGUAGE_NAMES[name], lang: name, "aria-label": LANGUAGE_FULL[name], "aria-pressed": String(name === currentLanguage()),
      on: { click: () => onLanguage(name) } })));
  const theme = button("", switchTheme, { kind: "quiet square" });
  const help = button("", onHelp, { kind: "quiet square", icon: "help", "aria-label": t("shell.help"), title: t("shell.help") });
  const user = el("div.shell-user");
  const nav = el("nav.shell-nav", { "aria-label": t("shell.views") }, el("ul", {}, links.map((link) => link.item)));
  const head = el("header.shell-head", {},
    el("a.brand", { href: `#/${views[0].name}`, "aria-label": "ferrogate" }, brandMark(), el("span.brand-name", { text: "ferrogate" }), station),
    nav,
    el("div.shell-tools", {}, el("div.shell-time", {}, time, day), languages, theme, help, user));

  function update(what) {
    const now = serverNow();
    setText(time, clock(now));
    setText(day, date(now));
    setText(station, (store.state && store.state.status && store.state.status.station) || "");
    const unseen = unseenAlarms();
    for (const link of links) {
      if (link.name === "alarms") {
        link.badge.hidden = unseen === 0;
        setText(link.badge, String(unseen));
        setAttr(link.anchor, "aria-label", unseen ? t("shell.alarms_open", { n: unseen }) : t("view.alarms"));
      }
      link.item.hidden = Boolean(link.needs) && may(link.needs) !== true;
    }
    if (what === "theme" || what === "start") themeButton(theme);
    if (what === "viewer" || what === "start") userButton(user);
  }

  update("start");
  return {
    head,
    update,
    /** Mark the way to the view that is shown. */
    mark(name) {
      for (const link of links) setAttr(link.anchor, "aria-current", link.name === name ? "page" : null);
    },
  };
}

function navLink(name, words) {
  const badge = el("span.badge.numeral", { hidden: true });
  const anchor = el("a", { href: `#/${name}` }, icon(name), el("span", { text: words ? t(words) : t(`view.${name}`) }), badge);
  return { anchor, badge, item: el("li", {}, anchor) };
}

function brandMark() {
  const mark = icon("line");
  mark.classList.add("brand-mark");
  return mark;
}

function themeButton(node) {
  const dark = shownTheme() === "dark";
  fill(node, icon(dark ? "sun" : "moon"));
  const text = t(dark ? "shell.to_light" : "shell.to_dark");
  setAttr(node, "aria-label", text);
  setAttr(node, "title", text);
}

function userButton(node) {
  const viewer = store.viewer;
  fill(node, viewer
    ? button(viewer.name, showUser, { kind: "user", icon: "user", "aria-label": t("session.signed_in_as", { name: viewer.name, role: known(`role.${viewer.role}`, viewer.role) }) })
    : button(t("session.sign_in"), () => signIn(), { kind: "primary", icon: "user" }));
}

async function showUser() {
  const viewer = store.viewer;
  if (!viewer) return;
  const answer = await openDialog({
    title: viewer.name,
    body: [
      el("p", { text: known(`role.${viewer.role}`, viewer.role) }),
      el("p.faint", { text: t("session.until", { time: minute(viewer.expires_utc_ms) }) }),
    ],
    actions: [
      { label: t("session.change_password"), value: "password", icon: "key" },
      { label: t("session.sign_out"), value: "out", kind: "primary" },
    ],
  });
  if (answer === "out") await signOut();
  if (answer === "password") await changePassword();
}

/** Keys that work anywhere but in a field; by their place on the keyboard, so in any layout. */
export function shortcuts(views, onLanguage, onHelp = showHelp) {
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, select, textarea, dialog");
    if (typing || event.ctrlKey || event.altKey || event.metaKey) return;
    const place = /^Digit([1-9])$/.exec(event.code);
    if (place) {
      const view = views[Number(place[1]) - 1];
      if (view && (!view.needs || may(view.needs))) location.hash = `#/${view.name}`;
    } else if (event.code === "KeyT") switchTheme();
    else if (event.code === "KeyL") onLanguage(LANGUAGES[(LANGUAGES.indexOf(currentLanguage()) + 1) % LANGUAGES.length]);
    else if (event.code === "KeyH" || event.key === "?") onHelp();
    else return;
    event.preventDefault();
  });
}

function showHelp() {
  const rows = [["1 – 6", "help.views"], ["Tab", "help.tab"], ["Enter", "help.enter"], ["Esc", "help.escape"], ["← →", "help.arrows"], ["L", "help.language"], ["T", "help.theme"], ["H", "help.help"]];
  openDialog({
    title: t("shell.help"),
    body: [
      el("dl.keys", {}, rows.map(([key, words]) => el("div", {}, el("dt", {}, el("kbd", { text: key })), el("dd", { text: t(words) })))),
      el("h3", { text: t("help.colours") }),
      el("ul.legend", {}, ["ok", "idle", "warn", "bad", "unknown"].map((level) =>
        el("li", {}, el("span.legend-sign", { data: { level } }, icon(level)), el("span", { text: t(`help.level.${level}`) })))),
      el("p.faint", { text: t("help.version", { version: (store.state && store.state.page && store.state.page.version) || "–" }) }),
    ],
    actions: [{ label: t("button.close"), value: true, kind: "primary" }],
  });
}
