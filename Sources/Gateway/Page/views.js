// The views: how far each has come, what is built anew, and what stands still.

import * as api from "./api.js";
import { WhenSeen } from "./attention.js";
import { isUnderWay, ViewCard } from "./viewcard.js";
import { element, problemNote } from "./view.js";

export class ViewsPage {
  title = "Views";
  #cards = new Map();
  #timer = null;
  #turn = 0;
  #refresh = new WhenSeen(() => this.#read());

  constructor(context) {
    this.context = context;
    this.list = element("div", { class: "views" });
    this.problem = element("div");
    this.said = element("p", { class: "unseen", "aria-live": "polite" });
    this.node = element(
      "article", {}, element("header", { class: "place-head" }, element("h1", {}, "Views"),
        element("p", { class: "soft" }, "Made of the log, and can be made anew from it at any time. The live one is served meanwhile.")),
      this.said, this.problem, this.list);
  }

  open() {
    this.#read();
  }

  close() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.#refresh.forget();
  }

  async #read() {
    const turn = ++this.#turn;
    clearTimeout(this.#timer);
    let isBusy = false;
    try {
      const views = await api.projections();
      // What stands still, and rows that differ, are told of single views only.
      const hasMore = ({ stuckCount, rebuild }) => stuckCount > 0 || rebuild?.comparison?.identical === false;
      const whole = await Promise.all(views.map((view) => (hasMore(view) ? api.projection(view.name) : view)));
      if (turn !== this.#turn) return;
      this.problem.replaceChildren();
      for (const view of whole) this.#card(view.name).fill(view, this.context.mayManage);
      isBusy = whole.some((view) => isUnderWay(view.rebuild?.state) || view.tether.events > 0);
    } catch (problem) {
      if (turn !== this.#turn) return;
      if (problem.status === 401) return this.context.expired();
      this.problem.replaceChildren(problemNote(problem, () => this.#read()));
    }
    this.#timer = setTimeout(() => this.#refresh.do(), isBusy ? 1000 : 3000);
  }

  #card(name) {
    let card = this.#cards.get(name);
    if (!card) {
      card = new ViewCard(name, { act: (action, body) => this.#act(name, action, body), say: (text) => { this.said.textContent = text; } });
      this.#cards.set(name, card);
      this.list.append(card.node);
    }
    return card;
  }

  async #act(name, action, body) {
    let outcome = null;
    const refused = await this.context.attempt(async () => { outcome = await api.actOnView(name, action, body); });
    if (!refused && action === "resume" && outcome.stuckCount > 0) {
      this.context.warn(`${name}: ${outcome.stuckCount} still stands still. The view's code cannot take in the event yet.`);
    }
    await this.#read();
  }
}
