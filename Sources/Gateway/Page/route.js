// Where the page is: the fragment of its address, such as #/devices/k3x?version=7, so that a view can be linked.

const decode = (text) => { try { return decodeURIComponent(text); } catch { return text; } };

export function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [page, ...rest] = path.split("/").filter(Boolean).map(decode);
  return { page: page ?? "fleet", id: rest.length ? rest.join("/") : null, query: Object.fromEntries(new URLSearchParams(query)) };
}

/** The fragment of a place; what has no value is left out. */
export function link(page, id = null, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const path = id === null ? page : `${page}/${encodeURIComponent(id)}`;
  return `#/${path}${given.length ? `?${new URLSearchParams(given)}` : ""}`;
}

/** Goes to a place; one step back leads here again. */
export const go = (fragment) => { location.hash = fragment; };

/** Says where the page has come to by itself, without a step to go back. */
export const put = (fragment) => history.replaceState(history.state, "", fragment);
