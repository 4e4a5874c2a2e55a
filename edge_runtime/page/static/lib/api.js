/**
 * Asking the server: JSON in and out, the CSRF token with every act, and signing in when a session is over,
 * after which the same request is sent again, so that nothing typed is lost.
 */

import { store, takeViewer } from "./store.js";
import { known, t } from "./words.js";

/** An answer that is not yes. `code` and `values` choose the words; `text` is the server's English. */
export class ApiError extends Error {
  constructor(status, code, values, text) {
    super(text || code);
    this.status = status;
    this.code = code;
    this.values = values || {};
    this.text = text || "";
  }
}

/** The person closed the sign-in without signing in. */
export class NotSignedIn extends Error {}

let signIn = async () => false;
let newPassword = async () => false;

/** Who asks for the sign-in: resolves to true once somebody is signed in. */
export function onSignInNeeded(ask) {
  signIn = ask;
}

/** Who asks for a password in place of a one-time one: resolves to true once there is one. */
export function onPasswordNeeded(ask) {
  newPassword = ask;
}

/**
 * Ask the server.
 * @param {string} path '/api/...'
 * @param {{method?: string, body?: Object, ask?: boolean}} [options] `ask` false: never open the sign-in
 * @returns {Promise<any>} the answer's JSON, null for an empty one
 * @throws {ApiError} refused or out of reach (status 0)
 * @throws {NotSignedIn} a sign-in was needed and given up
 */
export async function api(path, { method = "GET", body, ask = true } = {}) {
  // Known beforehand: no need to be refused first.
  if (method !== "GET" && ask && !store.viewer && !(await signIn())) throw new NotSignedIn(path);
  for (let attempt = 0; ; attempt += 1) {
    const answer = await send(path, method, body);
    if (answer.status === 401 && ask) {
      if (!(await signIn())) throw new NotSignedIn(path);
      continue;
    }
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const error = await failure(answer);
    if (error.code === "password_must_change" && ask) {
      if (!(await newPassword())) throw error;
      continue;
    }
    // Another tab signed in again: its token has replaced ours.
    if (error.code === "csrf" && attempt === 0 && (await renewToken())) continue;
    throw error;
  }
}

/** Ask for an act of the line; `revision` null: whatever has happened meanwhile. */
export function act(request, revision = null) {
  return api("/api/acts", { method: "POST", body: { act: request, revision } });
}

async function send(path, method, body) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = store.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new ApiError(0, "page_unreachable", {}, error.message);
  }
}

async function failure(answer) {
  let said = {};
  try {
    said = await answer.json();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // a proxy's HTML page: the status must do
  }
  return new ApiError(answer.status, said.code || `http_${answer.status}`, said.values, said.text);
}

async function renewToken() {
  const answer = await send("/api/state", "GET");
  if (!answer.ok) return false;
  const state = await answer.json();
  if (!state.csrf || state.csrf === store.csrf) return false;
  takeViewer(state.viewer, state.csrf);
  return true;
}

/** An error in words of the reader's language: what happened, and what to do. */
export function explain(error) {
  if (error instanceof NotSignedIn) return t("error.not_signed_in");
  if (!(error instanceof ApiError)) return t("error.unknown", { detail: String(error.message || error) });
  const values = { ...error.values };
  if (values.act) values.act = known(`act.${values.act}`, values.act);
  if (values.role) values.role = known(`role.${values.role}`, values.role);
  if (values.holds) values.holds = String(values.holds).split(/,\s*/).map(holdName).join("; ");
  const otherwise = t("error.unknown", { detail: error.text || error.code });
  return known(`refused.${error.code}`, known(`error.${error.code}`, otherwise, values), values);
}

/** What a hold is called; those of cameras carry the camera's name. */
export function holdName(name) {
  if (name.startsWith("camera_")) return t("hold.camera.what", { camera: name.slice(7) });
  return known(`hold.${name}.what`, name);
}
