/**
 * One rail, or one set of photos: the strip with its findings, one finding beside its limit, and all that is
 * known of the rail below. Everything can be done by keys (`yard_keys`), by mouse and by finger.
 */

import { api } from "../lib/api.js";
import { notice } from "../lib/dialog.js";
import { button, el, fill, setAttr } from "../lib/dom.js";
import { may, store } from "../lib/store.js";
import { known, number, t } from "../lib/words.js";
import { dismissDialog, factsDialog, overrideDialog } from "../lib/yard_decide.js";
import { editForm } from "../lib/yard_edit.js";
import { choice, explainYard } from "../lib/yard_forms.js";
import { railKeys, showYardHelp } from "../lib/yard_keys.js";
import { findingPanel, findingRow } from "../lib/yard_panel.js";
import { PARTS, railFacts, railPart } from "../lib/yard_parts.js";
import { railStrip } from "../lib/yard_strip.js";
import { correctionWords, kindName, needRecipe, placeWords } from "../lib/yard_words.js";

const AGAIN_MS = 4000;
const PAN_PX = 90;
const CAMERAS_BESIDE = 4;
const STATES = ["unconfirmed", "confirmed", "corrected", "added", "dismissed"];

/** @param {HTMLElement} root */
export function mount(root, _help, [railId, , lookId]) {
  const view = new RailView(root, Number(railId), lookId ? Number(lookId) : null);
  view.start();
  return view;
}

class RailView {
  constructor(root, railId, lookId) {
    Object.assign(this, { root, railId, lookId, rail: null, chosen: null, editing: null, part: "reasons", gone: false, recipe: null });
    this.strip = railStrip({ choose: (id) => this.choose(id, false), box: (box) => this.editing && this.editing.form.show(box) });
    this.head = el("header.yard-head");
    this.cameras = el("div.cameras", { role: "group", "aria-label": t("yard.cameras.title") });
    this.byState = choice([["", t("yard.filter.all_states")], ["open", t("yard.filter.not_dismissed")], ...STATES.map((name) => [name, known(`yard_state.${name}`, name)])], "open", { "aria-label": t("yard.key.state"), on: { change: () => this.draw() } });
    this.byKind = choice([["", t("yard.filter.all_kinds")]], "", { "aria-label": t("yard.key.kind"), on: { change: () => this.draw() } });
    this.list = el("div.finding-list", { role: "group", "aria-label": t("yard.findings") });
    this.count = el("p.faint.numeral", { "aria-live": "polite" });
    this.side = el("section.card.finding-side-card", { "aria-live": "polite" });
    this.lookBox = el("div.callout.look-bar", { hidden: true });
    this.tabs = el("div.segments.part-tabs", { role: "group", "aria-label": t("yard.parts") }, PARTS.map((name) => el("button", { type: "button", text: t(`yard.part.${name}`), data: { part: name }, on: { click: () => { this.part = name; this.drawPart(); } } })));
    this.partBox = el("div.card-body.part-box");
  }

  start() {
    const tools = [["yard.key.zoom_out", "−", () => this.rail && this.strip.zoomOut()], ["yard.key.zoom_in", "+", () => this.rail && this.strip.zoomIn()], ["yard.key.zoom_all", "0", () => this.rail && this.strip.zoomAll()]];
    fill(this.root, this.head, this.lookBox,
      el("section.card.strip-card", { "aria-busy": "true" },
        el("div.strip-tools", {}, this.cameras, el("span.strip-filters", {}, this.byState, this.byKind), this.count,
          el("div.segments", { role: "group", "aria-label": t("yard.zoom") }, tools.map(([key, text, act]) => el("button", { type: "button", text, title: t(key), "aria-label": t(key), on: { click: act } }))),
          this.add = button(t("yard.key.add"), () => this.act("add"), { "aria-keyshortcuts": "A" })),
        this.strip.node),
      el("div.rail-columns", {}, el("section.card", {}, this.list), this.side),
      el("section.card", {}, this.tabs, this.partBox));
    this.stopKeys = railKeys((name, event) => this.act(name, event));
    this.timer = setInterval(() => !document.hidden && this.look(), AGAIN_MS);
    this.read();
  }

  async read() {
    try {
      this.recipe = await needRecipe();
      const rail = await api(`/api/yard/rails/${this.railId}`);
      if (this.gone) return;
      this.take(rail);
      this.strip.node.closest(".card").setAttribute("aria-busy", "false");
      if (this.lookId) this.showLook();
      else if (!this.chosen) this.step(1, (finding) => finding.state === "unconfirmed", true);
      if (rail.kind === "photos") this.strip.zoomAll();
    } catch (error) {
      if (!this.gone) fill(this.root, el("p.form-error", { text: explainYard(error) }));
    }
  }

  /** Has somebody else done something? The rail follows; what is being typed stays. */
  async look() {
    if (!this.rail || store.link === "lost") return;
    try {
      const rail = await api(`/api/yard/rails/${this.railId}?seen=${this.rail.revision}`, { ask: false });
      if (!rail || this.gone || rail.revision <= this.rail.revision) return;
      this.tellOthers(rail.corrections.filter((entry) => entry.number > this.rail.revision));
      this.take(rail);
    } catch (error) {
      // The band over the page says that nobody answers, or that the session is over.
      if (error.status !== 0 && error.status !== 401) notice(explainYard(error), "bad");
    }
  }

  tellOthers(entries) {
    const mine = store.viewer && store.viewer.name;
    const others = entries.filter((entry) => entry.by !== mine);
    if (others.length) notice(`${t("yard.others")} ${others.map((entry) => `${entry.by}: ${correctionWords(entry)}`).join("; ")}`, "warn");
  }

  take(rail) {
    const first = !this.rail;
    this.rail = { ...rail, rowsAsked: this.recipe.rows };
    this.strip.setRail(this.rail);
    if (first) {
      this.makeCameras(rail);
      this.strip.node.classList.toggle("photos", rail.kind === "photos");
    }
    const names = [...new Set(rail.findings.map((finding) => finding.kind))];
    const kept = this.byKind.value;
    fill(this.byKind, el("option", { value: "", text: t("yard.filter.all_kinds") }), names.map((name) => el("option", { value: name, text: kindName(name) })));
    this.byKind.value = names.includes(kept) ? kept : "";
    this.draw();
  }

  /** The ways to the cameras: side by side, or a list where there are many, as with photos. */
  makeCameras(rail) {
    this.cameras.hidden = rail.cameras.length < 2;
    this.cameras.classList.toggle("segments", rail.cameras.length <= CAMERAS_BESIDE);
    if (rail.cameras.length > CAMERAS_BESIDE) {
      fill(this.cameras, choice(rail.cameras.map((camera, index) => [String(index), camera.name]), "0", { "aria-label": t("yard.cameras.title"), on: { change: (event) => this.setCamera(Number(event.target.value)) } }));
    } else fill(this.cameras, rail.cameras.map((camera, index) => el("button", { type: "button", text: camera.name, on: { click: () => this.setCamera(index) } })));
  }

  markCamera() {
    const { camera } = this.strip;
    const list = this.cameras.querySelector("select");
    if (list) list.value = String(camera);
    else [...this.cameras.children].forEach((child, index) => setAttr(child, "aria-pressed", String(index === camera)));
  }

  /** Findings that pass the filters, along the rail. */
  get shown() {
    const state = this.byState.value;
    return this.rail.findings
      .filter((finding) => (!state || (state === "open" ? finding.state !== "dismissed" : finding.state === state)) && (!this.byKind.value || finding.kind === this.byKind.value))
      .sort((a, b) => (this.rail.kind === "photos" ? cameraOf(this.rail, a) - cameraOf(this.rail, b) : 0) || a.first_row - b.first_row);
  }

  get finding() {
    return this.rail && this.rail.findings.find((finding) => finding.id === this.chosen);
  }

  draw() {
    if (!this.rail) return;
    const { rail, shown } = this;
    if (this.chosen && !this.finding) this.chosen = null;
    this.strip.setFindings(shown, this.chosen);
    this.strip.canvas.setAttribute("aria-label", t("yard.strip_label", { rail: rail.name, n: number(shown.length) }));
    this.markCamera();
    const open = rail.findings.filter((finding) => finding.state === "unconfirmed").length;
    this.count.textContent = t("yard.count", { n: number(shown.length), open: number(open) });
    fill(this.list, shown.length ? shown.map((finding) => findingRow(rail, finding, finding.id === this.chosen, (id) => this.choose(id, true))) : el("p.faint.empty", { text: t("yard.findings_none") }));
    this.drawHead();
    if (!this.editing) this.drawSide();
    this.drawPart();
  }

  drawHead() {
    const { rail } = this;
    const allowed = may("yard_inspect") !== false;
    this.add.hidden = !allowed;
    const back = rail.wagon_id === null ? "#/wagons" : `#/wagon/${rail.wagon_id}`;
    fill(this.head, el("a.card-link", { href: back, text: `‹ ${t("yard.view.wagons")}` }), el("h2", { text: rail.name }), railFacts(rail),
      el("span.head-actions", {},
        allowed ? [
          button(t("yard.key.facts"), () => this.act("facts"), { "aria-keyshortcuts": "F" }),
          rail.decided || rail.grade.grade === "human" ? null : button(t("yard.key.grade"), () => this.act("grade"), { kind: "primary", "aria-keyshortcuts": "G" }),
          button(t("yard.key.override"), () => this.act("override"), { "aria-keyshortcuts": "O" }),
          button(t("yard.key.reviewed"), () => this.act("reviewed"), { "aria-keyshortcuts": "R" }),
        ] : null,
        button("", showYardHelp, { kind: "quiet square", icon: "help", "aria-label": t("shell.help") })));
  }

  drawSide() {
    const { finding } = this;
    fill(this.side, finding
      ? findingPanel(this.rail, finding, { confirm: () => this.act("confirm"), correct: () => this.act("correct"), dismiss: () => this.act("dismiss"), next: () => this.step(1), previous: () => this.step(-1) })
      : el("p.faint.empty", { text: t("yard.choose") }));
  }

  drawPart() {
    for (const child of this.tabs.children) setAttr(child, "aria-pressed", String(child.dataset.part === this.part));
    if (!this.rail) return; // chosen before the rail has come: drawn when it has
    fill(this.partBox, railPart(this.part, this.rail, {
      facts: () => this.act("facts"), undo: (number_) => this.send({ kind: "undo", correction: number_, reason: "" }),
      choose: (id) => this.choose(id, true),
      showRows: (first, last, camera) => {
        if (camera) this.setCamera(this.rail.cameras.findIndex((one) => one.name === camera));
        this.strip.showRows(first, last);
        this.strip.node.scrollIntoView({ block: "nearest" });
      },
    }));
  }

  setCamera(index) {
    if (this.editing) return;
    this.strip.setCamera(index);
    this.draw();
  }

  choose(id, show) {
    if (this.editing) return;
    this.chosen = id;
    this.draw();
    if (id && show) {
      this.strip.showFinding(this.finding);
      this.draw();
    }
    const row = this.list.querySelector("[aria-pressed=true]");
    if (row) this.list.scrollTop = row.offsetTop - this.list.clientHeight / 2;
  }

  /** The next finding along the rail (or the one before), of those that pass `test`; `stay`: without zooming. */
  step(way, test = () => true, stay = false) {
    const { shown } = this;
    const at = shown.findIndex((finding) => finding.id === this.chosen);
    const from = at < 0 && way < 0 ? 0 : at;
    const order = shown.map((_, index) => shown[(from + way * (index + 1) + 2 * shown.length) % shown.length]);
    const found = order.find(test);
    if (found) this.choose(found.id, !stay);
  }

  /** What a key or a button asks for. @returns {boolean} whether it was for now */
  act(name, event = null) {
    if (!this.rail) return false;
    if (this.editing) return this.actEditing(name, event);
    const { strip, finding } = this;
    const moves = {
      next: () => this.step(1), previous: () => this.step(-1), next_open: () => this.step(1, (one) => one.state === "unconfirmed"),
      zoom_in: () => strip.zoomIn(), zoom_out: () => strip.zoomOut(), zoom_all: () => strip.zoomAll(),
      zoom_to: () => finding && strip.showFinding(finding), camera: () => this.setCamera((strip.camera + 1) % this.rail.cameras.length),
      pan: () => strip.pan(event.code === "ArrowLeft" ? PAN_PX : -PAN_PX, 0), across: () => strip.pan(0, event.code === "ArrowUp" ? PAN_PX : -PAN_PX),
      ends: () => strip.toEnd(event.code === "End"), state: () => this.turn(this.byState), kind: () => this.turn(this.byKind),
    };
    if (moves[name]) {
      moves[name]();
      return true;
    }
    return may("yard_inspect") === false ? false : this.decide(name);
  }

  turn(select) {
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    this.draw();
  }

  decide(name) {
    const { finding } = this;
    const send = (change) => this.sendOrThrow(change);
    const acts = {
      confirm: () => finding && this.send({ kind: "confirm", finding: finding.id, reason: "" }, true),
      correct: () => finding && this.edit(finding), dismiss: () => finding && dismissDialog(finding, send), add: () => this.edit(null),
      facts: () => factsDialog(this.rail, send), override: () => overrideDialog(this.rail, send),
      grade: () => this.send({ kind: "confirm_grade", reason: "" }), reviewed: () => this.send({ kind: "reviewed", camera: null, first_row: null, last_row: null, reason: "" }),
      undo: () => this.undoLast(),
    };
    if (!acts[name]) return false;
    acts[name]();
    return true;
  }

  actEditing(name, event) {
    const box = { ...this.strip.edit };
    const step = Math.max(1, 4 / this.strip.frame.scaleX);
    if (name === "take_box") this.editing.form.save();
    else if (name === "drop_box") this.endEdit();
    else if (name === "pan" || name === "across") this.strip.moveEdit(moved(box, event, step, this.strip.frame.lying));
    else if (name === "zoom_in") this.strip.zoomIn();
    else if (name === "zoom_out") this.strip.zoomOut();
    else return false;
    return true;
  }

  edit(finding) {
    const { strip } = this;
    if (finding) strip.showFinding(finding);
    this.markCamera();
    const own = finding && strip.frame.boxOf(finding, this.rail.cameras[strip.camera].name);
    strip.setEdit(finding ? finding.id : "", own ?? strip.middleBox());
    const form = editForm(this.rail, finding, strip, {
      cancel: () => this.endEdit(),
      send: async (values, reason) => {
        const change = finding ? { kind: "correct", finding: finding.id, values, reason } : { kind: "add", values, reason };
        const before = new Set(this.rail.findings.map((one) => one.id));
        await this.sendOrThrow(change);
        const added = this.rail.findings.find((one) => !before.has(one.id));
        this.endEdit(added ? added.id : undefined);
      },
    });
    this.editing = { form };
    fill(this.side, form.node);
    form.show(strip.edit);
    strip.canvas.focus({ preventScroll: true });
  }

  endEdit(id) {
    this.editing = null;
    this.strip.setEdit("", null);
    if (id) this.chosen = id;
    this.draw();
    this.strip.canvas.focus({ preventScroll: true });
  }

  undoLast() {
    const undone = new Set(this.rail.corrections.filter((entry) => entry.kind === "undo").map((entry) => entry.undoes));
    const last = [...this.rail.corrections].reverse().find((entry) => entry.kind !== "undo" && !undone.has(entry.number));
    if (last) this.send({ kind: "undo", correction: last.number, reason: "" });
  }

  /** Send a change, take the rail as it then stands; who was faster is shown, and nothing typed is lost. */
  async sendOrThrow(change) {
    try {
      this.take(await api(`/api/yard/rails/${this.railId}/changes`, { method: "POST", body: { change, revision: this.rail.revision } }));
    } catch (error) {
      if (error.code === "yard_changed_since") await this.read();
      throw error;
    }
  }

  async send(change, onward = false) {
    const before = this.chosen;
    try {
      await this.sendOrThrow(change);
      notice(t(`yard.done.${change.kind}`));
      if (onward && this.chosen === before) this.step(1, (finding) => finding.state === "unconfirmed");
    } catch (error) {
      notice(explainYard(error), "bad");
    }
  }

  showLook() {
    const look = this.rail.looks.find((one) => one.look_id === this.lookId);
    if (!look) return;
    this.setCamera(Math.max(0, this.rail.cameras.findIndex((camera) => camera.name === look.camera)));
    this.strip.setLook(look.look_id);
    this.strip.showRows(look.first_row, look.last_row);
    const answer = async (what) => {
      try {
        await api(`/api/yard/looks/${look.look_id}`, { method: "POST", body: { answer: what, note: "" } });
        notice(t(`yard.looks.noted_${what}`));
        if (what === "clear") location.hash = "#/looks";
        else this.act("add");
        this.lookBox.hidden = true;
      } catch (error) {
        notice(explainYard(error), "bad");
      }
    };
    this.lookBox.hidden = false;
    fill(this.lookBox, el("p", { text: t(look.answer ? "yard.looks.here_missed" : "yard.looks.here", { place: placeWords({ ...look, start_m: null, end_m: null }) }) }),
      look.answer || may("yard_inspect") === false ? null : el("div.actions", {}, button(t("yard.looks.clear"), () => answer("clear"), { icon: "ok" }), button(t("yard.looks.missed"), () => answer("missed"), { icon: "warn" })));
    if (look.answer === "missed" && may("yard_inspect") !== false) this.act("add");
  }

  update(what) {
    if (what === "theme") this.strip.redraw();
    if (what === "viewer") this.draw();
  }

  unmount() {
    this.gone = true;
    clearInterval(this.timer);
    this.stopKeys();
    this.strip.close();
  }
}

const cameraOf = (rail, finding) => rail.cameras.findIndex((camera) => camera.name === finding.boxes[0]?.camera);

/** The box moved, or with Shift its right and lower edge: by the screen's axes, which a lying rail turns. */
function moved(box, event, step, lying) {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.code];
  const [dx, dy] = lying ? [-way[1] * step, way[0] * step] : [way[0] * step, way[1] * step];
  const y2 = Math.max(box.y2 + dy, box.y1 + 2);
  // The lower edge on the screen is that of the smaller columns where a rail lies.
  if (event.shiftKey && lying) return { ...box, x1: Math.min(box.x1 + dx, box.x2 - 2), y2 };
  if (event.shiftKey) return { ...box, x2: Math.max(box.x2 + dx, box.x1 + 2), y2 };
  return { x1: box.x1 + dx, x2: box.x2 + dx, y1: box.y1 + dy, y2: box.y2 + dy };
}
