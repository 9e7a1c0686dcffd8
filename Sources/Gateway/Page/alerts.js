// The alerts that are not over yet: the list as it was read, and every event since folded in.

import { link } from "./route.js";
import { actButton, ago, count, element } from "./view.js";

const ranks = { critical: 0, warning: 1, info: 2 };
const mostShown = 100;

export class Alerts {
  #known = new Map();
  #sorted = null;
  /** Ids of alerts that were seen to be over, for good; an answer on its way may still say otherwise. */
  #over = new Set();
  /** Where the list stood when it was read, and the last event that made room in it. */
  #position = -1;
  #shrunk = 0;
  /** Whether there are open ones beyond the list; and any. */
  hasMoreOpen = false;
  hasMore = false;

  /** Takes the list as it was read, which may stand before events that have come since. */
  replace({ found, hasMoreOpen, hasMore, position }) {
    if (position < this.#position) return;
    const before = this.#known;
    [this.#known, this.#sorted] = [new Map(), null];
    for (const alert of found) this.put(alert);
    for (const alert of before.values()) {
      if (alert.position > position || alert.version > this.#known.get(alert.id)?.version) this.put(alert);
    }
    this.#position = position;
    Object.assign(this, { hasMoreOpen, hasMore });
  }

  /** Before that nothing is known, not even that all is well. */
  get wereRead() {
    return this.#position >= 0;
  }

  /** Whether there is room in the list, and something that would be in it. */
  get mustBeRead() {
    return this.hasMore && this.#position < this.#shrunk;
  }

  /** Takes an alert as the server answered it. */
  put(alert) {
    if (alert.state === "cleared") return this.#end(alert.id);
    if (this.#over.has(alert.id) || this.#known.get(alert.id)?.version > alert.version) return;
    this.#known.set(alert.id, alert);
    this.#sorted = null;
  }

  /** Folds an event in. */
  apply(event) {
    if (!event.stream.startsWith("alert-")) return;
    const { position, version } = event;
    if (event.type !== "AlertRaised") this.#shrunk = Math.max(this.#shrunk, position);
    const id = event.stream.slice("alert-".length);
    if (event.type === "AlertCleared") {
      this.#end(id);
    } else if (event.type === "AlertRaised") {
      this.put({ ...event.data, id, state: "open", raisedTime: event.recordedTime, version, position });
    } else if (event.type === "AlertAcknowledged" && this.#known.has(id)) {
      this.put({
        ...this.#known.get(id), state: "acknowledged", acknowledgedBy: event.metadata.principal, note: event.data.note,
        version, position,
      });
    }
  }

  #end(id) {
    this.#known.delete(id);
    this.#over.add(id);
    this.#sorted = null;
  }

  /** What nobody sees to comes first, the worst of it at the top. */
  get sorted() {
    return this.#sorted ??= [...this.#known.values()].sort((a, b) =>
      (a.state === "open" ? 0 : 1) - (b.state === "open" ? 0 : 1) || ranks[a.severity] - ranks[b.severity]
      || Date.parse(b.raisedTime) - Date.parse(a.raisedTime));
  }

  get openCount() {
    return [...this.#known.values()].filter((alert) => alert.state === "open").length;
  }
}

/** The panel; `acknowledge` does it and says when it is done. */
export class AlertsPanel {
  #items = new Map();

  constructor({ list, empty, more, status }, { acknowledge }) {
    Object.assign(this, { list, empty, more, status, acknowledge });
  }

  draw(alerts, nameOf, mayAct) {
    const focused = this.list.contains(document.activeElement);
    const { sorted } = alerts;
    const items = sorted.slice(0, mostShown).map((alert) => this.#item(alert, nameOf(alert.device), mayAct));
    const shown = new Set(items);
    for (const [id, item] of this.#items) if (!shown.has(item)) this.#items.delete(id);
    // Only what has moved is moved, so that the button somebody is about to press stays where it is.
    items.forEach((item, index) => {
      if (this.list.children[index] !== item) this.list.insertBefore(item, this.list.children[index] ?? null);
    });
    while (this.list.children.length > items.length) this.list.lastElementChild.remove();
    if (focused && !this.list.contains(document.activeElement)) {
      (this.list.querySelector("button.act") ?? this.list).focus();
    }
    this.empty.hidden = items.length > 0 || alerts.hasMore || !alerts.wereRead;
    this.more.hidden = sorted.length <= items.length && !alerts.hasMore;
    set(this.more, beyond(items.length, sorted.length, alerts.hasMore));
    set(this.status, tally(alerts));
    this.status.dataset.some = String(alerts.hasMoreOpen || alerts.openCount > 0);
  }

  age() {
    for (const item of this.#items.values()) item.since.textContent = ago(item.alert.raisedTime);
  }

  #item(alert, name, mayAct) {
    let item = this.#items.get(alert.id);
    if (item && item.alert.version === alert.version && item.device === name) return item;
    const fresh = item ?? element("li", { "data-alert": alert.id });
    const button = actButton(
      "Acknowledge", () => this.acknowledge(alert.id), { "aria-label": `Acknowledge: ${alert.kind} of ${name}` });
    const device = element("a", { class: "open", href: link("devices", alert.device) }, name);
    fresh.since = element("time", { datetime: alert.raisedTime, title: alert.raisedTime }, ago(alert.raisedTime));
    const seen = alert.state === "acknowledged"
      ? element("span", { class: "seen" }, [`seen by ${alert.acknowledgedBy ?? "somebody"}`, alert.note].filter(Boolean).join(": "))
      : null;
    fresh.dataset.state = alert.state;
    fresh.replaceChildren(
      element("span", { class: "severity", "data-severity": alert.severity }, alert.severity),
      element("div", { class: "what" },
        element("div", { class: "who" }, device, element("span", { class: "soft" }, alert.kind)),
        element("p", {}, alert.text), seen),
      fresh.since, ...(alert.state === "open" && mayAct ? [button] : []));
    Object.assign(fresh, { alert, device: name });
    this.#items.set(alert.id, fresh);
    return fresh;
  }
}

function tally({ wereRead, openCount, hasMoreOpen }) {
  if (!wereRead) return "";
  if (openCount > 0) return `${count(openCount)}${hasMoreOpen ? "+" : ""} open`;
  return hasMoreOpen ? "more open" : "none open";
}

/** What the list does not show. */
function beyond(shown, known, hasMore) {
  if (shown === 0) return "There are more; they are being read.";
  const whole = hasMore ? `${count(known)} that were read; there are more` : count(known);
  return `The ${count(shown)} most urgent of ${whole}. All of them: /api/v1/alerts`;
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
