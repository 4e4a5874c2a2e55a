// The plant's buttons: shows what the twin's wiring says, sends what is pressed. No state of its own.

const POLL_MS = 500;
const KNOBS = [
  { name: "blur_px", min: 0, max: 6, step: 0.5, unit: "px" },
  { name: "lamp_percent", min: 20, max: 150, step: 5, unit: "%" },
  { name: "shift_x_px", min: -40, max: 40, step: 1, unit: "px" },
  { name: "shift_y_px", min: -40, max: 40, step: 1, unit: "px" },
];
const trouble = document.getElementById("trouble");
let texts = {};
let language = "";
let touched = null;

const text = (key) => texts[key] ?? key;

async function ask(path, body) {
  const options = body === undefined
    ? { cache: "no-store" }
    : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    throw new Error(said.text ?? `HTTP ${answer.status}`);
  }
  return answer.json();
}

function tell(message) {
  trouble.textContent = message;
  trouble.hidden = message === "";
}

async function press(button, value, camera) {
  try {
    show(await ask("press", { button, value, camera: camera ?? "" }));
    tell("");
  } catch (error) {
    tell(`${text("trouble.press")} ${error.message}`);
  }
}

async function speak(wanted) {
  texts = await ask(`texts/${wanted}`);
  language = wanted;
  document.documentElement.lang = wanted;
  document.title = text("title");
  document.getElementById("language").value = wanted;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = text(element.dataset.text);
  }
}

function slider(name, id, knob, onChange) {
  const label = document.createElement("label");
  label.className = "slider";
  const caption = document.createElement("span");
  caption.dataset.text = `camera.${name}`;
  const input = document.createElement("input");
  Object.assign(input, { type: "range", id, min: knob.min, max: knob.max, step: knob.step });
  const output = document.createElement("output");
  label.append(caption, input, output);
  wire(input, onChange);
  return label;
}

function wire(input, onChange) {
  // While somebody drags it, what the wiring says must not pull it back.
  input.addEventListener("input", () => { touched = input; input.nextElementSibling.textContent = input.value; });
  input.addEventListener("change", () => { touched = null; onChange(Number(input.value)); });
}

function build(state) {
  const kinds = document.getElementById("kinds");
  for (const kind of state.kinds) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.text = `kind.${kind}`;
    button.addEventListener("click", () => press("drop", kind));
    kinds.append(button);
  }
  const cameras = document.getElementById("cameras");
  for (const camera of Object.keys(state.cameras)) {
    const group = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.dataset.text = `camera.${camera}`;
    group.append(legend);
    for (const knob of KNOBS) {
      const id = `${camera}-${knob.name}`;
      group.append(slider(knob.name, id, knob, (value) => press(knob.name, value, camera)));
    }
    cameras.append(group);
  }
  for (const button of document.querySelectorAll("[data-toggle]")) {
    button.addEventListener("click", () => press(button.dataset.toggle, button.ariaPressed !== "true"));
  }
  for (const button of document.querySelectorAll("[data-key]")) {
    button.addEventListener("click", () => press("key", button.dataset.key));
  }
  document.getElementById("reset").addEventListener("click", () => press("reset", null));
  document.getElementById("as-built").addEventListener("click", () => press("as_built", null));
  wire(document.getElementById("speed"), (value) => press("speed_percent", value));
  document.getElementById("language").addEventListener("change", async (event) => {
    localStorage.setItem("panel-language", event.target.value);
    await speak(event.target.value);
    show(await ask("state"));
  });
}

function set(input, value, unit) {
  if (input === touched) return;
  input.value = value;
  input.nextElementSibling.textContent = `${value} ${unit}`;
}

function light(name, tone, word) {
  document.getElementById(`light-${name}`).className = `light ${tone}`;
  document.getElementById(`word-${name}`).textContent = word;
}

function show(state) {
  for (const button of document.querySelectorAll("[data-toggle]")) {
    button.ariaPressed = String(state.buttons[button.dataset.toggle]);
  }
  for (const button of document.querySelectorAll("[data-key]")) {
    button.ariaChecked = String(state.key === button.dataset.key);
  }
  set(document.getElementById("speed"), state.speed_percent, "%");
  for (const [camera, knobs] of Object.entries(state.cameras)) {
    for (const knob of KNOBS) set(document.getElementById(`${camera}-${knob.name}`), knobs[knob.name], knob.unit);
  }
  light("belt", state.belt_runs ? "good" : "warn", text(state.belt_runs ? "light.runs" : "light.stands"));
  light("latch", state.latched ? "bad" : "", text(state.latched ? "light.latched" : "light.not_latched"));
  light("gate", state.gate_open ? "warn" : "", text(state.gate_open ? "light.gate_open" : "light.gate_closed"));
  document.getElementById("word-balls").textContent =
    `${text("balls.entered")} ${state.balls_entered} · ${text("balls.left")} ${state.balls_left}`;
  const page = document.getElementById("page");
  page.hidden = state.page === "";
  if (state.page !== "") page.href = state.page;
}

async function poll() {
  try {
    show(await ask("state"));
    tell("");
  } catch {
    tell(text("trouble.gone"));
  }
  setTimeout(poll, POLL_MS);
}

const first = await ask("state");
build(first);
await speak(localStorage.getItem("panel-language") ?? first.language);
show(first);
poll();
