/**
 * One language at a time: its messages, and numbers and times in its reader's form.
 *
 * Chromium carries no Kazakh number and date forms (it falls back to bare ISO); Kazakh type follows the
 * same rules as Russian, so 'kk' borrows them. Clocks show the plant's time, wherever the browser is.
 */

export const LANGUAGES = ["kk", "ru", "en"];
const FORMS = { ru: "ru-RU", kk: "ru-RU", en: "en-GB" };
const NONE = "–";

let language = "en";
let texts = {};
let offsetMs = 5 * 3600e3;
const formats = new Map();

/** Language now in force. */
export const currentLanguage = () => language;

/** Plant's clock, hours from UTC. */
export function setUtcOffset(hours) {
  offsetMs = hours * 3600e3;
}

/** Plant's clock, seconds from UTC. */
export const utcOffsetS = () => offsetMs / 1000;

/** Whether this language's texts have been read. */
export const wordsAreThere = () => Object.keys(texts).length > 0;

/**
 * Read a language's texts and put it in force.
 * @param {string} wanted 'ru', 'kk' or 'en'
 * @param {string} [version] of the catalogue, so that an old one is not taken from the browser's store
 */
export async function loadWords(wanted, version = "") {
  const answer = await fetch(`/api/messages/${wanted}${version ? `?v=${version}` : ""}`);
  if (!answer.ok) throw new Error(`messages: ${answer.status}`);
  texts = await answer.json();
  language = wanted;
  formats.clear();
  document.documentElement.lang = wanted;
}

/**
 * The text of a key with its {places} filled. A key that is missing shows itself: a hole that is seen
 * gets mended.
 */
export function t(key, values = {}) {
  const text = texts[key];
  return text === undefined ? key : place(text, values);
}

/** The text of a key that comes from data, such as a code; else `otherwise`. */
export function known(key, otherwise, values = {}) {
  const text = texts[key];
  return text === undefined ? otherwise : place(text, values);
}

function place(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name] ?? NONE) : whole));
}

function format(name, options, Kind) {
  const id = `${name}${JSON.stringify(options)}`;
  if (!formats.has(id)) formats.set(id, new Kind(FORMS[language], options));
  return formats.get(id);
}

/** A number; a dash for null. */
export function number(value, digits = 0) {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  const options = {
    minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: language === "en" ? "always" : "min2",
  };
  return format("number", options, Intl.NumberFormat).format(value).replace("-", "−");
}

/** A share 0..1 as per cent. */
export function percent(share, digits = 1) {
  return share === null || share === undefined ? NONE : `${number(share * 100, digits)} %`;
}

function moment(utcMs, options) {
  if (!utcMs) return NONE;
  return format("time", { timeZone: "UTC", ...options }, Intl.DateTimeFormat).format(utcMs + offsetMs);
}

/** Hours, minutes, seconds at the plant. */
export const clock = (utcMs) => moment(utcMs, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** Hours and minutes at the plant. */
export const minute = (utcMs) => moment(utcMs, { hour: "2-digit", minute: "2-digit" });

/** Date at the plant. */
export const date = (utcMs) =>
  moment(utcMs, language === "en" ? { day: "numeric", month: "short", year: "numeric" }
    : { day: "2-digit", month: "2-digit", year: "numeric" });

/** Date and time at the plant; today's date is left out. */
export function when(utcMs, nowMs = Date.now()) {
  if (!utcMs) return NONE;
  const day = (ms) => Math.floor((ms + offsetMs) / 86400e3);
  return day(utcMs) === day(nowMs) ? clock(utcMs) : `${date(utcMs)} ${minute(utcMs)}`;
}

/** A length of time in the two largest fitting units: '2 h 5 min', '45 s'. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 100) return t("unit.s", { n: number(whole) });
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return t("unit.min", { n: number(minutes) });
  const rest = minutes % 60;
  const hours = t("unit.h", { n: number(Math.floor(minutes / 60)) });
  return rest ? `${hours} ${t("unit.min", { n: number(rest) })}` : hours;
}

/** Words of a reason of the station or PLC; the code itself where nobody has words for it. */
export const reasonWords = (code) => known(`reason.${code}`, code || NONE);

/** Last parts of all keys below a prefix, in the catalogue's order. */
export const keysBelow = (prefix) => Object.keys(texts).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
