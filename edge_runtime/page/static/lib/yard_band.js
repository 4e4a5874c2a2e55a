/** The band over every view of the yard: how the station's worker stands, and what it needs. */

import { el, fill, icon, setText } from "./dom.js";
import { store } from "./store.js";
import { known, number, t } from "./words.js";

const LEVELS = { idle: "ok", mapping: "ok", photos: "ok", starting: "idle", full_disk: "bad", no_source: "warn", stopped: "idle", gone: "bad", none: "idle" };
const SHAPES = { ok: "ok", idle: "idle", warn: "warn", bad: "bad", unknown: "unknown" };
const WHY_MAX = 2;

/** The band; `update` whenever the state or the link has changed. */
export function yardBand() {
  const shape = el("div.band-icon");
  const title = el("p.band-title");
  const todo = el("p.band-todo");
  const why = el("ul.band-why");
  const node = el("section.band", { "aria-label": t("yard.band.label"), "aria-live": "polite", data: { level: "idle" } },
    shape, el("div.band-words", {}, title, todo, why));
  let drawn = "";

  function update() {
    const { code, level, values, lines } = summary();
    node.dataset.code = code;
    if (drawn !== level) {
      drawn = level;
      node.dataset.level = level;
      fill(shape, icon(SHAPES[level]));
    }
    setText(title, t(`yard.band.${code}.title`, values));
    setText(todo, t(`yard.band.${code}.todo`, values));
    const text = lines.join("\n");
    if (why.dataset.shown !== text) {
      why.dataset.shown = text;
      fill(why, lines.map((line) => el("li", { text: line })));
    }
    document.title = `${t("yard.title")} · ferrogate`;
  }

  return { node, update };
}

function summary() {
  const status = store.state && store.state.status;
  if (store.link === "locked") return { code: "locked", level: "idle", values: {}, lines: [] };
  if (store.link === "lost") return { code: "lost", level: "unknown", values: {}, lines: [] };
  if (!status) return { code: "opening", level: "idle", values: {}, lines: [] };
  const asides = status.asides || [];
  const lines = asides.slice(-WHY_MAX).map((note) => t("yard.band.aside", { name: note.name, what: note.what }));
  if (asides.length > WHY_MAX) lines.unshift(t("yard.band.more_asides", { n: asides.length - WHY_MAX }));
  for (const [place, reason] of Object.entries(status.lost || {})) lines.push(t("yard.band.lost_source", { place, reason: known(`yard.lost.${reason}`, reason) }));
  const share = status.total ? Math.floor((100 * status.done) / status.total) : 0;
  const values = {
    rail: status.rail || "–", share: number(share), queue: number((status.queue || []).length), done: number(status.rails_done ?? 0),
    free: status.free_mb === null || status.free_mb === undefined ? "–" : number(status.free_mb),
  };
  const level = LEVELS[status.state] ?? "idle";
  return { code: known(`yard.band.${status.state}.title`, "") ? status.state : "none", level: lines.length && level === "ok" ? "warn" : level, values, lines };
}
