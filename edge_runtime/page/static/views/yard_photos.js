/** Photos of a wagon or a pile: sent from here, looked at by the station, corrected like a rail. No scale. */

import { api, ApiError, explain } from "../lib/api.js";
import { errorLine, notice } from "../lib/dialog.js";
import { button, el, fill } from "../lib/dom.js";
import { may, serverNow, store } from "../lib/store.js";
import { number, t, when } from "../lib/words.js";
import { choice, explainYard, field, line } from "../lib/yard_forms.js";
import { vehicleName } from "./yard_wagons.js";

const AGAIN_MS = 4000;
const MB = 1024 * 1024;

/** @param {HTMLElement} root */
export function mount(root) {
  const formBox = el("div.card-body");
  const list = el("div.table-box", { "aria-busy": "true" });
  fill(root,
    el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("yard.photos.send") })), el("p", { text: t("yard.photos.what") }), formBox),
    el("section.card", {}, el("header.card-head", {}, el("h2", { text: t("yard.photos.title") })), list));
  let gone = false;
  let drawn = "";
  let limits = { file_max_mb: 40, files_max: 60 };

  async function read() {
    try {
      const answer = await api("/api/yard/photos");
      if (gone) return;
      limits = answer;
      const now = JSON.stringify(answer.uploads);
      if (now !== drawn) fill(list, answer.uploads.length ? table(answer.uploads) : el("p.faint.empty", { text: t("yard.photos.none") }));
      drawn = now;
    } catch (error) {
      if (!gone) fill(list, el("p.form-error", { text: explain(error) }));
    }
    list.setAttribute("aria-busy", "false");
  }

  async function makeForm() {
    const { wagons } = await api("/api/yard/wagons?limit=50");
    if (!gone) fill(formBox, uploadForm(wagons, () => limits, read));
  }

  read();
  makeForm().catch((error) => fill(formBox, el("p.form-error", { text: explain(error) })));
  const timer = setInterval(() => !document.hidden && read(), AGAIN_MS);
  return {
    update: () => undefined,
    unmount() {
      gone = true;
      clearInterval(timer);
    },
  };
}

function uploadForm(wagons, limits, again) {
  const files = el("input", { type: "file", accept: "image/jpeg,image/png", multiple: true });
  const chosenWords = el("span.faint", { text: t("yard.photos.none_chosen") });
  files.addEventListener("change", () => {
    const names = [...files.files].map((file) => file.name);
    chosenWords.textContent = names.length ? `${number(names.length)}: ${names.slice(0, 4).join(", ")}${names.length > 4 ? " …" : ""}` : t("yard.photos.none_chosen");
  });
  const name = line("", { maxlength: "120" });
  const wagon = choice([["", t("yard.photos.no_wagon")], ...wagons.map((one) => [String(one.wagon_id), vehicleName(one)])], "");
  const wrong = errorLine();
  const bar = el("progress", { max: "100", value: "0", hidden: true, "aria-label": t("yard.photos.progress") });
  const send = button(t("yard.photos.send"), null, { kind: "primary", icon: "photos" });
  const form = el("form.yard-form", { novalidate: "", on: { submit: async (event) => {
    event.preventDefault();
    wrong.show("");
    const chosen = [...files.files];
    const fault = faultOf(chosen, limits());
    if (fault) {
      wrong.show(fault);
      return;
    }
    send.disabled = true;
    bar.hidden = false;
    try {
      const left = await sendAll(chosen, { name: name.value, wagon_id: wagon.value ? Number(wagon.value) : null }, (share) => (bar.value = share * 100));
      form.reset();
      files.dispatchEvent(new Event("change"));
      if (left.length) wrong.show(left.join("\n"));
      else notice(t("yard.photos.sent", { n: number(chosen.length) }));
    } catch (error) {
      wrong.show(explainYard(error));
    }
    send.disabled = false;
    bar.hidden = true;
    again();
  } } },
    el("div.yard-fields", {}, el("label.field", {}, el("span", { text: t("yard.photos.files") }), el("span.file-choice", {}, el("span.button", { text: t("yard.photos.pick") }), chosenWords, files), el("small.faint", { text: t("yard.photos.limits", { n: limits().files_max, mb: limits().file_max_mb }) })),
      field(t("yard.photos.name"), name), field(t("yard.photos.wagon"), wagon)),
    bar, wrong.node, el("div.actions", {}, send));
  if (may("yard_inspect") === false) for (const input of form.querySelectorAll("input, select, button")) input.disabled = true;
  return form;
}

/** What is wrong before a byte is sent. */
function faultOf(files, { file_max_mb: most, files_max: many }) {
  if (!files.length) return t("yard.photos.choose");
  if (files.length > many) return t("yard.photos.too_many", { n: number(files.length), max: number(many) });
  const large = files.find((file) => file.size > most * MB);
  return large ? t("refused.yard_file_too_large", { file: large.name, mb: number(Math.ceil(large.size / MB)), max_mb: number(most) }) : "";
}

/** Send them one by one; returns what was refused, in words. The rest is handed over all the same. */
async function sendAll(files, facts, progress) {
  const { upload } = await api("/api/yard/photos", { method: "POST", body: { ...facts, files: files.length } });
  const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
  const refused = [];
  let done = 0;
  for (const [index, file] of files.entries()) {
    try {
      await sendFile(upload, index, file, (bytes) => progress((done + bytes) / total));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 401 || error.status === 0) throw error;
      refused.push(explainYard(error));
    }
    done += file.size;
  }
  const all = refused.length === files.length;
  await api(`/api/yard/photos/${upload}/${all ? "cancel" : "done"}`, { method: "POST", body: {} });
  if (!all && refused.length) refused.push(t("yard.photos.rest_sent", { n: number(files.length - refused.length) }));
  return refused;
}

/** One file; by XMLHttpRequest, which tells how far it is. */
function sendFile(upload, index, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/yard/photo-files/${upload}/${index}?name=${encodeURIComponent(file.name.slice(-200))}`);
    request.setRequestHeader("X-CSRF-Token", store.csrf);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onload = () => {
      const said = request.response || {};
      if (request.status === 200) resolve(said);
      else reject(new ApiError(request.status, said.code || `http_${request.status}`, said.values, said.text));
    };
    request.onerror = () => reject(new ApiError(0, "page_unreachable", {}, ""));
    request.send(file);
  });
}

function table(uploads) {
  const head = ["yard.photos.name", "yard.photos.files", "yard.photos.state", "yard.photos.marks", "yard.photos.by", "yard.photos.at"];
  return el("table", {},
    el("thead", {}, el("tr", {}, head.map((key) => el("th", { scope: "col", text: t(key) })))),
    el("tbody", {}, uploads.map((upload) => el("tr", { data: { upload: upload.upload } },
      el("th", { scope: "row" }, upload.rail_id ? el("a.row-link", { href: `#/rail/${upload.rail_id}`, text: upload.title || upload.upload }) : el("span.row-name", { text: upload.title || upload.upload })),
      el("td.numeral", { text: number(upload.files) }),
      el("td", {}, el("span.tag", { class: { done: "ok", failed: "bad" }[upload.state] ?? "", text: t(`yard.photos.state_${upload.state}`) }), faults(upload)),
      el("td.numeral", { text: upload.state === "done" ? number(upload.marks) : "–" }),
      el("td", { text: upload.by }),
      el("td.numeral", { text: when(upload.utc_ms, serverNow()) })))));
}

function faults(upload) {
  const lines = upload.unread.map((one) => t("yard.photos.unread", { file: one.file }));
  if (upload.without_rail.length) lines.push(t("yard.photos.without_rail", { n: number(upload.without_rail.length) }));
  if (upload.what) lines.push(upload.what);
  return lines.length ? el("ul.faint", {}, lines.map((text) => el("li", { text }))) : null;
}
