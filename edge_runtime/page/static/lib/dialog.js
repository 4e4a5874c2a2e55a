/** Dialogs (the browser's own, so focus stays inside and Escape closes) and short notices. */

import { button, el, fill } from "./dom.js";
import { t } from "./words.js";

const NOTICES_MAX = 2;
const NOTICE_MS = 5000;

/**
 * Open a dialog.
 * @param {Object} options
 * @param {string} options.title
 * @param {Array<Node>} options.body
 * @param {Array<Object>} [options.actions] `{label, kind, value, submit}`: closes with `value`; with `submit`
 *   an async function that returns the dialog's result or undefined to stay open
 * @param {string} [options.kind] 'wide', 'bad' ...
 * @param {(close: (value: any) => void, dialog: HTMLElement) => void} [options.opened]
 * @returns {Promise<any>} the chosen value; undefined when it was closed by Escape or its cross
 */
export function openDialog({ title, body, actions = [], kind = "", opened }) {
  return new Promise((resolve) => {
    const titleId = `dialog-${Math.random().toString(36).slice(2)}`;
    const dialog = el("dialog.dialog", { "aria-labelledby": titleId, class: kind });
    const before = document.activeElement;
    let result;
    const close = (value) => {
      result = value;
      dialog.close();
    };
    const chosen = actions.find((action) => /primary|danger/.test(action.kind || ""));
    const form = el("form", { method: "dialog", novalidate: "" },
      el("header.dialog-head", {},
        el("h2", { id: titleId, text: title }),
        button("", () => close(undefined), { kind: "quiet square", icon: "close", "aria-label": t("button.close") })),
      el("div.dialog-body", {}, body),
      actions.length ? el("footer.dialog-foot", {}, actions.map((action) => actionButton(action, close, action === chosen))) : null);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (chosen) form.querySelector("footer [type=submit]").act();
    });
    dialog.append(form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before && before.isConnected) before.focus();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
    const focus = dialog.querySelector("[data-autofocus]");
    if (focus) focus.focus();
    if (opened) opened(close, dialog);
  });
}

/** A button of a dialog's foot; the chosen one is what Enter does in a field. */
function actionButton({ label, kind = "", value, submit, icon }, close, submits) {
  let busy = false;
  async function act() {
    if (busy) return;
    if (!submit) {
      close(value);
      return;
    }
    // Not `disabled`: that would take the focus away from it.
    busy = true;
    node.setAttribute("aria-busy", "true");
    try {
      const done = await submit();
      if (done !== undefined) close(done);
    } finally {
      busy = false;
      node.removeAttribute("aria-busy");
    }
  }
  const node = button(label, submits ? null : act, { kind, icon });
  node.act = act;
  return node;
}

/** Ask yes or no; resolves to true only on yes. */
export async function confirmDialog({ title, lines, yes, kind = "primary" }) {
  const answer = await openDialog({
    title,
    kind: kind === "danger" ? "bad" : "",
    body: lines.map((line) => (typeof line === "string" ? el("p", { text: line }) : line)),
    actions: [{ label: t("button.cancel"), value: false }, { label: yes, kind, value: true }],
  });
  return answer === true;
}

/** Show a short notice; errors stay until they are closed. */
export function notice(text, kind = "ok") {
  const place = document.getElementById("notices");
  const node = el(`div.notice.${kind}`, { role: kind === "bad" ? "alert" : "status" }, el("p", { text }),
    button("", () => node.remove(), { kind: "quiet square", icon: "close", "aria-label": t("button.close") }));
  // One good word at a time: what stands there is work in progress.
  if (kind === "ok") place.querySelectorAll(".notice.ok").forEach((old) => old.remove());
  place.append(node);
  while (place.children.length > NOTICES_MAX) place.firstElementChild.remove();
  if (kind !== "bad") setTimeout(() => node.remove(), NOTICE_MS);
}

/** A line under a form for what went wrong with it; read aloud when it comes. */
export function errorLine() {
  const node = el("p.form-error", { role: "alert", hidden: true });
  return {
    node,
    show(text) {
      node.hidden = !text;
      fill(node, text);
    },
  };
}
