// A device's history: a slider over the versions of its stream, the event at each, and what it has changed.

import * as api from "./api.js";
import { changesTable } from "./changes.js";
import { fromField, justBefore, toField } from "./instant.js";
import { link } from "./route.js";
import { actButton, count, element, moment, problemNote, summary } from "./view.js";

/** How many events around the chosen one are listed. */
const around = 12;

export class History {
  #turn = 0;
  #delay = null;

  /** `choose` is told of the version that is wanted, null for the present; `seek` of an instant. */
  constructor({ choose, seek }) {
    this.choose = choose;
    this.slider = element("input", { type: "range", id: "history", min: 1, max: 1, step: 1, "aria-describedby": "history-keys" });
    this.slider.addEventListener("input", () => {
      const version = Number(this.slider.value);
      this.#label(version);
      clearTimeout(this.#delay);
      this.#delay = setTimeout(() => this.#go(version), 120);
    });
    this.back = this.#stepButton("‹", "One event back", -1);
    this.forth = this.#stepButton("›", "One event on", 1);
    this.now = actButton("Now", () => choose(null), { "aria-label": "Back to the present" });
    this.instant = element("input", { type: "datetime-local", id: "instant", step: 1 });
    const form = element(
      "form", { class: "instant" }, element("label", { for: "instant" }, "As of"), this.instant,
      element("button", { type: "submit", class: "act" }, "Show"));
    form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      const time = fromField(this.instant.value);
      if (time) seek(time);
    });
    this.place = element("output", { for: "history", class: "place" });
    this.event = element("div", { class: "history-event", "aria-live": "polite" });
    this.changes = element("div", { class: "history-changes", tabindex: "0", role: "region", "aria-label": "What this event changed" });
    this.events = element("ol", { class: "events near", "aria-label": "Events around it" });
    this.since = element("details", { class: "since" }, element("summary", {}, "What has become otherwise since then"));
    this.sinceBody = element("div", {});
    this.since.append(this.sinceBody);
    this.since.addEventListener("toggle", () => this.#compare());
    this.node = element(
      "section", { class: "card history", "aria-labelledby": "history-title" },
      element("div", { class: "card-head" },
        element("h2", { id: "history-title" }, element("label", { for: "history" }, "History")), this.place, form),
      element("div", { class: "card-body" },
        element("div", { class: "slide" }, this.back, this.slider, this.forth, this.now),
        element("p", { class: "unseen", id: "history-keys" }, "Arrow keys go event by event, Page up and down further, Home and End to both ends."),
        element("div", { class: "history-columns" }, element("div", {}, this.event, this.changes), this.events), this.since));
  }

  /** Shows where one is: at a version of the device's stream, whose newest version is given. */
  async show(device, { version, newest }) {
    const isSame = device === this.device && version === this.version && newest === this.newest;
    Object.assign(this, { device, version, newest });
    this.slider.max = newest;
    this.slider.value = version ?? newest;
    this.now.ariaDisabled = String(version === null);
    this.back.ariaDisabled = String((version ?? newest) <= 1);
    this.forth.ariaDisabled = String(version === null);
    this.#label(version ?? newest);
    this.since.inert = version === null;
    if (version === null) this.since.open = false;
    if (!isSame) await this.#read(version ?? newest);
  }

  #go(version) {
    const next = Math.min(Math.max(1, version), this.newest);
    this.choose(next === this.newest ? null : next);
  }

  #stepButton(label, title, step) {
    return actButton(label, () => this.#go((this.version ?? this.newest) + step), { "aria-label": title, class: "act step" });
  }

  #label(version) {
    const text = `Event ${count(version)} of ${count(this.newest)}`;
    this.place.textContent = version === this.newest ? `${text}, the present` : text;
    this.slider.setAttribute("aria-valuetext", this.place.textContent);
  }

  async #read(version) {
    const turn = ++this.#turn;
    const { device } = this;
    const first = Math.max(1, Math.min(version - around / 2, this.newest - around + 1));
    try {
      const events = (await api.list(`/api/v1/streams/device-${encodeURIComponent(device)}/events`, { after: first - 1, limit: around })).items;
      if (turn !== this.#turn) return;
      const event = events.find((item) => item.version === version);
      this.#drawEvents(events, version);
      if (!event) return this.#fail({ title: "This event is not there", message: "It has left the log, or belongs to an account that you may not see." });
      this.#drawEvent(event);
      const { steps } = await api.ofDevice(device, "diff", { from: justBefore(event.recordedTime), to: event.recordedTime });
      if (turn !== this.#turn) return;
      const changes = steps?.find((step) => step.version === version)?.changes ?? [];
      this.changes.replaceChildren(changesTable(changes, "This event left the device's state as it was."));
      if (this.since.open) await this.#compare();
    } catch (problem) {
      if (turn === this.#turn) this.#fail(problem);
    }
  }

  #fail(problem) {
    this.time = null;
    // The same place is asked for once more when it is shown again.
    this.device = null;
    this.event.replaceChildren(problemNote(problem));
    this.changes.replaceChildren();
  }

  #drawEvent(event) {
    this.time = event.recordedTime;
    if (document.activeElement !== this.instant) this.instant.value = toField(event.recordedTime);
    this.slider.setAttribute("aria-valuetext", `${this.place.textContent}: ${event.type}, ${moment(event.recordedTime)}`);
    this.event.replaceChildren(
      element("b", {}, event.type), element("p", { class: "soft" },
        element("time", { datetime: event.recordedTime, title: event.recordedTime }, moment(event.recordedTime)),
        ` by ${event.metadata.principal} · `,
        element("a", { href: link("events", event.metadata.id) }, "Why, and what came of it")));
  }

  #drawEvents(events, version) {
    this.events.replaceChildren(...events.reverse().map((event) => element(
      "li", { "aria-current": event.version === version ? "true" : null },
      element("a", { href: link("devices", this.device, { version: event.version === this.newest ? null : event.version }) },
        element("span", { class: "position" }, count(event.version)), element("b", {}, event.type),
        element("span", { class: "event-data" }, summary(event))))));
  }

  /** What is otherwise now than after the chosen event; asked only if somebody wants to know. */
  async #compare() {
    if (!this.since.open || this.version === null || !this.time) return;
    const turn = this.#turn;
    try {
      const { changes, to, from } = await api.ofDevice(this.device, "diff", { from: this.time });
      if (turn !== this.#turn) return;
      this.sinceBody.replaceChildren(
        element("p", { class: "soft" }, `From event ${count(from.version)} to event ${count(to.version)}.`),
        changesTable(changes.filter(({ field }) => field !== "/version"), "Nothing."));
    } catch (problem) {
      if (turn === this.#turn) this.sinceBody.replaceChildren(problemNote(problem));
    }
  }
}
