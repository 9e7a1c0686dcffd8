// What the comparison of a rebuilt view with the live one has found.

import { changesTable } from "./changes.js";
import { count, element } from "./view.js";

/** The fields in which two rows differ; a row that only one has differs as a whole. */
function differences(live, next, path = "") {
  if (JSON.stringify(live) === JSON.stringify(next)) return [];
  const areObjects = [live, next].every((value) => value && typeof value === "object" && !Array.isArray(value));
  if (!areObjects) return [{ field: path, from: live, to: next }];
  return [...new Set([...Object.keys(live), ...Object.keys(next)])].sort()
    .flatMap((name) => differences(live[name], next[name], `${path}/${name}`));
}

export function comparisonNote({ identical, live, next, differingRows, position, sample }) {
  const rows = `${count(live.rows)} rows live, ${count(next.rows)} rebuilt, as of position ${count(position)}`;
  if (identical) return element("p", { class: "compared", "data-identical": "true" }, `Identical: ${rows}, digest ${next.digest}.`);
  return element(
    "details", { class: "compared", "data-identical": "false" },
    element("summary", {}, `${differingRows === 1 ? "1 row differs" : `${count(differingRows)} rows differ`}: ${rows}.`),
    element("p", { class: "soft mono" }, `digest ${live.digest} live, ${next.digest} rebuilt`),
    ...(sample ?? []).map((row) => element("div", { class: "sample" }, element("h3", {}, row.id),
      changesTable(differences(row.live, row.next), "", ["Live", "Rebuilt"]))));
}
