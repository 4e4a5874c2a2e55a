/**
 * State of what the line is made of: cameras with lens and lamp, PLC, model, recorder, disk, books, and
 * when challenge balls are due. Each tile has a shape beside its colour; what is well stays grey.
 */

import { holdName } from "../lib/api.js";
import { el, fill, icon, setText } from "../lib/dom.js";
import { openDialog } from "../lib/dialog.js";
import { serverNow, store } from "../lib/store.js";
import { clock, duration, known, number, percent, t } from "../lib/words.js";

const FRAME_OLD_S = 1;
const DISK_LOW_SHARE = 0.1;
const DISK_OUT_SHARE = 0.03;
const RECORDER_BEHIND_S = 10;
/** of a limit, from where on a lens is losing sharpness; a lamp is weak when so little above its limit */
const NEAR_LIMIT = 0.85;
const LAMP_ROOM = 1.06;
/** a bar reaches so far beyond its limit */
const BAR_ROOM = 1.25;

/**
 * @typedef {Object} Tile
 * @property {'ok'|'warn'|'bad'|'unknown'} level
 * @property {string} name
 * @property {string} icon
 * @property {string} words
 * @property {string} [figure]
 * @property {Array<{name: string, level: string, share: number, limit: number}>} [bars] 0..1 of a bar's length
 * @property {string[]} [more] shown when the tile is opened
 */

/** The tiles; made anew only when their names change, so that focus stays where it is. */
export function tiles() {
  const node = el("ul.tiles");
  let made = [];
  let names = "";

  function update() {
    const wanted = store.state ? all(store.state) : [];
    const now = wanted.map((tile) => tile.name).join("\n");
    if (now !== names) {
      names = now;
      made = wanted.map(() => tileNode());
      fill(node, made.map((tile) => tile.node));
    }
    wanted.forEach((tile, index) => made[index].show(tile));
  }

  return { node, update };
}

function tileNode() {
  const sign = el("span.tile-sign");
  const name = el("span.tile-name");
  const words = el("span.tile-words");
  const figure = el("span.tile-figure.numeral");
  const bars = el("span.tile-bars");
  const body = el("button.tile", { type: "button" }, sign, name, words, figure, bars);
  let current = null;
  let shape = "";
  body.addEventListener("click", () => openTile(current));
  return {
    node: el("li", {}, body),
    show(tile) {
      current = tile;
      body.dataset.level = tile.level;
      if (shape !== tile.level + tile.icon) {
        shape = tile.level + tile.icon;
        fill(sign, icon(tile.icon), tile.level === "ok" ? null : el("span.tile-alert", {}, icon(tile.level)));
      }
      setText(name, tile.name);
      setText(words, tile.words);
      setText(figure, tile.figure || "");
      showBars(bars, tile.bars || []);
    },
  };
}

function showBars(place, bars) {
  if (place.children.length !== bars.length)
    fill(place, bars.map(() => el("span.tile-bar", {}, el("span.tile-bar-name"), el("span.bar", {}, el("span.bar-fill"), el("span.bar-limit")))));
  bars.forEach((bar, index) => {
    const node = place.children[index];
    const [name, track] = node.children;
    node.dataset.level = bar.level;
    setText(name, bar.name);
    track.children[0].style.setProperty("--share", String(Math.min(1, Math.max(0, bar.share))));
    track.children[1].style.setProperty("--at", String(Math.min(1, Math.max(0, bar.limit))));
  });
}

function openTile(tile) {
  const lines = [tile.words, ...(tile.more || [])].filter(Boolean);
  openDialog({ title: tile.name, body: lines.map((line) => el("p", { text: line })), actions: [{ label: t("button.close"), value: true }] });
}

function all(state) {
  const status = state.status;
  const found = status ? status.cameras.map((camera) => cameraTile(camera, status)) : [];
  if (status) found.push(plcTile(status), modelTile(status));
  found.push(booksTile(state.books), recorderTile(state.recorder, status), diskTile(state.machine));
  if (status) found.push(challengeTile(status.day), faultsTile(status));
  return found.filter(Boolean);
}

const GRAVITY = ["ok", "warn", "bad"];

/** A camera with its lens and its lamp: the worst of the three gives level and words. */
function cameraTile(camera, status) {
  const ageS = camera.last_frame_mono_ns ? Math.max(0, status.written_mono_ns - camera.last_frame_mono_ns) / 1e9 : null;
  const found = [pictures(camera, ageS, status.plc.belt_running), lens(camera), lamp(camera)].filter(Boolean);
  const worst = found.reduce((one, other) => (GRAVITY.indexOf(other.level) > GRAVITY.indexOf(one.level) ? other : one));
  return {
    level: worst.level, icon: "camera", name: t("tile.camera.name", { camera: camera.name }), words: worst.words,
    figure: ageS === null ? "–" : ageS < 10 ? t("unit.s", { n: number(ageS, 2) }) : duration(ageS),
    bars: found.filter((it) => it.bar).map((it) => ({ name: it.name, level: it.level, ...it.bar })),
    more: [t("tile.camera.frames", { n: number(camera.frames) }), camera.detail, ...found.flatMap((it) => it.more)],
  };
}

function pictures(camera, ageS, moving) {
  const fault = camera.fault !== "ok";
  const old = ageS === null || ageS > FRAME_OLD_S;
  const words = fault ? known(`frame.${camera.fault}`, camera.fault)
    : old && !moving ? t("tile.camera.standing") : old ? t("tile.camera.silent") : t("tile.camera.ok");
  return { level: fault || (old && moving) ? "bad" : "ok", words, more: [] };
}

function lens(camera) {
  if (camera.focus_px === null || !camera.focus_max_px) return null;
  const share = camera.focus_px / camera.focus_max_px;
  const moved = camera.shift_px !== null && camera.shift_max_px ? camera.shift_px / camera.shift_max_px : 0;
  const level = share > 1 || moved > 1 ? "bad" : share > NEAR_LIMIT || moved > NEAR_LIMIT ? "warn" : "ok";
  const word = moved > 1 ? "moved" : moved > NEAR_LIMIT && share <= NEAR_LIMIT ? "moving" : level;
  return {
    level, name: t("tile.lens.name"), words: t(`tile.lens.${word}`), bar: { share: share / BAR_ROOM, limit: 1 / BAR_ROOM },
    more: [
      t("tile.lens.bar", { value: number(camera.focus_px, 2), limit: number(camera.focus_max_px, 2) }),
      camera.shift_px === null ? "" : t("tile.lens.shift", { value: number(camera.shift_px, 1), limit: number(camera.shift_max_px, 1) }),
    ],
  };
}

function lamp(camera) {
  const least = camera.background_min;
  if (camera.background === null || least === null) return null;
  const level = camera.background < least ? "bad" : camera.background < least * LAMP_ROOM ? "warn" : "ok";
  const reference = camera.reference_background;
  return {
    level, name: t("tile.lamp.name"), words: t(`tile.lamp.${level}`), bar: { share: camera.background / 255, limit: least / 255 },
    more: [
      t("tile.lamp.bar", { value: number(camera.background, 0), limit: number(least, 0) }),
      reference ? t("tile.lamp.reference", { value: number(reference, 0) }) : "",
    ],
  };
}

function plcTile(status) {
  const plc = status.plc;
  const level = !plc.connected || plc.latched || plc.key_switch !== "auto" ? "bad" : plc.inputs.length || !plc.trusted ? "warn" : "ok";
  const words = !plc.connected ? t("tile.plc.lost")
    : plc.latched ? known(`stop_cause.${plc.stop_cause}`, plc.stop_cause)
      : plc.key_switch !== "auto" ? t(`key.${plc.key_switch}`)
        : plc.inputs.length ? plc.inputs.map((name) => known(`input.${name}`, name)).join(", ")
          : plc.trusted ? t("tile.plc.ok") : t("tile.plc.untrusted");
  const ageS = plc.last_read_mono_ns ? Math.max(0, status.written_mono_ns - plc.last_read_mono_ns) / 1e9 : null;
  return {
    level, icon: "plc", name: t("tile.plc.name"), words, figure: ageS === null ? "–" : t("unit.s", { n: number(ageS, 2) }),
    more: [t("tile.plc.key", { key: t(`key.${plc.key_switch}`) }), t("tile.plc.epoch", { n: number(plc.epoch) }), plc.detail],
  };
}

function modelTile(status) {
  const slow = status.loop_ms_p99;
  return {
    level: "ok", icon: "model", name: t("tile.model.name"), words: status.model.name, figure: slow === null ? "" : `${number(slow, 0)} ${t("unit.ms")}`,
    more: [
      t("tile.model.provider", { provider: status.model.provider }),
      t("tile.model.times", { p50: number(status.loop_ms_p50, 1), p99: number(slow, 1) }),
      t("tile.model.hash", { hash: status.model.sha256.slice(0, 12) }),
      status.model.licence,
      t("tile.model.recipe", { recipe: status.recipe.name, product: status.recipe.product, hash: status.recipe.sha256.slice(0, 12) }),
      status.recipe.unverified.length ? t("tile.model.unverified", { n: number(status.recipe.unverified.length) }) : "",
    ].filter(Boolean),
  };
}

const BOOKS = { balanced: "ok", open: "ok", unbalanced: "bad" };

function booksTile(books) {
  const state = books ? books.state : "unknown";
  return {
    level: BOOKS[state] || "unknown", icon: "books", name: t("tile.books.name"), words: t(`tile.books.${state}`),
    figure: books && books.checked_utc_ms ? clock(books.checked_utc_ms) : "", more: books ? books.problems : [],
  };
}

function recorderTile(recorder, status) {
  if (!recorder) return null;
  const waiting = status ? status.journal_waiting : 0;
  const behind = recorder.behind_s;
  const broken = status && status.journal_error;
  const late = behind !== null && behind > RECORDER_BEHIND_S;
  const [level, word] = broken ? ["bad", "journal"] : recorder.running === null ? ["unknown", "unknown"]
    : !recorder.running ? ["bad", "stopped"] : late ? ["warn", "behind"] : ["ok", "ok"];
  return {
    level, icon: "recorder", name: t("tile.recorder.name"), words: t(`tile.recorder.${word}`), figure: behind === null ? "" : duration(behind),
    more: [t("tile.recorder.waiting", { n: number(waiting) }), broken || ""].filter(Boolean),
  };
}

function diskTile(machine) {
  if (!machine || machine.disk_free_mb === null || machine.disk_free_mb === undefined) return null;
  const share = machine.disk_free_share;
  const level = share < DISK_OUT_SHARE ? "bad" : share < DISK_LOW_SHARE ? "warn" : "ok";
  const load = machine.load;
  return {
    level, icon: "disk", name: t("tile.disk.name"), words: t(`tile.disk.${level}`), figure: `${number(machine.disk_free_mb / 1024, 0)} ${t("unit.gb")}`,
    bars: [{ name: t("tile.disk.used"), level, share: 1 - share, limit: 1 - DISK_LOW_SHARE }],
    more: [
      t("tile.disk.bar", { share: percent(share, 0) }),
      load === null || load === undefined ? "" : t("tile.disk.load", { load: number(Array.isArray(load) ? load[0] : load, 1) }),
      machine.memory_free_mb ? t("tile.disk.memory", { free: number(machine.memory_free_mb / 1024, 1) }) : "",
    ].filter(Boolean),
  };
}

function challengeTile(day) {
  const due = day.challenge_due_utc_ns / 1e6;
  const left = due ? (due - serverNow()) / 1000 : null;
  const grace = (store.state.page && store.state.page.challenge_grace_s) || 0;
  const dueNow = left !== null && left < 0;
  const late = dueNow && -left > grace;
  const missed = day.containment !== "";
  const level = missed ? "bad" : dueNow ? "warn" : "ok";
  const words = missed ? t("tile.challenge.missed") : late ? t("tile.challenge.overdue")
    : dueNow ? t("day.challenge_due_now") : left === null ? t("tile.challenge.never") : t("tile.challenge.due");
  const last = day.last_challenge_utc_ns
    ? t("tile.challenge.last", { time: clock(day.last_challenge_utc_ns / 1e6), result: known(`challenge.result.${day.last_challenge_result}`, "–") }) : "";
  return {
    level, icon: "challenge", name: t("tile.challenge.name"), words, figure: left === null ? "" : duration(Math.abs(left)), more: [last].filter(Boolean),
  };
}

function faultsTile(status) {
  const errors = Object.entries(status.counts).filter(([name, count]) => name.startsWith("fault_") && count > 0);
  if (!errors.length) return null;
  const lines = errors.sort((a, b) => b[1] - a[1]).slice(0, 12).map(([name, count]) => `${faultWords(name.slice(6))}: ${number(count)}`);
  return {
    level: "ok", icon: "help", name: t("tile.faults.name"), words: t("tile.faults.words"), figure: number(errors.reduce((sum, [, count]) => sum + count, 0)), more: lines,
  };
}

/** Words of a fault's code; those of frames and holds have words elsewhere. */
function faultWords(code) {
  const frame = /^frame_(\w+)$/.exec(code);
  const hold = /^hold_(\w+)$/.exec(code);
  if (frame) return known(`frame.${frame[1]}`, code);
  if (hold) return holdName(hold[1]);
  // Codes that go on with a cause of their own.
  const family = /^(frames|verdict)_(\w+)$/.exec(code);
  return known(`fault.${code}`, family ? known(`fault.${family[1]}`, code, { name: family[2] }) : code);
}
