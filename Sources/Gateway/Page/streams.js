// The streams of the log; and one of them, event by event.

import * as api from "./api.js";
import { eventRow } from "./eventrow.js";
import { categories } from "./events.js";
import { head, Pages, Search } from "./explorer.js";
import { link } from "./route.js";
import { count, element, moment, problemNote } from "./view.js";

const pageSize = 50;

export class StreamsPage {
  constructor(context) {
    this.context = context;
    this.search = new Search("streams", [
      { name: "text", label: "Name or title", hint: "kitchen, SN-4711, …" }, { name: "category", label: "Streams of", options: categories },
      { name: "account", label: "Account" },
    ], "Streams");
    this.streams = new Pages(context, { item: streamRow, empty: "No stream matches.", label: "Streams" });
    this.events = new Pages(context, { item: (event) => eventRow(event), empty: "There are no more events.", label: "Events of the stream, oldest first" });
    this.all = element(
      "article", {}, head("streams", "Streams"), element("section", { class: "card" }, this.search.form),
      element("section", { class: "card", "aria-labelledby": "streams-title" },
        element("div", { class: "card-head" }, element("h2", { id: "streams-title" }, "By the position of their first event"), this.streams.status), this.streams.node));
    this.heading = element("h2", { id: "stream-title" });
    this.facts = element("p", { class: "soft" });
    this.one = element(
      "article", {}, head("streams", "Stream"),
      element("section", { class: "card", "aria-labelledby": "stream-title" },
        element("div", { class: "card-head" }, this.heading, this.events.status), element("div", { class: "card-body" }, this.facts), this.events.node));
    this.node = element("div", {});
  }

  async open({ id, query }) {
    this.title = id ?? "Streams";
    this.node.replaceChildren(id ? this.one : this.all);
    await (id ? this.#openOne(id, query) : this.#openAll(query));
  }

  async #openAll(query) {
    const wanted = this.search.fill(query);
    await this.streams.show("/api/v1/streams", { ...wanted, after: query.after, limit: pageSize },
      { next: (after) => link("streams", null, { ...wanted, after }) });
  }

  async #openOne(name, { after }) {
    if (this.heading.textContent !== name) this.facts.replaceChildren();
    this.heading.textContent = name;
    const known = api.stream(name).then((stream) => this.#fill(stream), (problem) => {
      if (this.heading.textContent === name) this.facts.replaceChildren(problemNote(problem));
    });
    const page = this.events.show(`/api/v1/streams/${encodeURIComponent(name)}/events`, { after, limit: pageSize }, {
      next: (cursor) => link("streams", name, { after: cursor }),
      links: after ? [element("a", { class: "quiet", href: link("streams", name) }, "From the beginning")] : [],
    });
    await Promise.all([known, page]);
  }

  #fill({ stream, account, version, firstTime, lastTime }) {
    if (this.heading.textContent !== stream) return;
    const device = stream.startsWith("device-") ? stream.slice("device-".length) : null;
    this.facts.replaceChildren(
      `${count(version)} events of ${account}, from ${moment(firstTime)} to ${moment(lastTime)}. `,
      ...[version > pageSize ? element("a", { href: link("streams", stream, { after: version - pageSize }) }, "The newest") : null,
        device ? element("a", { href: link("devices", device) }, "The device") : null].filter(Boolean).flatMap((node) => [node, " "]));
  }
}

function streamRow({ stream, account, firstType, firstTime }) {
  return element(
    "li", { "data-stream": stream },
    element("div", { class: "event-head" }, element("a", { class: "type", href: link("streams", stream) }, stream),
      element("time", { datetime: firstTime, title: firstTime }, moment(firstTime))),
    element("div", { class: "event-where" }, `begun by ${firstType} · ${account}`));
}
