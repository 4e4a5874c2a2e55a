/** Second looks: stretches where the model found nothing, drawn at random, so that misses are found, too. */

import { api, explain } from "../lib/api.js";
import { notice } from "../lib/dialog.js";
import { button, el, fill } from "../lib/dom.js";
import { may } from "../lib/store.js";
import { number, percent, t } from "../lib/words.js";
import { explainYard } from "../lib/yard_forms.js";
import { putPicture } from "../lib/yard_panel.js";

/** wider than any strip: the server cuts what there is */
const ALL_PX = 9e6;

/** @param {HTMLElement} root */
export function mount(root) {
  const rateBox = el("p.lead");
  const grid = el("div.look-grid", { "aria-busy": "true" });
  fill(root, el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("yard.looks.title") })),
    el("p", { text: t("yard.looks.what") }), rateBox), grid);
  let gone = false;

  async function read() {
    try {
      const { looks, rate } = await api("/api/yard/looks?limit=12");
      if (gone) return;
      rateBox.textContent = rateWords(rate);
      fill(grid, looks.length ? looks.map((look) => card(look, answer)) : el("p.faint.empty", { text: t("yard.looks.none") }));
    } catch (error) {
      if (!gone) fill(grid, el("p.form-error", { text: explain(error) }));
    }
    grid.setAttribute("aria-busy", "false");
  }

  async function answer(look, what) {
    try {
      await api(`/api/yard/looks/${look.look_id}`, { method: "POST", body: { answer: what, note: "" } });
      notice(t(`yard.looks.noted_${what}`));
      if (what === "missed") location.hash = `#/rail/${look.rail_id}/look/${look.look_id}`;
    } catch (error) {
      notice(explainYard(error), "bad");
    }
    await read();
  }

  read();
  return { update: () => undefined, unmount: () => { gone = true; } };
}

function rateWords(rate) {
  if (!rate.looked) return t("yard.looks.rate_none", { open: number(rate.open) });
  return t("yard.looks.rate", { missed: number(rate.missed), looked: number(rate.looked), low: percent(rate.low), high: percent(rate.high), open: number(rate.open) });
}

function card(look, answer) {
  const place = t("yard.place.rows", { from: number(look.first_row), to: number(look.last_row) });
  const words = `${look.rail} · ${look.camera} · ${place}`;
  const source = `/yard/crops/${look.rail_id}/${look.camera_number}.jpg?x1=0&y1=${look.first_row}&x2=${ALL_PX}&y2=${look.last_row}`;
  const allowed = may("yard_inspect") !== false;
  const canvas = el("canvas", { role: "img", "aria-label": words });
  const image = el("img", { alt: "", decoding: "async" });
  image.onload = () => putPicture(canvas, image, look.lying);
  image.onerror = () => canvas.replaceWith(el("p.faint", { text: t("yard.no_picture") }));
  if (look.camera_number !== null) image.src = source;
  return el("article.look.card", { data: { look: String(look.look_id) } },
    canvas,
    el("p", { text: words }),
    el("div.actions", {},
      allowed ? button(t("yard.looks.clear"), () => answer(look, "clear"), { icon: "ok", "aria-label": `${t("yard.looks.clear")}: ${words}` }) : null,
      allowed ? button(t("yard.looks.missed"), () => answer(look, "missed"), { icon: "warn", "aria-label": `${t("yard.looks.missed")}: ${words}` }) : null,
      el("a.button.quiet", { href: `#/rail/${look.rail_id}/look/${look.look_id}`, text: t("yard.looks.open") })));
}
