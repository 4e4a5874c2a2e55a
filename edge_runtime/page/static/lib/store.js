/**
 * What the page knows: the newest state message, how the link stands, who is signed in, the server's clock.
 * One copy, newest only, so that a page that is left open does not grow.
 */

import { setUtcOffset } from "./words.js";

const CLOCK_RENEW_MS = 60e3;
const watchers = new Set();

/**
 * @property {Object|null} state newest state message (see GET /api/state), null before the first
 * @property {string} link 'opening', 'open', 'lost', or 'locked' while a sign-in is needed to look
 * @property {Object|null} viewer who is signed in: name, role, permissions, must_change, expires_utc_ms
 * @property {string} csrf token that every act carries
 * @property {string} session id of the station's life; another one means that it was restarted
 */
export const store = {
  state: null, link: "opening", viewer: null, csrf: "", session: "", clockOffsetMs: 0, clockHeardMs: -Infinity,
};

/**
 * Be told of changes.
 * @param {(what: 'state'|'link'|'viewer'|'restarted'|'theme') => void} act
 * @returns {() => void} stops it
 */
export function watch(act) {
  watchers.add(act);
  return () => watchers.delete(act);
}

/** Tell all watchers that something has changed. */
export function tell(what) {
  for (const act of [...watchers]) act(what);
}

/** The server's wall clock now, ms, judged from its messages: a tablet's own clock may be wrong. */
export const serverNow = () => Date.now() + store.clockOffsetMs;

/** Take a state message. */
export function takeState(state) {
  store.state = state;
  setClock(state.server_utc_ms);
  if (state.page && typeof state.page.utc_offset_hours === "number") setUtcOffset(state.page.utc_offset_hours);
  const session = state.status ? state.status.session : store.session;
  const restarted = store.session !== "" && session !== store.session;
  store.session = session;
  tell("state");
  if (restarted) tell("restarted");
}

/** Take who is signed in (null: nobody) and the token of the session's acts. */
export function takeViewer(viewer, csrf) {
  const changed = JSON.stringify(viewer) !== JSON.stringify(store.viewer);
  store.viewer = viewer;
  store.csrf = csrf || "";
  if (changed) tell("viewer");
}

/** Take how the connection to the page's server stands. */
export function takeLink(link) {
  if (store.link === link) return;
  store.link = link;
  tell("link");
}

/** Whether a permission is held; null while nobody is signed in: the sign-in will tell. */
export const may = (permission) => (store.viewer ? store.viewer.permissions.includes(permission) : null);

// Messages that waited on the way make the server's clock look late: of a minute's offsets the largest is
// the truest.
function setClock(utcMs) {
  if (!utcMs) return;
  const offset = utcMs - Date.now();
  const now = performance.now();
  if (offset > store.clockOffsetMs || now - store.clockHeardMs > CLOCK_RENEW_MS) {
    store.clockOffsetMs = offset;
    store.clockHeardMs = now;
  }
}
