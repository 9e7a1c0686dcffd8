// One event: what it says, what led to it, and what came of it.

import * as api from "./api.js";
import { eventRow, streamLink } from "./eventrow.js";
import { head } from "./explorer.js";
import { link } from "./route.js";
import { ago, count, element, moment, problemNote } from "./view.js";

export class EventPage {
  title = "Event";
  #turn = 0;

  constructor(context) {
    this.context = context;
    this.body = element("div", { class: "stack" });
    this.node = element("article", {}, head("events", "Event"), this.body);
  }

  async open({ id }) {
    const turn = ++this.#turn;
    try {
      const chain = await api.chain(id);
      if (turn !== this.#turn) return;
      this.title = `${chain.event.type} #${chain.event.position}`;
      document.title = `${this.title} · Fleetlog`;
      this.body.replaceChildren(this.#event(chain.event), this.#causes(chain), this.#effects(chain));
    } catch (problem) {
      if (turn !== this.#turn) return;
      if (problem.status === 401) return this.context.expired();
      this.body.replaceChildren(problemNote(problem, () => this.open({ id })), element("a", { href: link("events") }, "All events"));
    }
  }

  #event(event) {
    const { metadata } = event;
    const facts = [
      ["Stream", element("span", {}, streamLink(event.stream), ` version ${count(event.version)}`)],
      ["Recorded", moment(event.recordedTime), event.recordedTime], ["Observed", moment(event.time), event.time],
      ["Done by", metadata.principal], ["Account", event.account], ["Id", metadata.id],
      ["Correlation", metadata.correlationId
        ? element("a", { href: link("events", null, { correlation: metadata.correlationId }) }, metadata.correlationId) : null],
      ["Command", metadata.commandId], ["Trace", metadata.traceParent ?? null],
      ["Sealed", element("a", { href: `/api/v1/audit/proof?position=${Number(event.position)}` }, "proof that it is in the signed log")],
    ];
    return section("this-event", `${event.type} #${count(event.position)}`, null, element("div", { class: "card-body" },
      element("dl", { class: "facts" }, ...facts.filter(([, value]) => value !== null).flatMap(([name, value, title]) =>
        [element("dt", {}, name), element("dd", { title }, value)])),
      element("h3", {}, "What it says"), element("pre", { class: "json" }, JSON.stringify(event.data, null, 2))));
  }

  #causes({ causes }) {
    return section("causes", "Why it happened", causes.length ? `${count(causes.length)} steps, the origin first` : "",
      causes.length ? element("ol", { class: "events wide chain" }, ...causes.map((event) => eventRow(event)))
        : element("p", { class: "quiet-note" }, "It is an origin: nothing in the log led to it."));
  }

  #effects({ event, effects, notifications, truncated }) {
    const depths = new Map([[event.metadata.id, 0]]);
    for (const { metadata } of effects) depths.set(metadata.id, (depths.get(metadata.causationId) ?? 0) + 1);
    const rows = inOrder(event.metadata.id, effects)
      .map((effect) => eventRow(effect, { "data-depth": Math.min(depths.get(effect.metadata.id), 6) }));
    const told = notifications.map((notification) => element(
      "li", { "data-notification": notification.id },
      element("div", { class: "event-head" }, element("b", {}, notification.title), element("span", { class: "severity", "data-severity": notification.severity }, notification.severity),
        element("time", { datetime: notification.createdTime, title: notification.createdTime }, ago(notification.createdTime))),
      element("div", { class: "event-where" }, notification.text)));
    return section("effects", "What came of it", effects.length ? `${count(effects.length)}${truncated ? " and more" : ""} events` : "",
      rows.length ? element("ol", { class: "events wide chain" }, ...rows) : element("p", { class: "quiet-note" }, "Nothing followed from it."),
      told.length ? element("h3", { class: "within" }, "Notifications") : null,
      told.length ? element("ol", { class: "events wide" }, ...told) : null);
  }
}

function section(id, title, tally, ...content) {
  return element(
    "section", { class: "card", "data-part": id, "aria-labelledby": `${id}-title` },
    element("div", { class: "card-head" }, element("h2", { id: `${id}-title` }, title), tally ? element("p", { class: "tally" }, tally) : null),
    ...content);
}

/** Each effect below its cause. */
function inOrder(root, effects) {
  const below = Map.groupBy(effects, (effect) => effect.metadata.causationId);
  const [ordered, waiting] = [[], [...(below.get(root) ?? [])].reverse()];
  while (waiting.length) {
    const effect = waiting.pop();
    ordered.push(effect);
    waiting.push(...[...(below.get(effect.metadata.id) ?? [])].reverse());
  }
  return ordered;
}
