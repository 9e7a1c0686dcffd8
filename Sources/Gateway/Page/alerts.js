// The alerts that are not over yet: the list as it was read, and every event since folded in.

import { link } from "./route.js";
import { actButton, ago, count, element } from "./view.js";

const ranks = { critical: 0, warning: 1, info: 2 };

export class Alerts {
  #known = new Map();
  /** Ids of alerts that were seen to be over, for good; an answer on its way may still say otherwise. */
  #over = new Set();

  replace(found) {
    this.#known.clear();
    for (const alert of found) this.put(alert);
  }

  /** Takes an alert as the server answered it. */
  put(alert) {
    if (alert.state === "cleared") this.#end(alert.id);
    else if (this.#over.has(alert.id)) return;
    else if (!(this.#known.get(alert.id)?.version > alert.version)) this.#known.set(alert.id, alert);
  }

  /** Folds an event in; says whether it was one of an alert. */
  apply(event) {
    if (!event.stream.startsWith("alert-")) return false;
    const id = event.stream.slice("alert-".length);
    if (event.type === "AlertCleared") {
      this.#end(id);
    } else if (event.type === "AlertRaised") {
      this.put({ ...event.data, id, state: "open", raisedTime: event.recordedTime, version: event.version });
    } else if (event.type === "AlertAcknowledged" && this.#known.has(id)) {
      this.put({
        ...this.#known.get(id), state: "acknowledged", acknowledgedBy: event.metadata.principal, note: event.data.note,
        version: event.version,
      });
    }
    return true;
  }

  #end(id) {
    this.#known.delete(id);
    this.#over.add(id);
  }

  /** What nobody sees to comes first, the worst of it at the top. */
  get sorted() {
    return [...this.#known.values()].sort((a, b) =>
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

  constructor({ list, empty, status }, { acknowledge }) {
    Object.assign(this, { list, empty, status, acknowledge });
  }

  draw(alerts, nameOf, mayAct) {
    const focused = this.list.contains(document.activeElement);
    const items = alerts.sorted.slice(0, 100).map((alert) => this.#item(alert, nameOf(alert.device), mayAct));
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
    this.empty.hidden = items.length > 0;
    const open = alerts.openCount;
    const text = open ? `${count(open)} open` : "none open";
    if (this.status.textContent !== text) this.status.textContent = text;
    this.status.dataset.some = String(open > 0);
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
