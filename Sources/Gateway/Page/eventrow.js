// An event as a row: what happened, to what, who did it, and when.

import { link } from "./route.js";
import { count, element, moment, summary } from "./view.js";

/** Where a principal's doings are: a device has a page, a person a list. */
function who(principal) {
  const [kind, id] = [principal.split(":")[0], principal.slice(principal.indexOf(":") + 1)];
  if (kind === "device") return element("a", { href: link("devices", id) }, principal);
  if (kind === "user") return element("a", { href: link("activity", null, { principal }) }, principal);
  return element("span", {}, principal);
}

/** The stream of an event, and the device that it is about, if it is one's. */
export function streamLink(stream) {
  return element("a", { href: link("streams", stream) }, stream);
}

export function eventRow(event, attributes = {}) {
  const isLate = Math.abs(Date.parse(event.recordedTime) - Date.parse(event.time)) > 2000;
  return element(
    "li", { "data-position": event.position, ...attributes },
    element("div", { class: "event-head" },
      element("a", { class: "position", href: link("events", event.metadata.id) }, `#${count(event.position)}`),
      element("a", { class: "type", href: link("events", event.metadata.id) }, event.type),
      element("time", { datetime: event.recordedTime, title: event.recordedTime }, moment(event.recordedTime))),
    element("div", { class: "event-where" }, streamLink(event.stream), element("span", {}, ` version ${count(event.version)} · by `),
      who(event.metadata.principal), element("span", {}, ` · ${event.account}`),
      isLate ? element("span", { title: event.time }, ` · observed ${moment(event.time)}`) : null),
    element("div", { class: "event-data" }, summary(event)));
}
