// The events of the log, filtered; the oldest first, as they are in the log.

import * as api from "./api.js";
import { eventRow } from "./eventrow.js";
import { head, Pages, Search } from "./explorer.js";
import { fromField, toField } from "./instant.js";
import { link } from "./route.js";
import { element } from "./view.js";

const pageSize = 50;
const instant = { type: "datetime-local", read: fromField, write: toField };
/** What the export can be narrowed by. */
const exported = ["category", "account", "type", "principal", "correlation"];

export const categories = [["", "all"], ...["device", "account", "alert", "rollout", "workflow", "ingest", "runner"].map((name) => [name, name])];

export class EventsPage {
  title = "Events";

  constructor(context) {
    this.search = new Search("events", [
      { name: "type", label: "Type", hint: "AlertRaised" },
      { name: "category", label: "Streams of", options: categories },
      { name: "principal", label: "Done by", hint: "user:…, device:…" },
      { name: "correlation", label: "Correlation", hint: "what one request led to" },
      { name: "account", label: "Account" },
      { name: "from", label: "Recorded from", ...instant }, { name: "to", label: "until", ...instant },
    ], "Events");
    this.pages = new Pages(context, { item: (event) => eventRow(event), empty: "No event matches.", label: "Events, oldest first" });
    this.export = element("a", { class: "quiet", download: "events.ndjson", type: "application/x-ndjson" }, "Export");
    this.node = element(
      "article", {}, head("events", "Events"), element("section", { class: "card" }, this.search.form),
      element("section", { class: "card", "aria-labelledby": "events-title" },
        element("div", { class: "card-head" }, element("h2", { id: "events-title" }, "In the order of the log"), this.pages.status, this.export),
        this.pages.node));
  }

  async open({ query }) {
    const wanted = this.search.fill(query);
    const isAll = Object.keys(wanted).length === 0;
    let { after } = query;
    // Whoever looks for nothing in particular wants to see what is new.
    if (after === undefined && isAll) after = Math.max(0, (await api.head().catch(() => 0)) - pageSize);
    const place = (more) => link("events", null, { ...wanted, ...more });
    const links = [
      element("a", { class: "quiet", href: place({ after: 0 }) }, "From the beginning"),
      isAll && Number(after) > 0 ? element("a", { class: "act", href: place({ after: Math.max(0, after - pageSize) }) }, "Earlier") : null,
    ];
    this.export.hidden = true;
    const page = await this.pages.show(
      "/api/v1/events", { ...wanted, after, limit: pageSize }, { next: (cursor) => place({ after: cursor }), links });
    if (page?.items.length) this.#linkExport(wanted, page.items[0].position);
  }

  /** The same as CloudEvents, from the first one that is listed. */
  #linkExport(wanted, first) {
    // The export knows no end but its limit.
    this.export.hidden = Boolean(wanted.to);
    const fields = Object.fromEntries(exported.map((name) => [name, wanted[name]]));
    this.export.href = api.withQuery("/api/v1/audit/export", { ...fields, after: first - 1, limit: 1000 });
    this.export.title = "Up to 1,000 events from the first one here on, as CloudEvents, one a line";
  }
}
