/**
 * Building and changing the page's nodes. Text only ever enters as text nodes and attributes, never as
 * HTML, so that a lot named '<script>' is shown as it is written.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} tag name, with classes after dots: 'p.note.warn'
 * @param {Object} [props] `text`, `on` (event to handler), `data` (data-* values), `value`, `checked`,
 *   `disabled`, `hidden` and the like as properties, everything else as an attribute (null: not set)
 * @param {...(Node|string|null|undefined|Array)} children strings become text nodes
 * @returns {HTMLElement}
 */
export function el(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) setProp(node, key, value);
  node.append(...flat(children));
  return node;
}

function setProp(node, key, value) {
  if (value === null || value === undefined) return;
  if (key === "text") node.textContent = value;
  else if (key === "on") for (const [kind, act] of Object.entries(value)) node.addEventListener(kind, act);
  else if (key === "data") Object.assign(node.dataset, value);
  else if (key === "class") node.classList.add(...String(value).split(" ").filter(Boolean));
  else if (typeof value === "boolean" && key in node) node[key] = value;
  else if (key === "value") node.value = value;
  else node.setAttribute(key, String(value));
}

function flat(children) {
  return children.flat(3).filter((child) => child !== null && child !== undefined && child !== false);
}

/** Replace all children of a node. */
export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/** Set a node's text only when it differs: nothing is laid out or read aloud again for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set or, with null, remove an attribute, only when it differs. */
export function setAttr(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/** A button with a text, an optional icon and what it does; with `act` null it submits its form. */
export function button(text, act, { kind = "", icon: shape = null, ...props } = {}) {
  return el("button", { type: act ? "button" : "submit", class: `button ${kind}`, on: act ? { click: act } : {}, ...props },
    shape ? icon(shape) : null, el("span", { text }));
}

/** Paths of the icons, on a grid of 24: shapes differ, so that colour is never the only sign. */
const PATHS = {
  ok: "M4 12.5l5 5L20 6.5",
  warn: "M12 3L22.5 21h-21zM12 10v5M12 18v.2",
  bad: "M8 2.5h8l5.5 5.5v8L16 21.5H8L2.5 16V8zM8.5 8.5l7 7M15.5 8.5l-7 7",
  stop: "M5 5h14v14H5z",
  idle: "M8 5v14M16 5v14",
  unknown: "M8.5 9a3.5 3.5 0 1 1 5 3.2c-1 .6-1.5 1.2-1.5 2.3M12 18v.2",
  bypass: "M3 17h6c4 0 3-10 7-10h5M18 4l3 3-3 3M3 7h4M17 17h4",
  line: "M2 19h20M9.5 7a6 6 0 1 0 .01 0M20 19V6",
  day: "M6 3v3M18 3v3M4 6h16v15H4zM4 10h16M8 14h3M8 17h6",
  rejects: "M12 3a9 9 0 1 0 .01 0M7 6l10 12",
  alarms: "M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4",
  reports: "M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3",
  people: "M9 5a3.5 3.5 0 1 0 .01 0M2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 5.5a3 3 0 0 1 0 6M18 14.5c2.2.8 3.5 2.7 3.5 5.5",
  commission: "M4 6h10M18 6h2M4 12h2M10 12h10M4 18h8M16 18h4M16 4v4M8 10v4M14 16v4",
  wagons: "M2 6h20v9H2zM6.5 18.5a1.8 1.8 0 1 0 .01 0M17.5 18.5a1.8 1.8 0 1 0 .01 0M7 6v9M12 6v9M17 6v9",
  looks: "M2 12c5-8 15-8 20 0c-5 8-15 8-20 0zM12 9a3 3 0 1 0 .01 0",
  photos: "M3 5h18v14H3zM3 16l5-5l4 4l4-5l5 6M8.5 7.5a1.2 1.2 0 1 0 .01 0",
  acts: "M6 3h12v18H6zM9 8h6M9 12h6M9 17c2-3 3 2 6-1",
  camera: "M3 7h4l2-3h6l2 3h4v13H3zM12 9.5a3.8 3.8 0 1 0 .01 0",
  lens: "M12 3a9 9 0 1 0 .01 0M12 8a4 4 0 1 0 .01 0",
  lamp: "M9 18h6M10 21h4M8 14a6 6 0 1 1 8 0l-1 2H9z",
  plc: "M4 4h16v16H4zM8 8h3v3H8zM13 8h3v3h-3zM8 14h8M2 9h2M2 15h2M20 9h2M20 15h2",
  disk: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
  model: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  recorder: "M5 3h14v18l-7-4-7 4z",
  books: "M12 3v17M7 20h10M4 7h16M4 7l-2 7h5zM20 7l-3 7h5z",
  challenge: "M12 3a9 9 0 1 0 .01 0M12 7v5l4 2",
  user: "M12 4a4 4 0 1 0 .01 0M4 21c0-5 4-7 8-7s8 2 8 7",
  sun: "M12 8a4 4 0 1 0 .01 0M12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.8 1.8M17.2 17.2L19 19M19 5l-1.8 1.8M6.8 17.2L5 19",
  moon: "M20 14A8.5 8.5 0 0 1 10 4a8.5 8.5 0 1 0 10 10z",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  close: "M6 6l12 12M18 6L6 18",
  key: "M8 12a4 4 0 1 0 .01 0M11 14l9-9M17 8l3 3",
  help: "M12 3a9 9 0 1 0 .01 0M9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.4-1 .9-1 1.7M12 16.5v.2",
};

/** An icon; it is ornament beside a text and hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: `icon icon-${name}`, "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
