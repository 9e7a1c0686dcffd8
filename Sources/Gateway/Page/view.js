// Makes elements. Data goes in as text only, never as markup.

import { describe, oddity, stateOf } from "./fleet.js";
import { link } from "./route.js";

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A button that does one thing at a time; it is not disabled meanwhile, or it would lose the focus. */
export function actButton(label, work, attributes = {}) {
  const button = element("button", { type: "button", class: "act", ...attributes }, label);
  button.addEventListener("click", async () => {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    try { await work(); } finally { button.ariaDisabled = "false"; }
  });
  return button;
}

/** What the server would not do, and what to do about it. */
export function problemNote(problem, again) {
  return element(
    "div", { class: "problem", role: "alert" }, element("strong", {}, problem.title ?? "Failed"),
    element("p", {}, problem.message), again ? actButton("Try again", again) : null);
}

const whole = new Intl.NumberFormat("en");
const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

export const count = (number) => whole.format(number);

const units = {
  temperature: "°C", humidity: "%", battery: "%", voltage: "V", pressure: "hPa", co2: "ppm", smoke: "ppm", rssi: "dBm",
};

export function reading(metric, value) {
  if (typeof value === "number") {
    const unit = units[metric.split(".").at(-1)];
    return `${decimal.format(value)}${unit ? ` ${unit}` : ""}`;
  }
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === null ? "–" : String(value);
}

export function place(location) {
  if (!location) return "not known";
  const { latitude, longitude, text } = location;
  return [text, latitude === undefined ? null : `${latitude}°, ${longitude}°`].filter(Boolean).join(" · ");
}

export function ago(time) {
  if (!time) return "never";
  const seconds = Math.max(0, (Date.now() - Date.parse(time)) / 1000);
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

export function clock(time) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : date.toLocaleTimeString([], { hour12: false });
}

/** What is known of a device's clock. */
export function deviceClock(known) {
  if (known?.offsetSeconds === undefined) return "nothing known yet";
  const seconds = Math.abs(known.offsetSeconds);
  const amount = seconds < 120 ? `${seconds.toFixed(1)} s` : `${count(Math.round(seconds / 60))} min`;
  const text = `${amount} ${known.offsetSeconds < 0 ? "behind" : "ahead"}, within ${known.confidenceSeconds.toFixed(1)} s`;
  return known.state === "drifted" ? `wrong: ${text}; its readings are corrected` : text;
}

export const moment = (time) => (time ? new Date(time).toLocaleString() : "never");

/** A row of the table; `fill` brings it up to date, so that a row is made once. */
export class Row {
  constructor(id) {
    this.name = element("a", { class: "open", href: link("devices", id) });
    this.cells = {};
    const cell = (name, attributes) => (this.cells[name] = element("td", attributes));
    this.state = element("span", { class: "state" });
    this.node = element(
      "tr", { "data-id": id },
      element("td", {}, this.name, element("span", { class: "id" }, id)),
      cell("type"), cell("account"), element("td", {}, this.state), cell("readings"), cell("seen", { class: "soft" }),
      cell("total", { class: "number" }));
    this.metrics = element("div", { class: "metrics" });
    this.cells.readings.append(this.metrics);
  }

  fill(device) {
    this.device = device;
    set(this.name, device.name || device.serial || device.id);
    set(this.cells.type, device.type);
    set(this.cells.account, device.account);
    const state = stateOf(device);
    set(this.state, state);
    this.state.dataset.state = state;
    this.state.title = device.quarantine ? device.quarantine.reason
      : state === "offline" && device.connectivity.since ? `since ${moment(device.connectivity.since)}` : "";
    set(this.cells.total, count(device.telemetryCount));
    this.cells.total.title = [
      device.refusedCount ? `${count(device.refusedCount)} refused` : "",
      device.flaggedCount ? `${count(device.flaggedCount)} flagged` : "",
    ].filter(Boolean).join(", ");
    this.metrics.replaceChildren(...latest(device, 4).map(([metric, { value }]) =>
      element("span", { class: "metric", ...odd(device, metric) }, element("span", {}, `${metric} `), element("b", {}, reading(metric, value)))));
    this.age();
  }

  age() {
    set(this.cells.seen, ago(this.device.lastSeenTime));
  }

  flash() {
    this.node.classList.add("fresh");
    setTimeout(() => this.node.classList.remove("fresh"), 120);
  }
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Marks an element that shows an odd value. */
export function odd(device, metric) {
  const title = oddity(device, metric);
  return title ? { "data-odd": true, title } : {};
}

export const latest = (device, most) =>
  Object.entries(device.readings).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, most);

/** An event as an item of a list. */
export function eventItem(event, { title, isFresh } = {}) {
  return element(
    "li", { class: isFresh ? "fresh" : null, "data-position": event.position },
    element("div", { class: "event-head" },
      element("a", { class: "position", href: link("events", event.metadata.id) }, `#${count(event.position)}`),
      element("b", {}, event.type),
      element("time", { datetime: event.recordedTime, title: event.recordedTime }, clock(event.recordedTime))),
    element("div", { class: "event-data" }, [title, summary(event)].filter(Boolean).join(" · ")));
}

export function summary(event) {
  const data = event.data ?? {};
  if (event.type === "TelemetryRecorded") {
    const values = Object.entries(data.metrics).map(([metric, value]) => `${metric} ${reading(metric, value)}`).join("  ");
    return data.flags ? `${values} · flagged: ${describe(data.flags)}` : values;
  }
  const text = JSON.stringify(data);
  return text === "{}" ? "" : text;
}

export function sparkline(path, values) {
  const top = Math.max(1, ...values);
  const step = 120 / Math.max(1, values.length - 1);
  path.setAttribute("d", values.map((value, index) =>
    `${index ? "L" : "M"}${(index * step).toFixed(1)} ${(22 - (value / top) * 20).toFixed(1)}`).join(""));
}
