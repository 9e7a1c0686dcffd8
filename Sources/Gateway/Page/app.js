// The page: logs in, reads the fleet, follows the log, draws at most once a frame.

import { Alerts, AlertsPanel } from "./alerts.js";
import * as api from "./api.js";
import { describe, Fleet, matches, wordsOf } from "./fleet.js";
import { isOver, RolloutsPanel } from "./rollouts.js";
import * as view from "./view.js";

const mostRows = 1000;
const mostLogItems = 200;
/** Further behind the log than this, the page starts anew at its head. */
const mostBehind = 20_000;

const $ = (id) => document.getElementById(id);
const fleet = new Fleet();
const rows = new Map();
const changed = new Set();
const rates = [];
let session = null;
let source = null;
let waiting = [];
let isPaused = false;
let frame = 0;
let openID = null;
let alerts = new Alerts();
let rollouts = [];
let rolloutsTimer = null;

// MARK: Theme

const wantsDark = matchMedia("(prefers-color-scheme: dark)");
const saved = () => { try { return localStorage.getItem("theme"); } catch { return null; } };
if (saved()) document.documentElement.dataset.theme = saved();
$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : wantsDark.matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* private window */ }
});

// MARK: Logging in

async function start() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", location.pathname);
    try {
      session = await api.logIn(token);
    } catch (problem) {
      return showLogin(problem.status === 401 ? "This token is not valid." : problem.message);
    }
  }
  try {
    session ??= await api.session();
  } catch (problem) {
    if (problem.status === 401) return showLogin("");
    say("lost", "Server not reachable, trying again");
    return setTimeout(start, 2000);
  }
  await showFleet();
}

function showLogin(message) {
  stopFollowing();
  session = null;
  say("out", "");
  $("fleet").hidden = true;
  $("logout").hidden = true;
  $("login").hidden = false;
  $("login-error").textContent = message;
  $("token").focus();
}

$("login-form").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const button = submit.target.querySelector("button");
  button.disabled = true;
  try {
    session = await api.logIn($("token").value.trim());
    $("token").value = "";
    await showFleet();
  } catch (problem) {
    $("login-error").textContent = problem.status === 401 ? "This token is not valid." : problem.message;
    $("token").select();
  } finally {
    button.disabled = false;
  }
});

$("logout").addEventListener("click", async () => {
  await api.logOut().catch(() => {});
  showLogin("");
});

// MARK: The fleet

async function showFleet() {
  $("login").hidden = true;
  $("fleet").hidden = false;
  $("logout").hidden = false;
  say("connecting", "Connecting");
  await restart();
}

/** Reads everything anew and follows the log from there. */
async function restart() {
  stopFollowing();
  try {
    const head = await api.head();
    fleet.head = head;
    const [recent, list, found] = await Promise.all(
      [api.events(Math.max(0, head - 60), 60), api.devices(mostRows), api.alerts()]);
    fleet.replace(list.found, list.hasMore);
    alerts = new Alerts();
    alerts.replace(found);
    waiting = [];
    $("log").replaceChildren(...recent.reverse().map((event) => logItem(event, false)));
    for (const id of fleet.devices.keys()) changed.add(id);
    followFrom(recent.length ? Math.max(head, recent[0].position) : head);
    warn("");
    refreshTether();
    refreshRollouts();
    draw();
  } catch (problem) {
    if (problem.status === 401) return showLogin("The session has ended.");
    warn(`${problem.title}: ${problem.message}`);
    say("lost", "Trying again");
    setTimeout(() => session && restart(), 3000);
  }
}

function followFrom(position) {
  source = api.follow(position, {
    opened: () => say("live", "Live"),
    lost: async (isFinal) => {
      say("lost", "Connection lost, reconnecting");
      if (!isFinal) return;
      // The browser gives up when the answer is an error, such as a session that has ended.
      stopFollowing();
      try {
        await api.session();
        setTimeout(() => session && restart(), 2000);
      } catch (problem) {
        if (problem.status === 401) showLogin("The session has ended.");
        else setTimeout(() => session && restart(), 3000);
      }
    },
    event: take,
  });
}

function stopFollowing() {
  source?.close();
  source = null;
}

function take(event) {
  const id = fleet.apply(event);
  if (id) changed.add(id);
  alerts.apply(event);
  if (event.stream.startsWith("rollout-")) refreshRolloutsSoon();
  waiting.push(event);
  if (openID && event.stream === `device-${openID}`) addToDetail(event);
  if (waiting.length > mostLogItems * 2) waiting.splice(0, waiting.length - mostLogItems);
  draw();
}

// MARK: Drawing

/** Draws in the next frame; a window in the background draws when it is looked at again. */
function draw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    drawRows();
    drawAlerts();
    drawLog();
    drawTiles();
  });
}

function drawRows() {
  const words = wordsOf($("search").value);
  let mustSort = false;
  for (const id of changed) {
    const device = fleet.devices.get(id);
    if (!device) continue;
    let row = rows.get(id);
    const isNew = !row;
    if (isNew) {
      if (rows.size >= mostRows) continue;
      row = new view.Row(id, openDetail);
      rows.set(id, row);
      mustSort = true;
    }
    const seenBefore = row.device && row.device.seen;
    const nameBefore = row.name.textContent;
    row.fill(device);
    if (row.name.textContent !== nameBefore) mustSort = true;
    row.node.hidden = !matches(device, words);
    if (!isNew && !row.node.hidden && device.telemetryCount !== seenBefore) row.flash();
    device.seen = device.telemetryCount;
    if (id === openID) drawDetail(device);
  }
  changed.clear();
  for (const [id, row] of rows) {
    if (fleet.devices.has(id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  if (mustSort) {
    const name = (row) => (row.device.name || row.device.serial || row.device.id).toLowerCase();
    const sorted = [...rows.values()].sort((a, b) => name(a).localeCompare(name(b), undefined, { numeric: true }));
    $("rows").replaceChildren(...sorted.map((row) => row.node));
  }
  drawEmpty(words);
}

function drawEmpty(words) {
  const isEmpty = ![...rows.values()].some((row) => !row.node.hidden);
  $("empty").hidden = !isEmpty;
  const [title, text, example] = [$("empty").querySelector("strong"), $("empty").querySelector("p"), $("empty").querySelector("pre")];
  if (isEmpty && words.length) {
    title.textContent = "No device matches";
    text.textContent = "Try a name, a type such as smoke, an account or an id.";
    example.hidden = true;
  } else if (isEmpty) {
    title.textContent = "No devices yet";
    text.textContent = "Register the first one; it appears here at once.";
    example.textContent = `curl -X POST ${location.origin}/api/v1/devices \\\n  -H "Authorization: Bearer $TOKEN" \\\n`
      + `  -H "Content-Type: application/json" \\\n  -d '{"serial":"A-1","type":"smoke"}'`;
    example.hidden = false;
  }
  $("more").hidden = !fleet.hasMore;
  if (fleet.hasMore) $("more").textContent = `The first ${view.count(rows.size)} devices. All of them: /api/v1/devices`;
}

function logItem(event, isFresh) {
  const device = fleet.devices.get(event.stream.slice("device-".length));
  return view.eventItem(event, { title: device ? device.name || device.serial : event.stream, isFresh });
}

function drawLog() {
  if (isPaused) {
    $("pause").textContent = waiting.length ? `Resume (${view.count(waiting.length)})` : "Resume";
    return;
  }
  if (!waiting.length) return;
  const words = wordsOf($("filter").value);
  const items = waiting.map((event) => logItem(event, true));
  for (const item of items) hideUnless(item, words);
  waiting = [];
  const log = $("log");
  const height = log.scrollHeight;
  log.prepend(...items.reverse());
  while (log.children.length > mostLogItems) log.lastElementChild.remove();
  // Who has scrolled down reads: what they read stays where it is.
  if (log.scrollTop > 8) log.scrollTop += log.scrollHeight - height;
}

function hideUnless(item, words) {
  const text = item.textContent.toLowerCase();
  item.hidden = !words.every((word) => text.includes(word));
}

function drawTiles() {
  $("tile-devices").textContent = view.count(fleet.devices.size) + (fleet.hasMore ? "+" : "");
  const quarantined = fleet.count("quarantined");
  const retired = fleet.count("retired");
  $("tile-devices-note").textContent =
    `${view.count(fleet.count("active"))} active` +
    (quarantined ? `, ${view.count(quarantined)} quarantined` : "") + (retired ? `, ${view.count(retired)} retired` : "");
  $("tile-head").textContent = view.count(fleet.head);
  $("tile-head-note").textContent = session?.account ? `events of ${session.account}` : "events in the log";
}

async function refreshTether() {
  if (!source || document.hidden) return;
  try {
    const statuses = await api.projections();
    const worst = statuses.reduce((a, b) => (b.tether.events > a.tether.events ? b : a), statuses[0]);
    const broken = statuses.find((status) => status.state === "failed");
    $("tile-tether").textContent = worst ? view.count(worst.tether.events) : "–";
    $("tile-tether-note").textContent = broken
      ? `view ${broken.name} has failed`
      : worst ? `events behind, ${worst.tether.seconds.toFixed(1)} s` : "";
    if (worst && worst.position + worst.tether.events - fleet.head > mostBehind) restart();
  } catch (problem) {
    if (problem.status === 401) showLogin("The session has ended.");
    $("tile-tether").textContent = "–";
    $("tile-tether-note").textContent = "not known";
  }
}

setInterval(() => {
  if (!source) return;
  rates.push(fleet.rate);
  if (rates.length > 60) rates.shift();
  const rate = rates.at(-1);
  $("tile-rate").textContent = rate >= 10 ? view.count(Math.round(rate)) : rate.toFixed(1);
  view.sparkline($("spark").firstElementChild, rates);
  if (document.hidden) return;
  for (const row of rows.values()) row.age();
  alertsPanel.age();
}, 1000);
setInterval(refreshTether, 3000);
addEventListener("online", refreshRollouts);
setInterval(() => { if (rollouts.some((rollout) => !isOver(rollout))) refreshRollouts(); }, 5000);

// MARK: Alerts and rollouts

const mayAct = () => session?.role === "admin";

const alertsPanel = new AlertsPanel(
  { list: $("alerts"), empty: $("alerts-empty"), status: $("alerts-status") },
  {
    open: (id) => { if (fleet.devices.has(id)) openDetail(id); },
    acknowledge: (id) => attempt(async () => { alerts.put(await api.acknowledge(id)); draw(); }),
  });

const rolloutsPanel = new RolloutsPanel(
  { list: $("rollouts"), empty: $("rollouts-empty"), status: $("rollouts-status") },
  { act: (id, action) => attempt(async () => { await api.act(id, action); await refreshRollouts(); }) });

function drawAlerts() {
  const nameOf = (id) => { const device = fleet.devices.get(id); return device ? device.name || device.serial : id; };
  alertsPanel.draw(alerts, nameOf, mayAct());
}

/** Does what a button asks; what the server refuses is shown, and what it knows is read again. */
async function attempt(work) {
  try {
    await work();
    warn("");
  } catch (problem) {
    if (problem.status === 401) return showLogin("The session has ended.");
    warn(`${problem.title}: ${problem.message}`);
    if (problem.status !== 409) return;
    await api.alerts().then((found) => alerts.replace(found)).catch(() => {});
    draw();
    refreshRollouts();
  }
}

/** The view may still trail the event that has come, so it is asked a little later. */
function refreshRolloutsSoon() {
  rolloutsTimer ??= setTimeout(() => { rolloutsTimer = null; refreshRollouts(); }, 700);
}

async function refreshRollouts() {
  if (!source || document.hidden) return;
  try {
    rollouts = await api.rollouts();
    $("rollouts-card").hidden = false;
    rolloutsPanel.draw(rollouts, mayAct());
  } catch (problem) {
    // A server that is away leaves on the page what it said last.
    if (problem.status === 401) showLogin("The session has ended.");
  }
}

// MARK: Searching and pausing

$("search").addEventListener("input", () => {
  const words = wordsOf($("search").value);
  for (const row of rows.values()) row.node.hidden = !matches(row.device, words);
  drawEmpty(words);
});

$("filter").addEventListener("input", () => {
  const words = wordsOf($("filter").value);
  for (const item of $("log").children) hideUnless(item, words);
});

$("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", String(isPaused));
  $("pause").textContent = isPaused ? "Resume" : "Pause";
  draw();
});

// MARK: One device

async function openDetail(id) {
  openID = id;
  const device = fleet.devices.get(id);
  $("detail-events").replaceChildren(view.element("li", { class: "soft" }, "Reading…"));
  drawDetail(device);
  $("detail").showModal();
  try {
    const events = await api.streamEvents(`device-${id}`, Math.max(0, device.version - 50), 1000);
    if (openID !== id) return;
    $("detail-events").replaceChildren(...events.reverse().map((event) => view.eventItem(event)));
  } catch (problem) {
    $("detail-events").replaceChildren(view.element("li", { class: "soft" }, problem.message));
  }
}

function addToDetail(event) {
  const list = $("detail-events");
  if (list.querySelector(`[data-position="${Number(event.position)}"]`)) return;
  list.prepend(view.eventItem(event, { isFresh: true }));
  while (list.children.length > mostLogItems) list.lastElementChild.remove();
}

function drawDetail(device) {
  $("detail-title").textContent = device.name || device.serial;
  $("detail-subtitle").textContent = device.id;
  const facts = [
    ["State", device.quarantine ? `${device.state}: ${device.quarantine.reason}` : device.state], ["Type", device.type], ["Account", device.account], ["Serial", device.serial],
    ["Location", view.place(device.location)],
    ["Labels", Object.entries(device.labels).map(([key, value]) => `${key}: ${value}`).join(", ") || "none"],
    ["Registered", view.moment(device.registeredTime) + (device.claimed ? `, by claim code ${device.claimed}` : "")], ["Last seen", view.moment(device.lastSeenTime)],
    ["Readings", view.count(device.telemetryCount)], ["Refused", view.count(device.refusedCount)],
    ["Flagged", view.count(device.flaggedCount) + (device.flags ? `, last: ${describe(device.flags)}` : "")],
    ["Clock", view.deviceClock(device.clock)],
    ["Version", view.count(device.version)],
  ];
  $("detail-facts").replaceChildren(
    ...facts.flatMap(([name, value]) => [view.element("dt", {}, name), view.element("dd", {}, value)]));
  const readings = view.latest(device, 100).map(([metric, { value, time }]) =>
    view.element("div", { class: "reading", ...view.odd(device, metric) }, view.element("span", {}, metric),
      view.element("b", {}, view.reading(metric, value)), view.element("span", { title: time }, view.ago(time))));
  $("detail-readings").replaceChildren(
    ...(readings.length ? readings : [view.element("p", { class: "soft" }, "No reading has come yet.")]));
}

$("detail-close").addEventListener("click", () => $("detail").close());
$("detail").addEventListener("click", (click) => { if (click.target === $("detail")) $("detail").close(); });
$("detail").addEventListener("close", () => { openID = null; });

// MARK: Saying how it stands

function say(state, text) {
  $("link").dataset.state = state;
  $("link").lastElementChild.textContent = text;
}

function warn(text) {
  $("banner").hidden = !text;
  $("banner").textContent = text;
}

start();
