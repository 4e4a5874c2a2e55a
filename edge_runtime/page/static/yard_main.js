/**
 * The rail yard's page: its start, and the view that the address names. Rails take minutes, so the state is
 * asked for every few seconds; nothing is pushed. A view is `mount(root, help, places) -> {update, unmount}`,
 * `places` the parts of the address after its name: '#/rail/12' shows rail 12.
 */

import { api } from "./lib/api.js";
import { notice } from "./lib/dialog.js";
import { fill } from "./lib/dom.js";
import { refreshViewer, signIn, watchSession } from "./lib/session.js";
import { shell, shortcuts } from "./lib/shell.js";
import { store, takeLink, takeState, takeViewer, watch } from "./lib/store.js";
import { LANGUAGES, loadWords, t } from "./lib/words.js";
import { yardBand } from "./lib/yard_band.js";
import { showYardHelp } from "./lib/yard_keys.js";
import * as wagons from "./views/yard_wagons.js";

const STATE_EVERY_MS = 3000;
const RELOADED_KEY = "ferrogate-reloaded";
const RELOAD_AGAIN_MS = 60e3;
const VIEWS = [
  { name: "wagons", words: "yard.view.wagons" },
  { name: "looks", words: "yard.view.looks" },
  { name: "photos", words: "yard.view.photos" },
  { name: "acts", words: "yard.view.acts" },
  { name: "people", needs: "people" },
];
/** Views that the address names; those below another one light up its way in the head. */
const MODULES = {
  wagons: { read: async () => wagons, under: "wagons", words: "yard.view.wagons" },
  wagon: { read: () => import("./views/yard_wagon.js"), under: "wagons", words: "yard.view.wagon" },
  rail: { read: () => import("./views/yard_rail.js"), under: "wagons", words: "yard.view.rail" },
  looks: { read: () => import("./views/yard_looks.js"), under: "looks", words: "yard.view.looks" },
  photos: { read: () => import("./views/yard_photos.js"), under: "photos", words: "yard.view.photos" },
  acts: { read: () => import("./views/yard_acts.js"), under: "acts", words: "yard.view.acts" },
  people: { read: () => import("./views/people.js"), under: "people", words: "view.people" },
};

const given = document.documentElement.dataset;
const root = document.getElementById("view");
let frame = null;
let band = null;
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
  frame = shell({ views: VIEWS, onLanguage: setLanguage, onHelp: showYardHelp });
  band = yardBand();
  fill(document.getElementById("head"), frame.head);
  fill(document.getElementById("band"), band.node);
  document.getElementById("skip").textContent = t("shell.skip");
  showView();
}

async function showView() {
  const [name, ...places] = location.hash.replace(/^#\//, "").split("/").map(decodeURIComponent);
  const wanted = MODULES[name] ?? MODULES.wagons;
  const turn = ++showing;
  const module = await wanted.read().catch((error) => notThere(error));
  // A faster choice has come in between.
  if (turn !== showing || module === null) return;
  if (shown) shown.unmount();
  document.body.dataset.view = MODULES[name] ? name : "wagons";
  root.setAttribute("aria-label", t(wanted.words));
  shown = module.mount(root, { signIn }, places);
  frame.mark(wanted.under);
  update("state");
}

/** A view could not be read: a new version was installed, and the page is loaded anew; or nobody answers. */
function notThere(error) {
  const before = Number(sessionStorage.getItem(RELOADED_KEY) || 0);
  if (store.link === "open") {
    if (Date.now() - before < RELOAD_AGAIN_MS) throw error; // that did not help
    sessionStorage.setItem(RELOADED_KEY, String(Date.now()));
    location.reload();
    return null;
  }
  notice(t("error.page_unreachable"), "bad");
  return null;
}

function update(what) {
  if (!frame) return;
  frame.update(what);
  band.update();
  if (shown) shown.update(what);
}

/** Ask how the station stands and who is signed in. */
async function askState() {
  if (document.hidden) return;
  try {
    const state = await api("/api/state", { ask: false });
    takeLink("open");
    takeState(state);
    takeViewer(state.viewer, state.csrf);
  } catch (error) {
    if (error.status === 401 || error.code === "password_must_change") lock();
    else takeLink("lost");
  }
}

/** Only who is signed in may look: ask for it once. */
function lock() {
  if (store.link === "locked") return;
  takeLink("locked");
  signIn().then((done) => done && askState());
}

async function start() {
  const language = localStorage.getItem("ferrogate-language");
  const first = LANGUAGES.includes(language) ? language : given.language;
  const viewer = refreshViewer().catch((error) => error);
  await loadWords(first, first === given.language ? given.messages : "");
  watch(update);
  build();
  window.addEventListener("hashchange", () => {
    showView();
    root.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  shortcuts(VIEWS, setLanguage, showYardHelp);
  setInterval(() => update("tick"), 1000);
  const error = await viewer;
  if (error && (error.status === 401 || error.code === "password_must_change")) lock();
  else takeLink(error ? "lost" : "open");
  setInterval(askState, STATE_EVERY_MS);
  document.addEventListener("visibilitychange", askState);
  watchSession();
  watch((what) => what === "viewer" && store.viewer === null && location.hash === "#/people" && (location.hash = "#/wagons"));
}

start();
