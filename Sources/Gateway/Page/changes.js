// Differences, field by field: how it was, and how it is.

import { element, moment } from "./view.js";

/** What people have named themselves is shown as they have written it. */
const named = ["readings", "labels", "metadata"];

/** A field's JSON Pointer in words: /readings/temperature/value becomes "readings › temperature › value". */
function words(pointer) {
  const parts = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  const own = named.includes(parts[0]) ? parts : parts.map((part) => part.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));
  return own.join(" › ") || "all";
}

const isTime = (value) => typeof value === "string" && /^\d{4}-\d\d-\d\dT.*Z$/.test(value);

function cell(value) {
  if (value === null || value === undefined) return element("td", { class: "soft" }, "–");
  if (isTime(value)) return element("td", { title: value }, moment(value));
  return element("td", {}, typeof value === "object" ? JSON.stringify(value) : String(value));
}

/** When a value was measured says less than the value. */
const isMinor = ({ field }) => /time$/i.test(field);

/** A table of changes, each with `field`, `from` and `to`; a sentence if there are none. */
export function changesTable(changes, none, titles = ["Before", "After"]) {
  if (!changes.length) return element("p", { class: "soft" }, none);
  const head = ["Field", ...titles].map((title) => element("th", { scope: "col" }, title));
  return element(
    "table", { class: "changes" }, element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...[...changes].sort((a, b) => isMinor(a) - isMinor(b)).map(({ field, from, to }) =>
      element("tr", {}, element("th", { scope: "row" }, words(field)), cell(from), cell(to)))));
}
