// The fleet's page: reads the fleet, follows the log, draws at most once a frame.

import { Alerts, AlertsPanel } from "./alerts.js";
import * as api from "./api.js";
import { WhenSeen } from "./attention.js";
import { DeviceTable } from "./devicetable.js";
import { Fleet } from "./fleet.js";
import { LogPanel } from "./logpanel.js";
import { isOver, RolloutsPanel } from "./rollouts.js";
import * as view from "./view.js";

const mostDevices = 1000;
const mostAlerts = 1000;
/** Further behind the log than this, the page starts anew at its head. */
const mostBehind = 20_000;
/** Where those views stand at least of which the page takes lists, into which it then folds events. */
const placeOf = (statuses) =>
  Math.min(...statuses.filter(({ name }) => ["devices", "alerts"].includes(name)).map(({ position }) => position));

const $ = (id) => document.getElementById(id);

export class Overview {
  node = $("fleet");
  title = "Fleet";
  #fleet = new Fleet();
  #alerts = new Alerts();
  #rollouts = [];
  /** Where the view of the rollouts stood when it was read, and the newest event that should be in it. */
  #rolloutsPosition = 0;
  #newestOfRollouts = 0;
  #rates = [];
  #source = null;
  #turn = 0;
  /** To where views have to come before their lists say what the page has not been told; 0 if there is nothing such. */
  #awaited = 0;
  #frame = 0;
  #alertsTimer = null;
  #rolloutsTimer = null;
  #refreshAlerts = new WhenSeen(() => this.#readAlerts());
  #refreshRollouts = new WhenSeen(() => this.#readRollouts());

  /** `heard` is told of each event, for whatever else is shown. */
  constructor(context, heard) {
    Object.assign(this, { context, heard });
    const nameOf = (id) => { const device = this.#fleet.devices.get(id); return device ? device.name || device.serial : null; };
    this.nameOf = nameOf;
    this.table = new DeviceTable({ body: $("rows"), search: $("search"), empty: $("empty"), more: $("more") }, this.#fleet);
    this.log = new LogPanel({ list: $("log"), filter: $("filter"), pause: $("pause") },
      (event) => nameOf(event.stream.slice("device-".length)) ?? event.stream);
    this.alertsPanel = new AlertsPanel(
      { list: $("alerts"), empty: $("alerts-empty"), more: $("alerts-more"), status: $("alerts-status") },
      { acknowledge: (id) => this.#attempt(async () => { this.#alerts.put(await api.acknowledge(id)); this.#draw(); }) });
    this.rolloutsPanel = new RolloutsPanel(
      { list: $("rollouts"), empty: $("rollouts-empty"), status: $("rollouts-status") },
      { act: (id, action) => this.#attempt(async () => { await api.act(id, action); await this.#refreshRollouts.do(); }) });
    setInterval(() => this.#tick(), 1000);
    setInterval(() => this.#refreshTether(), 3000);
    setInterval(() => {
      const isBehind = this.#rolloutsPosition < this.#newestOfRollouts;
      if (isBehind || this.#rollouts.some((rollout) => !isOver(rollout))) this.#refreshRollouts.do();
    }, 5000);
    addEventListener("online", () => this.#refreshRollouts.do());
  }

  open() {
    this.#draw();
  }

  /** Reads everything anew and follows the log from there; `place` is where the views are known to stand at least. */
  async start(place = 0) {
    this.stop();
    const turn = this.#turn;
    this.context.say("connecting", "Connecting");
    try {
      const head = await api.head();
      const [recent, devices, alerts] = await Promise.all(
        [api.events(Math.max(0, head - 60), 60), api.devices(mostDevices), api.alerts(mostAlerts)]);
      if (turn !== this.#turn) return;
      this.#fleet.head = head;
      this.#fleet.replace(devices.found, devices.hasMore);
      this.#alerts = new Alerts();
      this.#alerts.replace(alerts);
      this.log.replace(recent, Math.max(head, recent.at(-1)?.position ?? 0));
      for (const id of this.#fleet.devices.keys()) this.table.note(id);
      this.#newestOfRollouts = head;
      // The views may stand before the log: what they lack is folded in like what comes, unless it is too much.
      const known = Math.min(head, Math.max(place, Math.min(devices.position, alerts.position)));
      this.#awaited = head - known > mostBehind ? head : 0;
      this.#follow(this.#awaited || known);
      this.context.warn("");
      this.#refreshTether();
      this.#refreshRollouts.do();
      this.#draw();
    } catch (problem) {
      if (turn !== this.#turn) return;
      if (problem.status === 401) return this.context.expired();
      this.context.warn(`${problem.title}: ${problem.message}`);
      this.context.say("lost", "Trying again");
      this.#startAgain(3000);
    }
  }

  stop() {
    this.#turn += 1;
    this.#source?.close();
    this.#source = null;
  }

  #startAgain(delay) {
    const turn = this.#turn;
    setTimeout(() => { if (turn === this.#turn && this.context.session) this.start(); }, delay);
  }

  #follow(position) {
    this.#source = api.follow(position, {
      opened: () => this.context.say("live", "Live"),
      lost: async (isFinal) => {
        this.context.say("lost", "Connection lost, reconnecting");
        if (!isFinal) return;
        // The browser gives up when the answer is an error, such as a session that has ended.
        this.stop();
        try {
          await api.session();
          this.#startAgain(2000);
        } catch (problem) {
          if (problem.status === 401) this.context.expired();
          else this.#startAgain(3000);
        }
      },
      event: (event) => this.#take(event),
    });
  }

  #take(event) {
    const id = this.#fleet.apply(event);
    if (id) this.table.note(id);
    this.#alerts.apply(event);
    if (this.#alerts.mustBeRead) this.#refreshAlertsSoon();
    if (event.stream.startsWith("rollout-")) {
      this.#newestOfRollouts = Math.max(this.#newestOfRollouts, event.position);
      this.#refreshRolloutsSoon();
    }
    this.log.add(event);
    this.heard(event);
    this.#draw();
  }

  /** Draws in the next frame; a window in the background draws when it is looked at again. */
  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      if (this.node.hidden) return;
      this.table.draw();
      this.alertsPanel.draw(this.#alerts, (id) => this.nameOf(id) ?? id, this.context.mayAct);
      this.log.draw();
      this.#drawTiles();
    });
  }

  #drawTiles() {
    const fleet = this.#fleet;
    const [offline, quarantined, retired] = [fleet.count("offline"), fleet.count("quarantined"), fleet.count("retired")];
    $("tile-devices").textContent = view.count(fleet.devices.size - retired) + (fleet.hasMore ? "+" : "");
    $("tile-devices-note").textContent =
      `${view.count(fleet.count("active") + offline)} active` + (offline ? `, ${view.count(offline)} of them offline` : "") +
      (quarantined ? `, ${view.count(quarantined)} quarantined` : "") + (retired ? `, ${view.count(retired)} retired` : "");
    $("tile-head").textContent = view.count(fleet.head);
    const account = this.context.session?.account;
    $("tile-head-note").textContent = account ? `events of all accounts; ${account} sees its own` : "events in the log";
  }

  #tick() {
    if (!this.#source) return;
    this.#rates.push(this.#fleet.rate);
    if (this.#rates.length > 60) this.#rates.shift();
    if (document.hidden || this.node.hidden) return;
    const rate = this.#rates.at(-1);
    $("tile-rate").textContent = rate >= 10 ? view.count(Math.round(rate)) : rate.toFixed(1);
    view.sparkline($("spark").firstElementChild, this.#rates);
    this.table.age();
    this.alertsPanel.age();
  }

  async #refreshTether() {
    if (!this.#source || document.hidden) return;
    const turn = this.#turn;
    try {
      const statuses = await api.projections();
      const worst = statuses.reduce((a, b) => (b.tether.events > a.tether.events ? b : a), statuses[0]);
      const broken = statuses.find((status) => status.state === "failed");
      $("tile-tether").textContent = worst ? view.count(worst.tether.events) : "–";
      $("tile-tether-note").textContent = broken
        ? `view ${broken.name} has failed`
        : worst ? `events behind, ${worst.tether.seconds.toFixed(1)} s` : "";
      if (await this.#mustStartAnew(statuses) && turn === this.#turn) this.start(placeOf(statuses));
    } catch (problem) {
      if (problem.status === 401) this.context.expired();
      $("tile-tether").textContent = "–";
      $("tile-tether-note").textContent = "not known";
    }
  }

  /** Whether the views have come to where they were waited for, or the log has run away from the page. */
  async #mustStartAnew(statuses) {
    if (this.#awaited) return placeOf(statuses) >= this.#awaited;
    const head = Math.max(...statuses.map(({ position, tether }) => position + tether.events));
    if (!(head - this.#fleet.head > mostBehind)) return false;
    // Positions are those of all accounts. What lies between may be of others, and is then nothing that is missing.
    const { event, end } = await api.eventAfter(this.#fleet.head);
    if (!event) this.#fleet.pass(end);
    return event?.position > this.#fleet.head && head - event.position > mostBehind;
  }

  /** Does what a button asks; what the server refuses is shown, and what it knows is read again. */
  async #attempt(work) {
    const refused = await this.context.attempt(work);
    if (refused?.status !== 409) return;
    await this.#refreshAlerts.do();
    this.#refreshRollouts.do();
  }

  #refreshAlertsSoon() {
    this.#alertsTimer ??= setTimeout(() => { this.#alertsTimer = null; this.#refreshAlerts.do(); }, 2000);
  }

  async #readAlerts() {
    if (!this.#source) return;
    try {
      this.#alerts.replace(await api.alerts(mostAlerts));
      this.#draw();
    } catch (problem) {
      if (problem.status === 401) return this.context.expired();
    }
    // The view may trail what was seen to end, or the server be away.
    if (this.#alerts.mustBeRead) this.#refreshAlertsSoon();
  }

  /** The view may still trail the event that has come, so it is asked a little later. */
  #refreshRolloutsSoon() {
    this.#rolloutsTimer ??= setTimeout(() => { this.#rolloutsTimer = null; this.#refreshRollouts.do(); }, 700);
  }

  async #readRollouts() {
    if (!this.#source) return;
    try {
      const { found, position } = await api.rollouts();
      [this.#rollouts, this.#rolloutsPosition] = [found, position];
      $("rollouts-card").hidden = false;
      this.rolloutsPanel.draw(this.#rollouts, this.context.mayAct);
    } catch (problem) {
      // A server that is away leaves on the page what it said last.
      if (problem.status === 401) this.context.expired();
    }
  }
}
