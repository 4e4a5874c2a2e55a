/**
 * The page's start: words, socket and viewer are asked for at once, then the frame is made and the view that
 * the address names is shown. A view is `mount(root, help) -> {update(what), refetch?(), unmount()}`.
 */

import { alarmStrip } from "./lib/alarms.js";
import { stateBand } from "./lib/band.js";
import { notice } from "./lib/dialog.js";
import { fill } from "./lib/dom.js";
import { Live, SIGNED_OUT } from "./lib/live.js";
import { refreshViewer, signIn, watchSession } from "./lib/session.js";
import { shell, shortcuts, VIEWS } from "./lib/shell.js";
import { store, takeLink, takeState, watch } from "./lib/store.js";
import { LANGUAGES, loadWords, t } from "./lib/words.js";
import * as line from "./views/line.js";

/** Read when they are first needed; the line's view is what most screens show all day. */
const LATER = {
  day: () => import("./views/day.js"),
  rejects: () => import("./views/rejects.js"),
  alarms: () => import("./views/alarms.js"),
  reports: () => import("./views/reports.js"),
  people: () => import("./views/people.js"),
  commission: () => import("./commission.js"),
};
const TICK_MS = 1000;
const RELOADED_KEY = "ferrogate-reloaded";
const RELOAD_AGAIN_MS = 60e3;

const given = document.documentElement.dataset;
const views = given.commission === "true" ? [{ name: "commission" }] : VIEWS;
const root = document.getElementById("view");
const help = { live: null, signIn };
let frame = null;
let band = null;
let strip = null;
let shown = null;
let showing = 0;

async function setLanguage(language) {
  if (!LANGUAGES.includes(language)) return;
  await loadWords(language);
  localStorage.setItem("ferrogate-language", language);
  document.cookie = `language=${language}; path=/; max-age=31536000; SameSite=Strict`;
  build();
}

/** Make everything in the language now in force. */
function build() {
  frame = shell({ views, onLanguage: setLanguage });
  band = stateBand();
  strip = alarmStrip();
  fill(document.getElementById("head"), frame.head);
  fill(document.getElementById("band"), band.node, strip.node);
  document.getElementById("skip").textContent = t("shell.skip");
  showView();
}

async function showView() {
  const wanted = /^#\/(\w+)/.exec(location.hash)?.[1];
  const name = views.some((view) => view.name === wanted) ? wanted : views[0].name;
  const turn = ++showing;
  const module = name === "line" ? line : await LATER[name]().catch((error) => notThere(error));
  // A faster choice has come in between.
  if (turn !== showing || module === null) return;
  if (shown) shown.unmount();
  document.body.dataset.view = name;
  root.setAttribute("aria-label", t(`view.${name}`));
  shown = module.mount(root, help);
  frame.mark(name);
  update("state");
}

/**
 * A view could not be read. A page that was left open while a new version was installed asks for files that
 * are gone: it is loaded anew. While nobody answers, what is shown stays.
 */
function notThere(error) {
  const before = Number(sessionStorage.getItem(RELOADED_KEY) || 0);
  if (store.link === "open") {
    if (Date.now() - before < RELOAD_AGAIN_MS) throw error; // that did not help
    sessionStorage.setItem(RELOADED_KEY, String(Date.now()));
    location.reload();
    return null;
  }
  notice(t("error.page_unreachable"), "bad");
  history.replaceState(null, "", `#/${document.body.dataset.view || views[0].name}`);
  if (!shown && views[0].name === "line") showView();
  return null;
}

function update(what) {
  if (!frame) return;
  frame.update(what);
  if (what === "state" || what === "link") {
    band.update();
    strip.update();
  }
  if (shown) {
    if (what === "restarted" && shown.refetch) shown.refetch();
    else shown.update(what);
  }
}

function lost(code) {
  if (code === SIGNED_OUT) lock();
  else if (store.link !== "locked") takeLink("lost");
}

/** Only who is signed in may look: ask for it, and begin once somebody is. */
function lock() {
  help.live.stop();
  takeLink("locked");
  signIn();
}

async function start() {
  const language = localStorage.getItem("ferrogate-language");
  const first = LANGUAGES.includes(language) ? language : given.language;
  help.live = new Live({
    state: takeState,
    link: (link, code) => (link === "open" ? takeLink("open") : lost(code)),
  });
  help.live.reconnect();
  const viewer = refreshViewer().catch((error) => error);
  await loadWords(first, first === given.language ? given.messages : "");
  watch(update);
  build();
  window.addEventListener("hashchange", () => {
    showView();
    root.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  shortcuts(views, setLanguage);
  setInterval(() => update("tick"), TICK_MS);
  watch((what) => what === "viewer" && store.viewer && store.link === "locked" && help.live.reconnect());
  const error = await viewer;
  if (error && (error.status === 401 || error.code === "password_must_change")) lock();
  watchSession();
  watch((what) => what === "viewer" && store.viewer === null && location.hash === "#/people" && (location.hash = "#/line"));
}

start();
