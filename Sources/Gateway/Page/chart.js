// A small chart of one metric over time: the mean as a line, least and most as a band around it. SVG, drawn by hand.

import { clock, count, element, moment, reading } from "./view.js";

const [width, height, margin] = [300, 72, 4];
const svg = "http://www.w3.org/2000/svg";

function shape(tag, attributes) {
  const node = document.createElementNS(svg, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Windows or single readings of the API as points of a chart; texts cannot be drawn. */
export function points(items, metric) {
  return items.filter((item) => item.metric === metric).map((item) => {
    if (item.start !== undefined) {
      return { time: Date.parse(item.start), mean: item.mean ?? item.last, min: item.min, max: item.max, count: item.count };
    }
    const value = typeof item.value === "boolean" ? Number(item.value) : item.value;
    return { time: Date.parse(item.time), mean: value, min: value, max: value, count: 1 };
  }).filter((point) => typeof point.mean === "number").sort((a, b) => a.time - b.time);
}

export class Chart {
  constructor(metric) {
    this.metric = metric;
    this.range = element("span", { class: "soft" });
    this.band = shape("path", { class: "band" });
    this.line = shape("path", { class: "line" });
    this.mark = shape("path", { class: "mark" });
    this.after = shape("path", { class: "after" });
    this.svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img" });
    this.svg.append(this.band, this.line, this.after, this.mark);
    this.from = element("span");
    this.to = element("span");
    this.value = element("b");
    this.node = element(
      "figure", { class: "chart", "data-metric": metric },
      element("figcaption", {}, element("span", { class: "name" }, metric), this.value), this.svg,
      element("div", { class: "axis" }, this.from, this.range, this.to));
  }

  /** The value beside the chart. */
  say(value, { odd, title }) {
    this.value.textContent = value === undefined ? "–" : reading(this.metric, value);
    this.value.title = title ?? "";
    this.value.toggleAttribute("data-odd", Boolean(odd));
  }

  /** Draws what lies between two instants; where nothing was measured for longer than `gap`, the line is broken. */
  draw(points, { from, to, gap }) {
    const lowest = Math.min(...points.map((point) => point.min));
    const highest = Math.max(...points.map((point) => point.max));
    const span = highest - lowest || 1;
    const x = (time) => (((time - from) / (to - from)) * width).toFixed(1);
    const y = (value) =>
      (highest === lowest ? height / 2 : margin + (1 - (value - lowest) / span) * (height - 2 * margin)).toFixed(1);
    const runs = [];
    for (const point of points) {
      if (!runs.length || point.time - runs.at(-1).at(-1).time > gap) runs.push([]);
      runs.at(-1).push(point);
    }
    const path = (run, value) => run.map((point, index) => `${index ? "L" : "M"}${x(point.time)} ${y(value(point))}`).join("");
    // A single point would be no line: it becomes a dot.
    this.line.setAttribute("d", runs.map((run) => path(run, (point) => point.mean) + (run.length > 1 ? "" : "h.01")).join(""));
    this.band.setAttribute("d", runs.map((run) =>
      `${path(run, (point) => point.max)}${path([...run].reverse(), (point) => point.min).replace("M", "L")}Z`).join(""));
    const isDay = to - from <= 86_400_000;
    const label = (time) => (isDay ? clock(time).slice(0, 5) : new Date(time).toLocaleDateString([], { day: "numeric", month: "short" }));
    this.from.textContent = label(from);
    this.to.textContent = label(to);
    const total = points.reduce((sum, point) => sum + point.count, 0);
    const values = points.length
      ? [...new Set([lowest, highest].map((value) => reading(this.metric, value)))].join(" to ") : "nothing measured";
    this.range.textContent = values;
    this.svg.setAttribute("aria-label", points.length
      ? `${this.metric}, ${moment(from)} to ${moment(to)}: ${values}, ${count(total)} readings` : `${this.metric}: ${values}`);
    this.span = { from, to };
  }

  /** Marks an instant, if it lies in what is drawn, and lets what came after it fade. */
  point(time) {
    const { from, to } = this.span ?? {};
    const isSeen = time && time >= from && time <= to;
    const x = isSeen ? (((time - from) / (to - from)) * width).toFixed(1) : 0;
    this.mark.setAttribute("d", isSeen ? `M${x} 0V${height}` : "");
    this.after.setAttribute("d", isSeen ? `M${x} 0H${width}V${height}H${x}Z` : "");
  }
}
