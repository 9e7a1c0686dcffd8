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

export const session = () => json("/api/v1/session");

export const logIn = (token) =>
  json("/api/v1/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });

export const logOut = () => ask("/api/v1/session", { method: "DELETE" });

/** The position of the newest event. */
export async function head() {
  const response = await ask("/api/v1/events?limit=1&after=9007199254740991");
  return Number(response.headers.get("Fleetlog-Position"));
}

export const events = async (after, limit) => (await json(`/api/v1/events?after=${after}&limit=${limit}`)).items;

export const streamEvents = async (stream, after, limit) =>
  (await json(`/api/v1/streams/${encodeURIComponent(stream)}/events?after=${after}&limit=${limit}`)).items;

export const device = (id) => json(`/api/v1/devices/${encodeURIComponent(id)}`);

export const projections = async () => (await json("/api/v1/projections")).items;

const post = (path, body = {}) =>
  json(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** Alerts that are not over; the newest of each state. */
export async function alerts() {
  const [open, seen] = await Promise.all(
    ["open", "acknowledged"].map((state) => json(`/api/v1/alerts?limit=100&state=${state}`)));
  return [...open.items, ...seen.items];
}

export const acknowledge = (id) => post(`/api/v1/alerts/${encodeURIComponent(id)}/acknowledge`);

/** All rollouts under way, and some that are over. */
export async function rollouts() {
  const queries = ["state=created", "state=running", "state=paused", "limit=50"];
  const pages = await Promise.all(queries.map((query) => json(`/api/v1/rollouts?${query}`)));
  return [...new Map(pages.flatMap((page) => page.items).map((rollout) => [rollout.id, rollout])).values()];
}

/** Pauses, resumes or aborts a rollout. */
export const act = (id, action) => post(`/api/v1/rollouts/${encodeURIComponent(id)}/${action}`);

/** Devices, at most about `most`; says whether there are more. */
export async function devices(most) {
  const found = [];
  let next = null;
  do {
    const page = await json(`/api/v1/devices?limit=500${next ? `&after=${encodeURIComponent(next)}` : ""}`);
    found.push(...page.items);
    next = page.next;
  } while (next && found.length < most);
  return { found, hasMore: next !== null };
}

/** Follows the log; the browser comes back by itself, and goes on where it left off. */
export function follow(after, { opened, lost, event }) {
  const source = new EventSource(`/api/v1/events?after=${after}`);
  source.onopen = opened;
  source.onmessage = (message) => event(JSON.parse(message.data));
  source.onerror = () => lost(source.readyState === EventSource.CLOSED);
  return source;
}
