/**
 * How the line stands, in one word, one colour and what to do: the band that is read from two metres.
 *
 * Pure: a state message in, words' keys out. The gravest comes first; what is not known is never shown as
 * if all were well.
 */

import { holdName } from "./api.js";
import { known, number, t } from "./words.js";

/** a status that is older says nothing about the line as it stands now */
export const STATUS_STALE_MS = 3000;
/** a start of the station takes no longer; the alarms wait as long */
const RESTART_MS = 45e3;

/**
 * @typedef {Object} Summary
 * @property {'ok'|'warn'|'bad'|'idle'|'unknown'} level
 * @property {string} code what it is: 'running', 'bypass' ...
 * @property {string} icon
 * @property {string} title
 * @property {string} todo
 * @property {string[]} why further lines: each hold with its own words
 */

/**
 * @param {Object|null} state newest state message
 * @param {'opening'|'open'|'lost'|'locked'} link to the page's server
 * @returns {Summary}
 */
export function summarise(state, link) {
  if (link === "locked") return made("idle", "locked", "user");
  if (link === "lost") return made("unknown", "no_page", "unknown");
  if (!state) return made("idle", "opening", "idle");
  const status = state.status;
  if (!status || state.status_age_ms === null || state.status_age_ms > STATUS_STALE_MS) return silent(state);
  const plc = status.plc;
  if (!plc.connected) return made("bad", "no_plc", "bad", {}, plc.detail ? [plc.detail] : []);
  if (plc.inputs.includes("e_stop")) return made("bad", "e_stop", "stop");
  if (plc.inputs.includes("guard_open")) return made("bad", "guard_open", "stop");
  if (plc.latched) return latched(plc);
  if (plc.key_switch === "bypass") return made("bad", "bypass", "bypass");
  if (plc.key_switch === "service") return made("bad", "service", "bypass");
  if (status.day.changeover) return changeover(status);
  if (!status.ready) return notReady(status);
  if (plc.inputs.includes("air_low")) return made("warn", "air_low", "warn");
  if (!plc.belt_running) return made("idle", "standing", "idle");
  if (status.day.challenge) return challenge(status.day.challenge);
  return made("ok", "running", "ok");
}

function made(level, code, icon, values = {}, why = []) {
  return { level, code, icon, title: t(`band.${code}.title`, values), todo: t(`band.${code}.todo`, values), why };
}

// A changeover ends with a start of the station: its silence is no fault yet.
function silent({ status, status_age_ms: ageMs, station_seen: seen }) {
  if (status && "changeover" in status.holds && ageMs < RESTART_MS) return made("warn", "restarting", "warn");
  return made("bad", seen ? "station_silent" : "no_station", "bad");
}

function latched(plc) {
  return made("bad", "latched", "stop", { cause: known(`stop_cause.${plc.stop_cause}`, plc.stop_cause) });
}

function changeover(status) {
  const { recipe, product } = status.day.changeover;
  return made("warn", "changeover", "warn", { recipe, product, n: number(status.in_zone) });
}

function challenge(running) {
  const values = { balls: number(running.balls), n: number(running.triggered) };
  return made("ok", running.waiting ? "challenge_waits" : "challenge_runs", "challenge", values);
}

function notReady(status) {
  const names = Object.keys(status.holds);
  const lines = names.map((name) => `${holdName(name)} — ${holdTodo(name, status.holds[name])}`);
  return made("warn", "not_ready", "warn", {}, lines);
}

/** What to do about a hold; the station's own words where the catalogue knows none. */
export function holdTodo(name, words) {
  return known(name.startsWith("camera_") ? "hold.camera.todo" : `hold.${name}.todo`, words);
}
