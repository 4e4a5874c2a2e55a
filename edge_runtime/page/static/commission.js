/**
 * The wizard of commissioning: steps on the left, what to do now on the right, live figures with bars, the
 * camera's picture, and the results of each step beside what the PLC says.
 *
 * The server sends everything in the reader's words (GET /api/commission); here is only its look. Nodes are made
 * anew when another thing is shown and changed in place while figures move, so that a button stays under the finger.
 */

import { api, explain, NotSignedIn } from "./lib/api.js";
import { errorLine, openDialog } from "./lib/dialog.js";
import { button, el, fill, icon, setText } from "./lib/dom.js";
import { livePicture } from "./lib/picture_view.js";
import { may } from "./lib/store.js";
import { currentLanguage, t } from "./lib/words.js";

const POLL_MS = 350;
const SIGNS = { passed: "ok", failed: "bad", skipped: "warn", running: "right" };

/** @param {HTMLElement} root @param {{live: Object, signIn: Function}} help */
export function mount(root, help) {
  const steps = el("ol.wizard-steps");
  const card = el("section.card.wizard-card", { "aria-live": "off" });
  const wrong = errorLine();
  const node = el("div.wizard", {}, el("nav.card.wizard-nav", { "aria-label": t("view.commission") }, steps), el("div.wizard-main", {}, wrong.node, card));
  fill(root, node);
  let told = null;
  let chosen = null;
  let drawn = "";
  let live = null;
  let over = false;
  let timer = 0;

  const picture = livePicture({});
  help.live.onPicture(picture.show);

  async function poll() {
    clearTimeout(timer);
    try {
      if (!document.hidden) take(await api(`/api/commission?language=${currentLanguage()}`));
    } catch (error) {
      if (!(error instanceof NotSignedIn)) wrong.show(explain(error));
    }
    if (!over) timer = setTimeout(poll, POLL_MS);
  }

  function take(news) {
    if (over) return;
    const before = told && told.running && told.running.step;
    told = news;
    const running = told.running && told.running.step;
    // Whatever begins or ends is looked at; in between people look where they like.
    if (running !== before || chosen === null) chosen = running || before || told.next || lastStep();
    draw();
  }

  const lastStep = () => told.steps[told.steps.length - 1].step;
  const words = (key, values = {}) => place(told.texts[`page.${key}`], values);

  function draw() {
    drawSteps();
    const step = told.steps.find((item) => item.step === chosen);
    const running = told.running && told.running.step === step.step ? told.running : null;
    // What makes another picture of the card; moving figures are not among it.
    const shape = JSON.stringify([
      told.language, step.step, step.status, told.written, step.facts, may("commission"), told.running && told.running.step,
      running && [running.text, running.asks, running.camera, running.figures.map((figure) => figure.key), running.progress !== null],
    ]);
    if (shape !== drawn) {
      drawn = shape;
      live = running ? runningCard(step, running) : restingCard(step);
    }
    if (live) live(running);
  }

  function drawSteps() {
    const items = told.steps.map((step, index) =>
      el(`li.wizard-step.${step.status}`, {},
        el("button", { type: "button", "aria-current": step.step === chosen ? "step" : null, on: { click: () => choose(step.step) } },
          step.status === "open" ? el("i.wizard-number", { text: String(index + 1) }) : icon(SIGNS[step.status]), el("span", {}, el("b", { text: step.title }), el("small", { text: step.status_text })))));
    const text = items.map((item) => item.outerHTML).join("");
    if (steps.dataset.text === text) return;
    const focused = [...steps.children].findIndex((item) => item.contains(document.activeElement));
    steps.dataset.text = text;
    fill(steps, items);
    if (focused >= 0) steps.children[focused].firstChild.focus();
  }

  function choose(step) {
    chosen = step;
    wrong.show("");
    draw();
  }

  function head(step) {
    const number = told.steps.indexOf(step) + 1;
    return el("header.wizard-head", {},
      el("p.faint", { text: words("step_of", { number, count: told.steps.length }) }),
      el("h2", { text: step.title }), el("p.faint", { text: step.about }));
  }

  // -- a step under way ---------------------------------------------------------------------

  function runningCard(step, running) {
    const figures = running.figures.map(figureRow);
    const bar = running.progress ? progressBar() : null;
    const typed = running.asks.filter((ask) => ask.typed).map((ask) => field(ask));
    const asks = running.asks.map((ask, index) =>
      button(ask.label, () => send(step.step, "answer", { name: ask.name, value: ask.typed ? typed[0].value() : null }), {
        kind: index === 0 ? "primary big" : "big", icon: index === 0 ? "ok" : null,
      }));
    const asking = typed.length || asks.length ? el("div.wizard-asks", {}, typed.map((item) => item.node), asks) : null;
    help.live.setCamera(running.camera || null);
    fill(card, head(step),
      el(`div.wizard-now${running.trouble ? ".bad" : ""}`, { role: "status" }, el("h3", { text: words("ask_now") }), el("p.wizard-text", { text: running.text }),
        running.detail ? el("p.faint", { text: running.detail }) : null),
      bar && bar.node,
      figures.length ? el("div.wizard-figures", {}, figures.map((figure) => figure.node)) : null,
      asking,
      running.camera ? el("div.wizard-picture", {}, picture.node) : null,
      el("div.wizard-foot", {}, button(words("cancel"), () => send(step.step, "cancel"), { kind: "quiet" }), skipButton(step)));
    allow(card);
    return (now) => {
      if (!now) return;
      now.figures.forEach((figure, index) => figures[index].update(figure));
      if (bar && now.progress) bar.update(now.progress);
    };
  }

  function figureRow(figure) {
    const value = el("b.wizard-value.numeral");
    const meter = el("div.wizard-meter", { hidden: figure.share === null, role: "presentation" }, el("i"));
    const limits = el("span.faint");
    const best = el("span.wizard-best");
    const node = el("div.wizard-figure", {}, el("span.wizard-label", { text: figure.label }), value, meter, el("span.wizard-limits", {}, limits, best));
    return {
      node,
      update(now) {
        setText(value, now.value);
        setText(limits, now.limits);
        setText(best, now.best);
        node.dataset.ok = String(now.ok);
        if (now.share !== null) meter.firstChild.style.width = `${Math.round(100 * now.share)}%`;
      },
    };
  }

  function progressBar() {
    const meter = el("div.wizard-meter.wide", {}, el("i"));
    const text = el("span.numeral");
    return {
      node: el("div.wizard-progress", {}, meter, text),
      update([done, total]) {
        meter.firstChild.style.width = `${total ? Math.round((100 * done) / total) : 0}%`;
        setText(text, words("progress", { done, total }));
      },
    };
  }

  function field(ask) {
    const input = el("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    return { node: el("label.field", {}, el("span", { text: ask.label }), input), value: () => input.value.trim() };
  }

  // -- a step that rests --------------------------------------------------------------------

  function restingCard(step) {
    help.live.setCamera(null);
    const idle = !told.running;
    const done = step.status === "passed" || step.status === "skipped";
    const follows = done && told.next && told.next !== step.step ? told.steps.find((item) => item.step === told.next) : null;
    const begin = button(words(step.status === "open" ? "begin" : "again"), () => send(step.step, "begin"), { kind: done ? "" : "primary big", icon: done ? null : "right" });
    begin.hidden = !idle;
    const next = follows && idle ? button(`${words("next")}: ${follows.title}`, () => send(follows.step, "begin"), { kind: "primary big", icon: "right" }) : null;
    fill(card, head(step),
      step.reason ? el("p.wizard-skipped", { text: words("skipped_by", { reason: step.reason, by: step.by || "–" }) }) : null,
      step.facts.length ? factsTable(step.facts) : null,
      step.kind === "write" && told.written.length ? written() : null,
      el("div.wizard-asks", {}, next, begin),
      el("div.wizard-foot", {}, idle && !done ? skipButton(step) : null));
    allow(card);
    return null;
  }

  function factsTable(facts) {
    const rows = facts.flatMap((fact) => [
      el("tr", { data: { ok: String(fact.ok) } },
        el("td", {}, fact.ok === null ? null : icon(fact.ok ? "ok" : "bad")), el("th", { scope: "row", text: fact.label }),
        el("td.numeral", { text: fact.value }), el("td.numeral.faint", { text: fact.plc })),
      fact.todo ? el("tr.wizard-todo", {}, el("td"), el("td", { colspan: "3" }, el("b", { text: `${words("todo")}: ` }), fact.todo)) : null,
    ]);
    const heads = ["", "", words("measured"), words("plc_says")].map((text) => el("th", { scope: "col", text }));
    return el("div.wizard-scroll", {}, el("table.wizard-facts", {}, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)));
  }

  function written() {
    const files = told.written.map((path) => {
      const name = path.split("/").pop();
      const paper = /^report-.*\.(html|pdf)$/.test(name);
      return el("li", {}, paper ? el("a", { href: `/reports/commission/${encodeURIComponent(name)}`, target: "_blank", rel: "noopener", text: name }) : el("code", { text: path }));
    });
    return el("div.wizard-done", {}, el("h3", {}, icon("ok"), words("done_title")), el("p", { text: words("done") }), el("ul", {}, files));
  }

  function skipButton(step) {
    return step.can_skip ? button(words("skip"), () => skip(step), { kind: "quiet" }) : null;
  }

  async function skip(step) {
    const reason = el("input", { type: "text", maxlength: "200", "data-autofocus": "" });
    const line = errorLine();
    await openDialog({
      title: `${words("skip")}: ${step.title}`,
      body: [el("label.field", {}, el("span", { text: words("skip_why") }), reason), line.node],
      actions: [
        { label: t("button.cancel"), value: false },
        {
          label: words("skip"), kind: "danger",
          submit: async () => {
            if (!reason.value.trim()) return line.show(told.texts["refused.no_reason"]);
            return (await send(step.step, "skip", { reason: reason.value.trim() })) || undefined;
          },
        },
      ],
    });
  }

  // -- the server ---------------------------------------------------------------------------

  async function send(step, action, values = {}) {
    wrong.show("");
    try {
      take(await api("/api/commission", { method: "POST", body: { step, action, values, language: currentLanguage() } }));
      return true;
    } catch (error) {
      if (error instanceof NotSignedIn) wrong.show(words("sign_in"));
      else wrong.show(told.texts[`refused.${error.code}`] || explain(error));
      return false;
    }
  }

  /** Buttons of those who may not are off, and say why. */
  function allow(place) {
    if (may("commission") !== false) return;
    for (const item of place.querySelectorAll("button")) {
      item.disabled = true;
      item.title = words("sign_in");
    }
  }

  poll();
  return {
    update(what) {
      if ((what === "viewer" || what === "link") && told) draw();
    },
    refetch: poll,
    unmount() {
      over = true;
      clearTimeout(timer);
      help.live.off(picture.show);
      help.live.setCamera(null);
      picture.close();
    },
  };
}

function place(text, values) {
  return String(text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
