// The rollouts: how far each one is, and the buttons that pause, resume and stop it.

import { actButton, count, element } from "./view.js";

/** What devices of a rollout are about, in the order of the bar. */
const stages = [
  ["succeeded", "updated"], ["failed", "failed"], ["timedOut", "timed out"], ["installing", "installing"],
  ["downloading", "downloading"], ["notified", "notified"], ["cancelled", "cancelled"], ["scheduled", "waiting"],
];
const ended = ["succeeded", "failed", "timedOut", "cancelled"];
const most = 6;

export const isOver = (rollout) => ["aborted", "finished"].includes(rollout.state);

/** The panel; `act(id, action)` does what a button says. */
export class RolloutsPanel {
  #items = new Map();

  constructor({ list, empty, status }, { act }) {
    Object.assign(this, { list, empty, status, act });
  }

  draw(rollouts, mayAct) {
    const shown = [...rollouts]
      .sort((a, b) => isOver(a) - isOver(b) || Date.parse(b.createdTime) - Date.parse(a.createdTime)).slice(0, most);
    const items = shown.map((rollout) => this.#item(rollout, mayAct));
    for (const [id, item] of this.#items) if (!items.includes(item)) this.#items.delete(id);
    items.forEach((item, index) => {
      if (this.list.children[index] !== item.node) this.list.insertBefore(item.node, this.list.children[index] ?? null);
    });
    while (this.list.children.length > items.length) this.list.lastElementChild.remove();
    this.empty.hidden = items.length > 0;
    const running = rollouts.filter((rollout) => !isOver(rollout)).length;
    const text = running ? `${count(running)} under way` : "none under way";
    if (this.status.textContent !== text) this.status.textContent = text;
  }

  #item(rollout, mayAct) {
    let item = this.#items.get(rollout.id);
    if (!item) {
      item = new Item(rollout.id, this.act);
      this.#items.set(rollout.id, item);
    }
    item.fill(rollout, mayAct);
    return item;
  }
}

/** One rollout; made once and filled again, so that a button stays the same while it is pressed. */
class Item {
  constructor(id, act) {
    this.title = element("b");
    this.state = element("span", { class: "state" });
    this.parts = stages.map(([stage]) => element("i", { "data-stage": stage }));
    this.bar = element("div", { class: "progress", role: "progressbar", "aria-valuemin": "0" }, ...this.parts);
    this.numbers = element("p", { class: "soft" });
    this.buttons = Object.fromEntries([["pause", "Pause"], ["resume", "Resume"], ["abort", "Stop"]].map(([action, label]) => {
      const work = async () => {
        if (action === "abort" && !confirm(`Stop the rollout of ${this.title.textContent} for good?`)) return;
        await act(id, action);
      };
      return [action, actButton(label, work, { "data-action": action })];
    }));
    this.node = element(
      "li", { "data-rollout": id },
      element("div", { class: "rollout-head" }, this.title, this.state,
        element("span", { class: "actions" }, ...Object.values(this.buttons))),
      this.bar, this.numbers);
  }

  fill({ version, state, reason, counts, groups, openedGroups }, mayAct) {
    const devices = stages.reduce((sum, [stage]) => sum + (counts[stage] ?? 0), 0);
    const done = ended.reduce((sum, stage) => sum + (counts[stage] ?? 0), 0);
    this.title.textContent = version;
    this.state.textContent = state;
    this.state.dataset.state = state;
    this.bar.setAttribute("aria-valuemax", devices);
    this.bar.setAttribute("aria-valuenow", done);
    const told = stages.filter(([stage]) => counts[stage]).map(([stage, word]) => `${count(counts[stage])} ${word}`);
    this.bar.setAttribute("aria-label", `Rollout of ${version}`);
    this.bar.setAttribute("aria-valuetext", told.join(", ") || "not begun");
    stages.forEach(([stage], index) => { this.parts[index].style.flexGrow = counts[stage] ?? 0; });
    const group = groups > 1 ? `group ${count(openedGroups)} of ${count(groups)}` : null;
    this.numbers.textContent = [`${count(done)} of ${count(devices)} done`, told.join(", "), group, reason].filter(Boolean).join(" · ");
    const buttons = Object.values(this.buttons);
    const focused = buttons.find((button) => button === document.activeElement);
    this.buttons.pause.hidden = !mayAct || state !== "running";
    this.buttons.resume.hidden = !mayAct || state !== "paused";
    this.buttons.abort.hidden = !mayAct || isOver({ state });
    // A button that is gone hands its focus to the one in its place.
    if (focused?.hidden) (buttons.find((button) => !button.hidden) ?? this.node.parentElement)?.focus();
  }
}
