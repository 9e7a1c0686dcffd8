// One view; made once and filled again, so that a button stays the same while it is pressed.

import { comparisonNote } from "./comparison.js";
import { actButton, count, element, moment } from "./view.js";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A length of time for somebody who waits. */
function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** What a rebuild cannot make anew where telemetry has left the log; the other views are made of nothing that leaves. */
const lost = {
  devices: "what devices had sent by then, and the counts of it,", telemetry: "the windows of those readings", states: "the states of that time",
};

/** What is asked before it is done; no question where nothing can be lost. */
const confirmations = {
  rebuild: (name) => lost[name] && `Rebuild ${name}? Where telemetry has left the log by retention, ${lost[name]} `
    + "cannot be made anew: the rebuilt view takes over without them. The one of now is kept as previous until it is dropped.",
  "rebuild/cancel": (name) => `Cancel the rebuild of ${name}? What is built so far is thrown away.`,
  "swap-back": (name) => `Swap ${name} back to its previous generation?`
    + (lost[name] ? " What has left the log by retention since that one was live will be missing in it." : ""),
  "drop-previous": (name) => `Delete all generations of ${name} before the live one? There is no way back to them.`,
};

const labels = {
  rebuild: "Rebuild", "rebuild/pause": "Pause rebuild", "rebuild/resume": "Resume rebuild", "rebuild/cancel": "Cancel rebuild",
  "swap-back": "Swap back", "drop-previous": "Drop previous", pause: "Pause view", resume: "Resume view",
};
const outcomes = {
  running: "is being built anew", paused: "its rebuild is paused", failed: "its rebuild has failed", finished: "its rebuild has finished",
  cancelled: "its rebuild was cancelled",
};

/** A rebuild that has failed waits to be resumed or cancelled, like one that is paused. */
export const isUnderWay = (state) => ["running", "paused", "failed"].includes(state);

export class ViewCard {
  /** `act` does what a button says; `say` tells those who do not see. */
  constructor(name, { act, say }) {
    Object.assign(this, { name, act, say });
    this.state = element("span", { class: "state" });
    this.numbers = Object.fromEntries(["Position", "Tether", "Rate", "Rows", "Digest"].map((label) => [label, element("dd", { class: label === "Digest" ? "mono" : null }, "–")]));
    this.roles = element("p", { class: "soft roles" });
    this.failure = element("p", { class: "problem-text" });
    this.bar = element("i");
    this.progress = element("div", { class: "progress", role: "progressbar", "aria-valuemin": "0", "aria-valuemax": "100", "aria-label": `Rebuild of ${name}` }, this.bar);
    this.told = element("p", { class: "soft told" });
    this.rebuild = element("div", { class: "rebuild" }, this.progress, this.told);
    this.comparison = element("div");
    this.stuck = element("div", { class: "stuck" });
    this.buttons = Object.fromEntries(Object.entries(labels).map(([action, label]) => [action, this.#button(action, label)]));
    this.actions = element("span", { class: "actions" }, ...Object.values(this.buttons));
    this.node = element(
      "section", { class: "card view", "data-view": name, "aria-labelledby": `view-${name}`, tabindex: "-1" },
      element("div", { class: "card-head" }, element("h2", { id: `view-${name}` }, name), this.state),
      element("div", { class: "card-body" },
        element("dl", { class: "numbers" }, ...Object.entries(this.numbers).map(([label, node]) => element("div", {}, element("dt", {}, label), node))),
        this.roles, this.failure, this.rebuild, this.comparison, this.stuck, this.actions));
  }

  fill(view, mayManage) {
    const { rebuild, content, tether, generations } = view;
    this.#sayChanges(view);
    set(this.state, view.state);
    this.state.dataset.state = view.state;
    set(this.numbers.Position, count(view.position));
    set(this.numbers.Tether, tether.events ? `${count(tether.events)}, ${tether.seconds.toFixed(1)} s` : "none");
    this.numbers.Tether.title = `${count(tether.events)} events and ${tether.seconds.toFixed(1)} s behind the newest`;
    set(this.numbers.Rate, `${whole.format(view.rate)} /s`);
    set(this.numbers.Rows, content ? count(content.rows) : "–");
    set(this.numbers.Digest, content ? content.digest : "–");
    this.numbers.Rows.title = this.numbers.Digest.title = content ? `As of position ${count(content.position)}, ${moment(content.time)}` : "";
    set(this.roles, generations.filter(({ role }) => role !== "dropped").map(({ number, role, position, definition }) =>
      `${role}: generation ${count(number)} of definition ${definition}${role === "live" ? "" : ` at ${count(position)}`}`).join(" · "));
    set(this.failure, view.failure ?? "");
    this.failure.hidden = !view.failure;
    this.#fillRebuild(rebuild);
    this.#fillStuck(view, mayManage);
    this.#offer(this.#possible(view, mayManage));
  }

  #possible(view, mayManage) {
    if (!mayManage) return [];
    const { state } = view.rebuild ?? {};
    const isOpen = isUnderWay(state);
    const hasPrevious = view.generations.some(({ role }) => role === "previous" || role === "older");
    const canSwap = view.generations.some(({ role }) => role === "previous");
    return [
      ...(isOpen ? [state === "running" ? "rebuild/pause" : "rebuild/resume", "rebuild/cancel"] : ["rebuild"]),
      ...(isOpen ? [] : [...(canSwap ? ["swap-back"] : []), ...(hasPrevious ? ["drop-previous"] : [])]),
      view.state === "paused" ? "resume" : "pause",
    ];
  }

  #offer(actions) {
    const buttons = Object.values(this.buttons);
    const focused = buttons.find((button) => button === document.activeElement);
    for (const [action, button] of Object.entries(this.buttons)) button.hidden = !actions.includes(action);
    // A button that is gone hands its focus to the one in its place.
    if (focused?.hidden) (buttons.find((button) => !button.hidden) ?? this.node).focus();
  }

  #fillRebuild(rebuild) {
    this.rebuild.hidden = !rebuild || rebuild.state === "cancelled";
    this.comparison.hidden = !rebuild?.comparison;
    if (!rebuild) return;
    const done = rebuild.head > 0 ? Math.min(100, (rebuild.position / rebuild.head) * 100) : 100;
    const percent = rebuild.state === "finished" ? 100 : done;
    this.bar.style.flexGrow = String(percent / 100);
    this.progress.dataset.state = rebuild.state;
    this.progress.setAttribute("aria-valuenow", String(Math.floor(percent)));
    const what = rebuild.kind === "swap-back" ? "Swap back" : "Rebuild";
    const isOpen = isUnderWay(rebuild.state);
    set(this.told, [
      `${what} ${rebuild.state}`, isOpen ? `${count(rebuild.position)} of ${count(rebuild.head)}` : null,
      rebuild.events ? `${count(rebuild.events)} events` : null, rebuild.rate ? `${whole.format(rebuild.rate)} events/s` : null,
      isOpen && rebuild.secondsLeft !== undefined ? `${duration(rebuild.secondsLeft)} left` : null,
      isOpen ? null : moment(rebuild.changedTime), `asked by ${rebuild.askedBy}`, rebuild.failure,
    ].filter(Boolean).join(" · "));
    const { comparison } = rebuild;
    const mark = comparison ? `${rebuild.generation}/${comparison.position}` : null;
    if (mark && mark !== this.compared) this.comparison.replaceChildren(comparisonNote(comparison));
    this.compared = mark;
  }

  #fillStuck({ stuckCount, stuck = [] }, mayManage) {
    this.stuck.hidden = stuckCount === 0;
    const mark = JSON.stringify([stuckCount, stuck.map(({ entity, position }) => [entity, position])]);
    if (mark === this.stuckMark) return;
    this.stuckMark = mark;
    this.stuck.replaceChildren(
      element("h3", {}, stuckCount === 1 ? "1 entity stands still" : `${count(stuckCount)} entities stand still`),
      element("p", { class: "soft" }, "Their rows wait for an event that the view's code cannot take in. Mend the code, then resume; nothing is skipped."),
      element("ul", { class: "plain" }, ...stuck.map(({ entity, type, position, version, reason, since }) => element(
        "li", { "data-entity": entity }, element("div", {}, element("b", {}, entity),
          element("p", { class: "soft" }, `${type}, version ${count(version)}, position ${count(position)}${since ? `, since ${moment(since)}` : ""}`),
          element("p", { class: "mono" }, reason)),
        mayManage ? actButton("Resume", () => this.act("resume", { entity }), { "aria-label": `Resume ${entity}` }) : null))));
  }

  /** Progress is said when it turns, not at each step. */
  #sayChanges({ name, rebuild, stuckCount }) {
    const state = rebuild ? `${rebuild.generation}${rebuild.kind}${rebuild.state}` : "";
    if (this.stateBefore !== undefined && rebuild && state !== this.stateBefore) this.say(`${name}: ${outcomes[rebuild.state]}`);
    if (stuckCount > (this.stuckBefore ?? stuckCount)) this.say(`${name}: ${count(stuckCount)} stand still`);
    [this.stateBefore, this.stuckBefore] = [state, stuckCount];
  }

  #button(action, label) {
    return actButton(label, async () => {
      const question = confirmations[action]?.(this.name);
      // What the question warns of is accepted with it.
      if (!question || confirm(question)) await this.act(action, ["rebuild", "swap-back"].includes(action) && lost[this.name] ? { acceptLoss: true } : undefined);
    }, { "data-action": action, "aria-label": `${label}: ${this.name}`, hidden: true });
  }
}

function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
