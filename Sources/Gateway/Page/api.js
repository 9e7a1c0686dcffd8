// Talks to the server. Every failure becomes a Problem that can be shown as it is.

export class Problem extends Error {
  constructor(status, title, detail) {
    super(detail || title);
    this.status = status;
    this.title = title;
  }
}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Problem(0, "No connection", "The server cannot be reached.");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem(response.status, problem.title || "Failed", problem.detail || `The server answered ${response.status}.`);
}

const json = (path, options) => ask(path, options).then((response) => response.json());

const part = encodeURIComponent;

/** A path with those of the fields that have a value. */
export function withQuery(path, fields = {}) {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** A page of a list: `items`, and `next` if there is more. */
export const list = (path, fields) => json(withQuery(path, fields));

/** The items of a list's pages, at most about `most`; whether there are more; and how far the view had come at least. */
async function listed(path, fields, most) {
  const found = [];
  let [next, position] = [null, Infinity];
  do {
    const response = await ask(withQuery(path, { ...fields, limit: 500, after: next }));
    const page = await response.json();
    found.push(...page.items);
    next = page.next;
    position = Math.min(position, positionOf(response));
  } while (next && found.length < most);
  return { found, hasMore: next !== null, position };
}

export const session = () => json("/api/v1/session");

export const logIn = (token) =>
  json("/api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });

export const logOut = () => ask("/api/v1/session", { method: "DELETE" });

/** How far the log, or the view that was read, had come; 0 if the server does not know it yet. */
const positionOf = (response) => Number(response.headers.get("Fleetlog-Position"));

/** The position of the newest event. */
export const head = async () => positionOf(await ask("/api/v1/events?limit=1&after=9007199254740991"));

/** The first event after a position that this session is shown, or null, and up to where it was looked for. */
export async function eventAfter(position) {
  const response = await ask(`/api/v1/events?after=${position}&limit=1`);
  const { items, next } = await response.json();
  return { event: items[0] ?? null, end: Number(next ?? positionOf(response)) };
}

export const events = async (after, limit) => (await json(`/api/v1/events?after=${after}&limit=${limit}`)).items;

export const streamEvents = async (stream, after, limit) =>
  (await json(`/api/v1/streams/${part(stream)}/events?after=${after}&limit=${limit}`)).items;

/** A device; with `version` or `at` as it was. */
export const device = (id, past) => json(withQuery(`/api/v1/devices/${part(id)}`, past));

/** What a device has of its own: `config`, `commands`, `limits`; or its `diff`. */
export const ofDevice = (id, what, fields) => json(withQuery(`/api/v1/devices/${part(id)}/${what}`, fields));

/** What a device has measured, of at most so many pages; and whether that is all of it. */
export async function metric(name, fields, mostPages) {
  const items = [];
  let [next, count] = [null, 0];
  do {
    const page = await json(withQuery(`/api/v1/metrics/${part(name)}`, { ...fields, after: next }));
    items.push(...page.items);
    next = page.next;
    count += 1;
  } while (next !== null && count < mostPages);
  return { items, isWhole: next === null };
}

export const alertsOf = async (device) => (await json(withQuery("/api/v1/alerts", { device, limit: 20 }))).items;

export const stream = (name) => json(`/api/v1/streams/${part(name)}`);

export const chain = (id) => json(`/api/v1/events/${part(id)}/chain`);

export const projections = async () => (await json("/api/v1/projections")).items;

export const projection = (name) => json(`/api/v1/projections/${part(name)}`);

/** Does something with a view: `rebuild`, `rebuild/pause`, `swap-back`, ... */
export const actOnView = (name, action, body) => post(`/api/v1/projections/${part(name)}/${action}`, body);

async function post(path, body = {}) {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const text = await (await ask(path, options)).text();
  return text ? JSON.parse(text) : null;
}

/** Alerts that are not over, at most about `most` of each state: of the open ones the gravest, of those seen the newest. */
export async function alerts(most) {
  // One after the other: what is acknowledged meanwhile is then in both, not in neither.
  const open = await listed("/api/v1/alerts", { state: "open", sort: "-severity" }, most);
  const seen = await listed("/api/v1/alerts", { state: "acknowledged" }, most);
  return {
    found: [...open.found, ...seen.found], hasMoreOpen: open.hasMore, hasMore: open.hasMore || seen.hasMore,
    position: Math.min(open.position, seen.position),
  };
}

export const acknowledge = (id) => post(`/api/v1/alerts/${part(id)}/acknowledge`);

/** All rollouts under way, and some that are over; and how far the view had come. */
export async function rollouts() {
  const queries = ["state=created", "state=running", "state=paused", "limit=50"];
  const answers = await Promise.all(queries.map((query) => ask(`/api/v1/rollouts?${query}`)));
  const pages = await Promise.all(answers.map((answer) => answer.json()));
  const found = [...new Map(pages.flatMap((page) => page.items).map((rollout) => [rollout.id, rollout])).values()];
  return { found, position: Math.min(...answers.map(positionOf)) };
}

/** Pauses, resumes or aborts a rollout. */
export const act = (id, action) => post(`/api/v1/rollouts/${part(id)}/${action}`);

export const devices = (most) => listed("/api/v1/devices", {}, most);

/** Follows the log; the browser comes back by itself, and goes on where it left off. */
export function follow(after, { opened, lost, event }) {
  const source = new EventSource(`/api/v1/events?after=${after}`);
  source.onopen = opened;
  source.onmessage = (message) => event(JSON.parse(message.data));
  source.onerror = () => lost(source.readyState === EventSource.CLOSED);
  return source;
}
