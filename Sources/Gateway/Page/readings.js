// What a device has measured: a chart for each metric, over a span that can be chosen.

import * as api from "./api.js";
import { Chart, points } from "./chart.js";
import { oddity } from "./fleet.js";
import { ago, element, problemNote, reading } from "./view.js";

const hour = 3_600_000;
/** What can be chosen; how long it is, how finely it is drawn, and how long a gap breaks the line. */
const spans = {
  "1h": { label: "1 hour", length: hour, resolution: "raw", gap: 20 * 60_000 },
  "24h": { label: "24 hours", length: 24 * hour, resolution: "1m", gap: 2 * hour },
  "7d": { label: "7 days", length: 7 * 24 * hour, resolution: "1h", gap: 6 * hour },
  "30d": { label: "30 days", length: 30 * 24 * hour, resolution: "1h", gap: 24 * hour },
};
const mostCharts = 12;
/** As many pages are read for a chart. */
const mostPages = 3;

/** What is drawn of a metric: readings only where that is all of them, since windows of a minute soon are. */
async function measured(metric, fields, resolution) {
  const answer = await api.metric(metric, { ...fields, resolution, limit: 10_000 }, mostPages);
  if (answer.isWhole || resolution !== "raw") return answer.items;
  return measured(metric, fields, "1m");
}

export class Readings {
  #charts = new Map();
  #turn = 0;
  #drawnTime = 0;

  /** `context` is told of a session that has ended. */
  constructor(context) {
    this.context = context;
    this.buttons = Object.fromEntries(Object.entries(spans).map(([name, { label }]) => {
      const button = element("button", { type: "button", class: "quiet" }, label);
      button.addEventListener("click", () => { this.#choose(name); this.#draw(); });
      return [name, button];
    }));
    this.charts = element("div", { class: "charts" });
    this.texts = element("dl", { class: "facts" });
    this.note = element("div");
    this.node = element(
      "section", { class: "card", "aria-labelledby": "readings-title" },
      element("div", { class: "card-head" }, element("h2", { id: "readings-title" }, "Readings"),
        element("div", { class: "choice", role: "group", "aria-label": "Span of the charts" }, ...Object.values(this.buttons))),
      element("div", { class: "card-body" }, this.charts, this.texts, this.note));
  }

  /** Shows the readings of a device; `time` is the instant that is looked at, null for the present. */
  show(device, time) {
    const isOther = device.id !== this.device?.id;
    this.device = device;
    this.time = time ? Date.parse(time) : null;
    if (isOther) {
      // A device that is new would have a day of nothing.
      this.#choose(Date.now() - Date.parse(device.registeredTime) < hour ? "1h" : "24h");
      this.#charts.clear();
      this.charts.replaceChildren();
    }
    const known = Object.entries(device.readings).sort(([a], [b]) => (a < b ? -1 : 1));
    const drawn = known.filter(([, { value }]) => typeof value !== "string" && value !== null).slice(0, mostCharts);
    const names = new Set(drawn.map(([metric]) => metric));
    const isNew = drawn.some(([metric]) => !this.#charts.has(metric));
    for (const metric of this.#charts.keys()) if (!names.has(metric)) this.#charts.delete(metric);
    for (const [metric, { value, time: measured }] of drawn) {
      if (!this.#charts.has(metric)) this.#charts.set(metric, new Chart(metric));
      const odd = oddity(device, metric);
      this.#charts.get(metric).say(value, { odd, title: [odd, ago(measured)].filter(Boolean).join(", ") });
    }
    const nodes = drawn.map(([metric]) => this.#charts.get(metric).node);
    if (nodes.some((node, index) => this.charts.children[index] !== node) || nodes.length !== this.charts.children.length) {
      this.charts.replaceChildren(...nodes);
    }
    this.texts.replaceChildren(...known.filter(([metric]) => !names.has(metric)).flatMap(([metric, { value, time: measured }]) =>
      [element("dt", {}, metric), element("dd", { title: measured }, reading(metric, value))]));
    this.texts.hidden = this.texts.children.length === 0;
    if (!known.length) this.note.replaceChildren(element("p", { class: "soft" }, "No reading has come yet."));
    else this.note.replaceChildren();
    // What comes every second is not worth drawing all charts anew.
    if (isNew || isOther || this.#mustMove() || Date.now() - this.#drawnTime > 15_000) this.#draw();
    for (const chart of this.#charts.values()) chart.point(this.time);
  }

  #choose(span) {
    this.span = span;
    for (const [name, button] of Object.entries(this.buttons)) button.setAttribute("aria-pressed", String(name === span));
  }

  /** The end of what is drawn: now, or beyond the instant that is looked at, if that is long ago. */
  get #end() {
    const { length } = spans[this.span];
    return this.time && this.time < Date.now() - length ? this.time + length / 2 : Date.now();
  }

  #mustMove() {
    return !this.drawn || Math.abs(this.#end - this.drawn.to) > spans[this.span].length / 4;
  }

  async #draw() {
    const turn = ++this.#turn;
    const { length, resolution, gap } = spans[this.span];
    const [id, to] = [this.device.id, this.#end];
    const from = to - length;
    this.drawn = { from, to };
    this.#drawnTime = Date.now();
    await Promise.all([...this.#charts.values()].map(async (chart) => {
      try {
        const items = await measured(
          chart.metric, { device_id: id, from: new Date(from).toISOString(), to: new Date(to).toISOString() }, resolution);
        if (turn !== this.#turn) return;
        chart.draw(points(items, chart.metric), { from, to, gap });
        chart.point(this.time);
      } catch (problem) {
        if (turn !== this.#turn) return;
        if (problem.status === 401) return this.context.expired();
        this.note.replaceChildren(problemNote(problem, () => this.#draw()));
      }
    }));
  }
}
