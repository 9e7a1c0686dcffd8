// One device: how it stands or stood, what it has measured, and what is asked of it.

import * as api from "./api.js";
import { WhenSeen } from "./attention.js";
import { alertItems, commandItems, configurationBody, limitsBody } from "./devicecards.js";
import { describe } from "./fleet.js";
import { History } from "./history.js";
import { Readings } from "./readings.js";
import { go, link, put } from "./route.js";
import * as view from "./view.js";

const { element } = view;

export class DevicePage {
  #turn = 0;
  #later = null;
  /** What has happened to the cards that do not change with each reading, and how much of it they show. */
  #changes = 0;
  #shownChanges = -1;
  #refresh = new WhenSeen(() => this.#read({ all: false }));

  constructor(context) {
    this.context = context;
    this.readings = new Readings(context);
    this.history = new History({
      choose: (version) => this.#goTo({ version }), seek: (at) => go(link("devices", this.id, { at })) });
    this.heading = element("h1");
    this.state = element("span", { class: "state" });
    this.subtitle = element("p", { class: "soft" });
    this.past = element("p", { class: "past", role: "status" });
    this.facts = element("dl", { class: "facts" });
    this.cards = Object.fromEntries(Object.entries({ alerts: "Alerts", commands: "Commands", config: "Configuration", limits: "Limits" })
      .map(([name, title]) => [name, this.#card(name, title)]));
    this.problem = element("div");
    this.body = element(
      "div", {}, this.history.node,
      element("div", { class: "device-columns" },
        element("div", { class: "stack" }, this.readings.node, this.cards.config.node, this.cards.limits.node),
        element("div", { class: "stack" }, this.#stateCard(), this.cards.alerts.node, this.cards.commands.node)));
    this.node = element(
      "article", { class: "device" },
      element("header", { class: "place-head" }, element("a", { class: "back", href: "#/" }, "‹ Fleet"),
        element("div", { class: "title" }, this.heading, this.state), this.subtitle, this.past),
      this.problem, this.body);
  }

  get title() {
    return this.device?.name || this.device?.serial || this.id;
  }

  async open({ id, query }) {
    if (id !== this.id) {
      this.id = id;
      this.device = null;
      this.heading.textContent = this.context.nameOf(id) ?? id;
      for (const node of [this.state, this.subtitle, this.past]) node.textContent = "";
      delete this.state.dataset.state;
      this.node.classList.remove("in-the-past");
      this.body.hidden = true;
      for (const card of Object.values(this.cards)) card.body.replaceChildren();
    }
    const version = Number(query.version);
    this.where = query.at ? { at: query.at } : version > 0 ? { version } : null;
    await this.#read({ all: true });
  }

  /** Something has happened; what is shown is read again, once a second at most. */
  event(event) {
    const isOwn = event.stream === `device-${this.id}`;
    if (!isOwn && !(event.stream.startsWith("alert-") && event.stream.includes(this.id))) return;
    if (event.type !== "TelemetryRecorded") this.#changes += 1;
    this.#later ??= setTimeout(() => {
      this.#later = null;
      this.#refresh.do();
    }, 1000);
  }

  close() {
    this.#turn += 1;
    clearTimeout(this.#later);
    this.#later = null;
    this.#refresh.forget();
  }

  #goTo({ version }) {
    put(link("devices", this.id, { version }));
    this.where = version ? { version } : null;
    this.#read({ all: false });
  }

  async #read({ all }) {
    const turn = ++this.#turn;
    if (all) this.#changes += 1;
    const { id, where: past } = this;
    try {
      const present = await api.device(id);
      const shown = past ? await api.device(id, past) : present;
      if (turn !== this.#turn) return;
      this.device = present;
      this.problem.replaceChildren();
      this.body.hidden = false;
      const isPast = shown.version < present.version;
      this.#draw(shown, isPast);
      document.title = `${this.title} · Fleetlog`;
      await this.history.show(id, { version: isPast ? shown.version : null, newest: present.version });
      if (turn !== this.#turn) return;
      this.readings.show(shown, isPast ? this.history.time : null);
      this.#drawPast(isPast ? shown : null);
      await this.#readCards(turn, isPast ? shown.version : null);
    } catch (problem) {
      if (turn !== this.#turn) return;
      if (problem.status === 401) return this.context.expired();
      this.#fail(problem);
    }
  }

  #fail(problem) {
    const again = this.where && this.device
      ? element("a", { href: link("devices", this.id) }, "Back to the present") : element("a", { href: "#/" }, "All devices");
    this.problem.replaceChildren(element("div", {}, view.problemNote(problem, () => this.#read({ all: true })), again));
    // Without a device there is nothing to show; with one, what was there last stays.
    this.body.hidden = !this.device;
  }

  async #readCards(turn, version) {
    const changes = this.#changes;
    const reads = {
      config: async () => configurationBody(await api.ofDevice(this.id, "config", { version })),
      ...(changes !== this.#shownChanges ? {
        alerts: async () => alertItems(await api.alertsOf(this.id)),
        commands: async () => commandItems((await api.ofDevice(this.id, "commands")).items),
        limits: async () => limitsBody(await api.ofDevice(this.id, "limits")),
      } : {}),
    };
    await Promise.all(Object.entries(reads).map(async ([name, read]) => {
      const content = await read().catch((problem) => view.problemNote(problem));
      if (turn === this.#turn) this.cards[name].body.replaceChildren(content);
    }));
    if (turn === this.#turn) this.#shownChanges = changes;
  }

  #draw(device, isPast) {
    this.heading.textContent = device.name || device.serial || device.id;
    this.state.textContent = device.state;
    this.state.dataset.state = device.state;
    this.subtitle.textContent = [device.id, device.type, device.account].join(" · ");
    const { connectivity } = device;
    const facts = [
      ["State", device.quarantine ? `${device.state}: ${device.quarantine.reason}` : device.state],
      ["Connection", connectivity ? `${connectivity.state}${connectivity.since ? ` since ${view.moment(connectivity.since)}` : ""}` : null],
      ["Firmware", connectivity?.firmware], ["Serial", device.serial], ["Location", view.place(device.location)],
      ["Labels", Object.entries(device.labels).map(([key, value]) => `${key}: ${value}`).join(", ") || "none"],
      ["Metadata", Object.keys(device.metadata).length ? JSON.stringify(device.metadata) : null],
      ["Registered", view.moment(device.registeredTime) + (device.claimed ? `, by claim code ${device.claimed}` : "")],
      ["Last seen", isPast ? null : view.moment(device.lastSeenTime)], ["Last reading of", view.moment(device.lastObservedTime)],
      ["Readings", view.count(device.telemetryCount)], ["Refused", view.count(device.refusedCount)],
      ["Flagged", view.count(device.flaggedCount) + (device.flags ? `, last: ${describe(device.flags)}` : "")],
      ["Clock", view.deviceClock(device.clock)], ["Version", view.count(device.version)],
    ];
    this.facts.replaceChildren(...facts.filter(([, value]) => value !== null && value !== undefined)
      .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  }

  #drawPast(device) {
    this.node.classList.toggle("in-the-past", device !== null);
    this.past.textContent = device
      ? [`As it was after event ${view.count(device.version)}`, this.history.time ? view.moment(this.history.time) : null]
        .filter(Boolean).join(", ") + ". What came after it is pale in the charts; alerts, commands and limits are those of now."
      : "As it is now.";
  }

  #stateCard() {
    return element(
      "section", { class: "card", "aria-labelledby": "state-title" },
      element("div", { class: "card-head" }, element("h2", { id: "state-title" }, "State")),
      element("div", { class: "card-body" }, this.facts));
  }

  #card(name, title) {
    const body = element("div", { class: "card-body" });
    const node = element(
      "section", { class: "card", "data-card": name, "aria-labelledby": `${name}-of-device` },
      element("div", { class: "card-head" }, element("h2", { id: `${name}-of-device` }, title)), body);
    return { node, body };
  }
}
