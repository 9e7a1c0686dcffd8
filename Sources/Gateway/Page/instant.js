// Instants as the server writes them, to the microsecond, which a Date cannot hold.

/** The last instant that is not yet this one. */
export function justBefore(time) {
  const [, whole, fraction = ""] = time.match(/^(.*?)(?:\.(\d+))?Z$/) ?? [null, time];
  const micros = Number(fraction.padEnd(6, "0").slice(0, 6));
  if (micros > 0) return `${whole}.${String(micros - 1).padStart(6, "0")}Z`;
  return `${new Date(Date.parse(`${whole}Z`) - 1000).toISOString().slice(0, 19)}.999999Z`;
}

/** What a field for date and time shows, in the reader's zone. */
export function toField(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** The instant that somebody has put in a field, as the server understands it; null if there is none. */
export function fromField(text) {
  const date = new Date(text);
  return text && !Number.isNaN(date.getTime()) ? date.toISOString() : null;
}
