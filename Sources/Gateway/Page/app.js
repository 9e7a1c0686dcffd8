// The page: logs in, and shows what its address names.

import { ActivityPage } from "./activity.js";
import * as api from "./api.js";
import { DevicePage } from "./device.js";
import { EventPage } from "./event.js";
import { EventsPage } from "./events.js";
import { Overview } from "./overview.js";
import * as route from "./route.js";
import { StreamsPage } from "./streams.js";
import { ViewsPage } from "./views.js";

const $ = (id) => document.getElementById(id);

/** What every page may ask of the whole. */
const context = {
  session: null,
  /** Whether whoever is logged in may change things; and those that concern all accounts. */
  get mayAct() { return this.session?.role === "admin"; },
  get mayManage() { return this.mayAct && !this.session.account; },
  nameOf: (id) => overview.nameOf(id),
  say(state, text) {
    $("link").dataset.state = state;
    $("link").lastElementChild.textContent = text;
  },
  warn(text) {
    $("banner").hidden = !text;
    $("banner").textContent = text;
  },
  expired: () => showLogin("The session has ended."),
  /** Does what a button asks; what the server refuses is shown, and returned. */
  async attempt(work) {
    try {
      await work();
      context.warn("");
      return null;
    } catch (problem) {
      if (problem.status === 401) context.expired();
      else context.warn(`${problem.title}: ${problem.message}`);
      return problem;
    }
  },
};

const overview = new Overview(context, (event) => shown?.event?.(event));
const pages = {
  fleet: overview, devices: new DevicePage(context), events: new EventsPage(context), event: new EventPage(context),
  streams: new StreamsPage(context), activity: new ActivityPage(context), views: new ViewsPage(context),
};
/** Which entry of the navigation leads to a page. */
const entries = { devices: "fleet", event: "events", streams: "events", activity: "events" };
let shown = null;
let scrolled = 0;

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
      context.session = await api.logIn(token);
    } catch (problem) {
      return showLogin(refusal(problem));
    }
  }
  try {
    context.session ??= await api.session();
  } catch (problem) {
    if (problem.status === 401) return showLogin("");
    context.say("lost", "Server not reachable, trying again");
    return setTimeout(start, 2000);
  }
  await enter();
}

const refusal = (problem) =>
  (problem.status === 401 ? "This token is not valid, or not any more. Whoever runs the server can make another." : problem.message);

function showLogin(message) {
  overview.stop();
  shown?.close?.();
  shown = null;
  context.session = null;
  context.say("out", "");
  for (const id of ["fleet", "place", "logout", "nav"]) $(id).hidden = true;
  context.warn("");
  $("login").hidden = false;
  $("login-error").textContent = message;
  $("token").focus();
}

$("login-form").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const button = submit.target.querySelector("button");
  button.disabled = true;
  try {
    context.session = await api.logIn($("token").value.trim());
    $("token").value = "";
    await enter();
  } catch (problem) {
    $("login-error").textContent = refusal(problem);
    $("token").select();
  } finally {
    button.disabled = false;
  }
});

$("logout").addEventListener("click", async () => {
  await api.logOut().catch(() => {});
  showLogin("");
});

async function enter() {
  $("login").hidden = true;
  for (const id of ["logout", "nav"]) $(id).hidden = false;
  show();
  await overview.start();
}

// MARK: Going from place to place

function show() {
  if (!context.session) return;
  const place = route.read();
  const page = pages[place.page === "events" && place.id ? "event" : place.page] ?? overview;
  const isNew = page !== shown;
  if (isNew) {
    if (shown === overview) scrolled = scrollY;
    shown?.close?.();
    // The first page is where somebody has come to; later ones are where they have gone.
    const mustFocus = shown !== null;
    shown = page;
    context.warn("");
    $("fleet").hidden = page !== overview;
    $("place").hidden = page === overview;
    if (page !== overview) $("place").replaceChildren(page.node);
    const entry = Object.keys(pages).find((name) => pages[name] === page);
    for (const item of $("nav").children) {
      if (item.dataset.page === (entries[entry] ?? entry)) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
    scrollTo(0, page === overview ? scrolled : 0);
    if (mustFocus) $("main").focus({ preventScroll: true });
  }
  page.open(place);
  document.title = page === overview ? "Fleetlog" : `${page.title} · Fleetlog`;
}

addEventListener("hashchange", show);
$("skip").addEventListener("click", (click) => {
  click.preventDefault();
  $("main").focus();
});

start();
