/** Signing an act: what it lacks, what is signed, and the password of whoever signs, asked for again. */

import { api } from "./api.js";
import { errorLine, notice, openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { store } from "./store.js";
import { currentLanguage, t } from "./words.js";
import { explainYard, field, line, lines, missingWords } from "./yard_forms.js";

/**
 * @param {Object} wagon of GET /api/yard/wagons/{id}
 * @param {() => void} again called once it is signed
 */
export async function signDialog(wagon, again) {
  const old = wagon.act;
  const reason = lines("", { "data-autofocus": old ? "" : null, required: old ? "" : null });
  const name = line("", { maxlength: "400" });
  const password = el("input", { type: "password", autocomplete: "current-password", "data-autofocus": old ? null : "" });
  const wrong = errorLine();
  const path = `/api/yard/wagons/${wagon.wagon_id}`;
  const asked = () => (old ? `?${new URLSearchParams({ year: String(old.year), number: String(old.number), reason: reason.value })}` : "");
  const lacks = el("ul.yard-lacks");
  const draft = await readDraft(path, old ? `?year=${old.year}&number=${old.number}&reason=-` : "");
  if (!draft) return;
  if (draft.missing.length) {
    for (const code of draft.missing) lacks.append(el("li", { text: missingWords(code) }));
    await openDialog({ title: t("yard.act.sign"), body: [el("p", { text: t("yard.act.lacks") }), lacks], actions: [{ label: t("button.close"), value: true, kind: "primary" }] });
    return;
  }
  const answer = await openDialog({
    title: old ? t("yard.act.supersede") : t("yard.act.sign"),
    body: [
      el("p", { text: old ? t("yard.act.supersede_what", { number: `${old.number}/${old.year}` }) : t("yard.act.sign_what") }),
      el("p", {}, el("a.card-link", { href: `/yard/wagons/${wagon.wagon_id}/draft.html?language=${currentLanguage()}`, target: "_blank", rel: "noopener", text: t("yard.act.look_first") })),
      old ? field(t("yard.act.reason"), reason) : null,
      el("p", { text: t("yard.act.as", { name: store.viewer ? store.viewer.name : "–" }) }),
      field(t("yard.act.print_name"), name),
      field(t("yard.act.password"), password),
      wrong.node,
    ],
    actions: [
      { label: t("button.cancel"), value: false },
      {
        label: t("yard.act.sign"),
        kind: "primary",
        submit: async () => {
          wrong.show("");
          try {
            // The reason is part of what is signed: the draft with it is the one whose hash counts. What has
            // changed since the dialog was opened is noticed by the hash of the draft without it.
            const now = await api(`${path}/draft${old ? `?year=${old.year}&number=${old.number}&reason=-` : ""}`);
            if (now.sha256 !== draft.sha256) throw changed();
            const seen = old ? await api(`${path}/draft${asked()}`) : now;
            const body = { password: password.value, seen_sha256: seen.sha256, name: name.value, reason: reason.value, supersedes: old };
            return await api(`${path}/sign`, { method: "POST", body });
          } catch (error) {
            wrong.show(error instanceof DraftChanged ? t("refused.yard_draft_changed") : explainYard(error));
            password.value = "";
            password.focus();
            return undefined;
          }
        },
      },
    ],
  });
  if (answer && answer.act) {
    notice(t("yard.act.signed", { number: `${answer.act.number}/${answer.act.year}` }));
    again();
  }
}

class DraftChanged extends Error {}

const changed = () => new DraftChanged("the draft has changed since");

async function readDraft(path, query) {
  try {
    return await api(`${path}/draft${query}`);
  } catch (error) {
    notice(explainYard(error), "bad");
    return null;
  }
}
