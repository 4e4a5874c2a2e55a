/**
 * Signing in and out, the change of a one-time password, and a session's end.
 *
 * The server ends a session that is idle; what a person does at the page keeps it alive (`keepAlive`), the
 * page's own questions do not.
 */

import { api, explain, onPasswordNeeded, onSignInNeeded } from "./api.js";
import { errorLine, notice, openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { serverNow, store, takeState, takeViewer } from "./store.js";
import { duration, t } from "./words.js";

const ALIVE_EVERY_MS = 60e3;
const WARN_BEFORE_MS = 120e3;
let asking = null;
let touchedMs = -Infinity;
let warnedFor = 0;

/** Ask who is signed in, and, where no message has come yet, how the line stands. */
export async function refreshViewer() {
  const state = await api("/api/state", { ask: false });
  takeViewer(state.viewer, state.csrf);
  if (!store.state) takeState(state);
}

/** One sign-in at a time: whoever else needs it waits for the same one. */
export function signIn() {
  if (!asking) {
    asking = askName().finally(() => {
      asking = null;
    });
  }
  return asking;
}

async function askName() {
  takeViewer(null, "");
  const name = field("text", "username", t("session.name"));
  const password = field("password", "current-password", t("session.password"));
  const wrong = errorLine();
  (name.input.value ? password : name).input.dataset.autofocus = "";
  const answer = await openDialog({
    title: t("session.sign_in"),
    body: [el("p", { text: t("session.why") }), name.node, password.node, wrong.node],
    actions: [
      { label: t("button.cancel"), value: false },
      {
        label: t("session.sign_in"),
        kind: "primary",
        submit: () => attempt(wrong, "/api/login", { name: name.input.value, password: password.input.value }),
      },
    ],
  });
  if (!answer) return false;
  return answer.viewer.must_change ? changePassword(password.input.value) : true;
}

/** Ask for a new password; `old` is filled in where it was typed just now. */
export async function changePassword(old = "") {
  const before = field("password", "current-password", t("session.old_password"));
  const fresh = field("password", "new-password", t("session.new_password"));
  const again = field("password", "new-password", t("session.again"));
  const wrong = errorLine();
  before.input.value = old;
  (old ? fresh : before).input.dataset.autofocus = "";
  const answer = await openDialog({
    title: t("session.change_password"),
    body: [old ? el("p", { text: t("session.must_change") }) : null, before.node, fresh.node, again.node, wrong.node],
    actions: [
      { label: t("button.cancel"), value: false },
      {
        label: t("session.change_password"),
        kind: "primary",
        submit: async () => {
          if (fresh.input.value !== again.input.value) {
            wrong.show(t("session.not_the_same"));
            return undefined;
          }
          return attempt(wrong, "/api/password", { old: before.input.value, new: fresh.input.value });
        },
      },
    ],
  });
  if (answer) notice(t("session.password_changed"));
  return Boolean(answer);
}

async function attempt(wrong, path, body) {
  try {
    const answer = await api(path, { method: "POST", body, ask: false });
    takeViewer(answer.viewer, answer.csrf);
    return answer;
  } catch (error) {
    wrong.show(explain(error));
    return undefined;
  }
}

function field(type, autocomplete, label) {
  const input = el("input", { type, autocomplete, required: true, spellcheck: "false", autocapitalize: "none" });
  return { input, node: el("label.field", {}, el("span", { text: label }), input) };
}

/** Sign out here. */
export async function signOut() {
  try {
    await api("/api/logout", { method: "POST", body: {}, ask: false });
  } catch (error) {
    notice(explain(error), "bad");
    return;
  }
  takeViewer(null, "");
  notice(t("session.signed_out"));
}

/** Watch over the session: what a person does keeps it, its end is announced and then said. */
export function watchSession() {
  for (const kind of ["pointerdown", "keydown"])
    window.addEventListener(kind, () => (touchedMs = performance.now()), { passive: true, capture: true });
  setInterval(keepAlive, ALIVE_EVERY_MS);
  setInterval(watchEnd, 1000);
}

async function keepAlive() {
  if (!store.viewer || store.link !== "open" || performance.now() - touchedMs > ALIVE_EVERY_MS) return;
  try {
    const answer = await api("/api/alive", { method: "POST", body: {}, ask: false });
    if (answer && answer.viewer) takeViewer(answer.viewer, answer.csrf || store.csrf);
    else await refreshViewer();
  } catch (error) {
    // Gone already, or the server is: either is shown elsewhere, and the next act asks for a sign-in.
    if (error.status === 401) ended();
  }
}

async function watchEnd() {
  const viewer = store.viewer;
  if (!viewer) return;
  const leftMs = viewer.expires_utc_ms - serverNow();
  if (leftMs <= 0) {
    // It may have been kept alive from another tab.
    try {
      await refreshViewer();
    } catch (error) {
      if (error.status !== 401) return;
      takeViewer(null, "");
    }
    if (!store.viewer) ended();
  } else if (leftMs < WARN_BEFORE_MS && warnedFor !== viewer.expires_utc_ms) {
    warnedFor = viewer.expires_utc_ms;
    notice(t("session.ends_soon", { left: duration(leftMs / 1000) }), "warn");
  }
}

function ended() {
  if (store.viewer) takeViewer(null, "");
  notice(t("session.ended"), "warn");
}

onSignInNeeded(signIn);
onPasswordNeeded(() => changePassword());
