/**
 * The line as it runs: live picture, counters, size trend, last rejects, state of the parts.
 * Neighbours: `line_counters`, `line_tiles`; the state band and the alarm strip stand above every view.
 */

import { api } from "../lib/api.js";
import { el, fill } from "../lib/dom.js";
import { livePicture } from "../lib/picture_view.js";
import { openReject, rejectCard } from "../lib/rejects.js";
import { store } from "../lib/store.js";
import { trendPlot } from "../lib/trend.js";
import { t } from "../lib/words.js";
import { counters } from "./line_counters.js";
import { tiles } from "./line_tiles.js";

const TREND_MINUTES = 60;
const TREND_EVERY_MS = 15e3;
const REJECTS_EVERY_MS = 2500;
const REJECTS_SHOWN = 8;
/** narrowest card of a reject, and the room between two, as in line.css */
const CARD_PX = () => 8.6 * parseFloat(getComputedStyle(document.documentElement).fontSize);
const CARD_GAP_PX = 10;
const CAMERA_KEY = "ferrogate-camera";

/** @param {HTMLElement} root  @param {{live: import("../lib/live.js").Live}} help */
export function mount(root, help) {
  const picture = livePicture({ line: () => ({ moving: beltMoves() }) });
  const chooser = cameraChooser(help.live, picture);
  const figures = counters();
  const trend = trendPlot();
  const lastRejects = rejectsStrip();
  const parts = tiles();
  fill(root, el("div.line-grid", {},
    card("live", "line.picture", chooser.node, picture.node),
    figures.node,
    card("trend-card", "trend.title", trend.legend, trend.node),
    card("rejects-card", "line.last_rejects", el("a.card-link", { href: "#/rejects", text: t("line.all_rejects") }), lastRejects.node),
    card("tiles-card", "line.parts", null, parts.node)));

  const askTrend = repeated(TREND_EVERY_MS, async () => trend.show(await api(`/api/trend?minutes=${TREND_MINUTES}`, { ask: false })));
  const askRejects = repeated(REJECTS_EVERY_MS, () => lastRejects.renew());

  function update(what) {
    if (what === "theme") trend.redraw();
    if (what !== "state" && what !== "link") return;
    chooser.update();
    figures.update();
    parts.update();
  }
  update("state");
  return {
    update,
    refetch() {
      picture.clear();
      askTrend.now();
      lastRejects.forget();
      askRejects.now();
    },
    unmount() {
      help.live.off(picture.show);
      help.live.setCamera(null);
      askTrend.stop();
      askRejects.stop();
      picture.close();
      trend.close();
      lastRejects.close();
    },
  };
}

const beltMoves = () => Boolean(store.state && store.state.status && store.state.status.plc.belt_running);

function card(kind, title, extra, ...body) {
  return el(`section.card.${kind}`, {}, el("header.card-head", {}, el("h2", { text: t(title, { n: TREND_MINUTES }) }), extra), body);
}

/**
 * Ask now and again while the tab is seen; an answer that fails leaves what is shown, the band says why.
 * @returns {{now: () => void, stop: () => void}}
 */
function repeated(everyMs, ask) {
  let stopped = false;
  let timer = 0;
  async function round() {
    clearTimeout(timer);
    if (!document.hidden) await ask().catch((error) => console.info("not read:", error.message));
    if (!stopped) timer = setTimeout(round, everyMs);
  }
  round();
  return {
    now: round,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Buttons of the cameras, and the picture of the one chosen. */
function cameraChooser(live, picture) {
  const node = el("div.segments", { role: "group", "aria-label": t("line.camera") });
  let shown = "";
  live.onPicture(picture.show);

  function choose(name) {
    localStorage.setItem(CAMERA_KEY, name);
    picture.clear();
    live.setCamera(name);
    picture.describe(t("line.picture_of", { camera: name }));
    for (const child of node.children) child.setAttribute("aria-pressed", String(child.dataset.camera === name));
  }

  function update() {
    const cameras = ((store.state && store.state.status && store.state.status.cameras) || []).map((camera) => camera.name);
    if (!cameras.length || cameras.join("\n") === shown) return;
    shown = cameras.join("\n");
    fill(node, cameras.map((name) => el("button", { type: "button", text: name, data: { camera: name }, on: { click: () => choose(name) } })));
    const last = localStorage.getItem(CAMERA_KEY);
    choose(cameras.includes(last) ? last : cameras[0]);
  }

  return { node, update };
}

/** The newest rejects; asked for when the counters say that there are more. */
function rejectsStrip() {
  const node = el("div.reject-row");
  let rejects = [];
  let counted = "";
  let drawn = null;
  // As many as fit into one row: a card that is cut off cannot be reached by Tab either.
  function fit() {
    const room = Math.max(1, Math.floor((node.clientWidth + CARD_GAP_PX) / (CARD_PX() + CARD_GAP_PX)));
    [...node.querySelectorAll(".reject")].forEach((card, index) => (card.hidden = index >= room));
  }
  const resized = new ResizeObserver(fit);
  resized.observe(node);
  return {
    node,
    close: () => resized.disconnect(),
    forget() {
      counted = "";
    },
    async renew() {
      const counts = store.state && store.state.counts;
      const now = counts ? JSON.stringify([counts.hour && counts.hour.rejected, counts.hour && counts.hour.challenge, counts.shift && counts.shift.rejected]) : "";
      if (drawn !== null && now === counted) return;
      const answer = await api(`/api/rejects?limit=${REJECTS_SHOWN}`, { ask: false });
      counted = now;
      rejects = answer.rejects;
      const key = rejects.map((reject) => `${reject.id} ${reject.pictures.length} ${reject.side}`).join();
      if (key === drawn) return;
      drawn = key;
      const focused = document.activeElement && document.activeElement.dataset.id;
      fill(node, rejects.length
        ? rejects.map((reject) => rejectCard(reject, () => openReject([...rejects], rejects.indexOf(reject))))
        : el("p.faint.empty", { text: t("rejects.none") }));
      fit();
      if (focused) node.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    },
  };
}
