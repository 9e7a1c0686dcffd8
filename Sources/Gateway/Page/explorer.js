// What the pages about the log have in common: where one can go, what is looked for, and a list page by page.

import * as api from "./api.js";
import { go, link } from "./route.js";
import { element, problemNote } from "./view.js";

const places = [["events", "Events"], ["streams", "Streams"], ["activity", "Activity"]];

/** The heading of a page about the log. */
export function head(current, title) {
  return element(
    "header", { class: "place-head" }, element("h1", {}, title),
    element("nav", { class: "choice", "aria-label": "The log" }, ...places.map(([page, label]) =>
      element("a", { href: link(page), "aria-current": page === current ? "page" : null }, label))));
}

/** A form of fields, each with `name`, `label`, and perhaps `type`, `options`, `hint`; it leads to the place it describes. */
export class Search {
  constructor(page, fields, label) {
    this.fields = fields;
    this.inputs = Object.fromEntries(fields.map((field) => [field.name, control(page, field)]));
    this.form = element(
      "form", { class: "search", role: "search", "aria-label": label },
      ...fields.map(({ name, label: text }) => element("label", {}, element("span", {}, text), this.inputs[name])),
      element("div", { class: "buttons" }, element("button", { type: "submit", class: "act" }, "Search"),
        element("a", { class: "quiet", href: link(page) }, "Clear")));
    this.form.addEventListener("submit", (submit) => {
      submit.preventDefault();
      const given = fields.map(({ name, read }) => [name, read ? read(this.inputs[name].value) : this.inputs[name].value.trim()]);
      go(link(page, null, Object.fromEntries(given)));
    });
  }

  /** Fills the form with what is looked for, and says it without what the page does not know. */
  fill(query) {
    const wanted = {};
    for (const { name, write } of this.fields) {
      this.inputs[name].value = query[name] ? (write ? write(query[name]) : query[name]) : "";
      if (query[name]) wanted[name] = query[name];
    }
    return wanted;
  }
}

function control(page, { name, type = "text", options, hint }) {
  const attributes = { id: `${page}-${name}`, name };
  if (options) return element("select", attributes, ...options.map(([value, label]) => element("option", { value }, label)));
  return element("input", {
    ...attributes, type, placeholder: hint, autocomplete: "off", spellcheck: "false", step: type === "datetime-local" ? 1 : null });
}

/** A list of the server, page by page; `path` and what is asked come with each `show`. */
export class Pages {
  #turn = 0;

  /** `item` makes an element of what the server lists; `empty` says that there is nothing. */
  constructor(context, { item, empty, label }) {
    Object.assign(this, { context, item, empty });
    this.status = element("p", { class: "tally", role: "status" });
    this.list = element("ol", { class: "events wide", "aria-label": label });
    this.foot = element("div", { class: "card-foot pager" });
    this.node = element("div", {}, this.list, this.foot);
  }

  /** `next` makes the address of the page after a cursor; `links` are shown beside it. */
  async show(path, fields, { next, links = [] }) {
    const turn = ++this.#turn;
    this.list.ariaBusy = "true";
    this.status.textContent = "Reading…";
    try {
      const page = await api.list(path, fields);
      if (turn !== this.#turn) return;
      this.list.replaceChildren(...page.items.map((item) => this.item(item)));
      this.status.textContent = page.items.length ? `${page.items.length} here` : "none here";
      const more = page.next ? element("a", { class: "act", href: next(page.next) }, "Next page") : null;
      const said = page.items.length ? "" : page.next ? "Nothing in this part of the log; the next page goes on from there." : this.empty;
      this.foot.replaceChildren(...[element("span", { class: "soft" }, said), ...links, more].filter(Boolean));
      return page;
    } catch (problem) {
      if (turn !== this.#turn) return;
      if (problem.status === 401) return this.context.expired();
      this.status.textContent = "";
      this.list.replaceChildren();
      this.foot.replaceChildren(problemNote(problem, () => this.show(path, fields, { next, links })));
    } finally {
      if (turn === this.#turn) this.list.ariaBusy = "false";
    }
  }
}
