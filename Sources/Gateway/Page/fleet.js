// What the page knows of the fleet: the list as it was read, and every event since folded in.

export class Fleet {
  devices = new Map();
  hasMore = false;
  head = 0;
  #arrivals = [];

  replace(found, hasMore) {
    // Events may have come while the list was on its way: what is newer stays.
    const before = this.devices;
    this.devices = new Map();
    for (const device of found) {
      const known = before.get(device.id);
      this.devices.set(device.id, known && known.version > device.version ? known : device);
    }
    this.hasMore = hasMore;
  }

  /** Folds an event in; returns the id of the device it changes, or null. */
  apply(event) {
    // What views had taken in already when they were read comes again, and is no news.
    if (event.position > this.head) {
      this.head = event.position;
      this.#arrivals.push(Date.now());
    }
    if (!event.stream.startsWith("device-")) return null;
    const id = event.stream.slice("device-".length);
    let device = this.devices.get(id);
    if (!device) {
      if (event.type !== "DeviceRegistered") return null;
      device = {
        id, name: "", serial: "", type: "", account: event.account, labels: {}, metadata: {}, state: "provisioned",
        readings: {},
        registeredTime: event.recordedTime, telemetryCount: 0, refusedCount: 0, flaggedCount: 0, version: 0,
      };
      this.devices.set(id, device);
    }
    if (event.version <= device.version) return null;
    device.version = event.version;
    fold(device, event);
    return id;
  }

  /** Notes that nothing of this fleet lies up to a position that is not known. */
  pass(position) {
    this.head = Math.max(this.head, position);
  }

  /** Events per second over the last ten seconds. */
  get rate() {
    const since = Date.now() - 10_000;
    const first = this.#arrivals.findIndex((time) => time >= since);
    this.#arrivals.splice(0, first < 0 ? this.#arrivals.length : first);
    return this.#arrivals.length / 10;
  }

  /** How many devices are in a state, as ``stateOf`` tells it. */
  count(state) {
    let count = 0;
    for (const device of this.devices.values()) if (stateOf(device) === state) count += 1;
    return count;
  }
}

/** What a device is, in a word: one that should be there and is not is offline. */
export const stateOf = (device) =>
  device.state === "active" && device.connectivity?.state === "offline" ? "offline" : device.state;

/** Whether a device is there, after an event; undefined if it says nothing of that. */
function presence(event) {
  switch (event.type) {
    case "DeviceConnected": case "TelemetryRecorded": case "MessageRefused": case "ConfigurationReported":
    case "CommandAcknowledged": case "CommandEnded":
      return "online";
    case "DeviceDisconnected": case "DeviceFellSilent":
      return "offline";
  }
}

/** When a reading was made, as far as is known. */
const correctedTime = ({ time, data }) =>
  data.offset === undefined ? time : new Date(Date.parse(time) - data.offset / 1000).toISOString();

function fold(device, event) {
  const data = event.data;
  const state = presence(event);
  if (state === "online") device.lastSeenTime = event.recordedTime;
  if (state && state !== device.connectivity?.state) {
    // Since when it is there only its own status tells.
    const since = event.type === "DeviceConnected" || state === "offline" ? event.time : undefined;
    device.connectivity = { ...device.connectivity, state, since };
  }
  switch (event.type) {
    case "DeviceRegistered":
      Object.assign(device, {
        serial: data.serial, type: data.type, name: data.name, labels: data.labels, account: data.account,
        location: data.location, metadata: data.metadata ?? {}, claimed: data.claim,
      });
      break;
    case "DeviceAssigned":
      device.account = data.account;
      // What was measured for one account is not taken to the next.
      device.readings = {};
      delete device.flags;
      break;
    case "DeviceUpdated":
      for (const field of ["serial", "name", "type", "labels", "location", "metadata"]) {
        if (data[field] !== undefined) device[field] = data[field];
      }
      break;
    case "DeviceConnected":
      if (device.state === "provisioned") device.state = "active";
      break;
    case "TelemetryRecorded":
      if (device.state === "provisioned") device.state = "active";
      device.telemetryCount += 1;
      const time = correctedTime(event);
      if (!(Date.parse(device.lastObservedTime) > Date.parse(time))) device.lastObservedTime = time;
      if (data.flags) {
        device.flaggedCount += 1;
        if (!(device.flags && Date.parse(device.flags.time) > Date.parse(time))) {
          device.flags = { metrics: {}, missing: [], ...data.flags, clock: data.flags.time, time };
        }
      }
      for (const [metric, value] of Object.entries(data.metrics)) {
        const known = device.readings[metric];
        if (!known || Date.parse(known.time) <= Date.parse(time)) {
          device.readings[metric] = { value, time };
        }
      }
      break;
    case "ClockDrifted":
    case "ClockRecovered":
      device.clock = {
        state: event.type === "ClockDrifted" ? "drifted" : "right",
        offsetSeconds: data.offset / 1e6, confidenceSeconds: data.confidence / 1e6,
      };
      break;
    case "MessageRefused":
      device.refusedCount += 1;
      break;
    case "DeviceQuarantined":
      device.quarantine = { reason: data.reason, since: event.time };
      device.stateBefore = device.state;
      device.state = "quarantined";
      break;
    case "DeviceReleased":
      device.state = device.stateBefore ?? (device.telemetryCount > 0 ? "active" : "provisioned");
      delete device.quarantine;
      break;
    case "DeviceRetired":
      device.state = "retired";
      delete device.quarantine;
      break;
  }
}

const oddities = { unknown: "not known of its type", outOfRange: "out of range", wrongKind: "of the wrong kind" };

/** What is odd about the value that is shown of a metric; null if nothing is. */
export function oddity(device, metric) {
  const { flags, readings } = device;
  if (!flags?.metrics?.[metric] || Date.parse(flags.time) !== Date.parse(readings[metric]?.time)) return null;
  return oddities[flags.metrics[metric]] ?? flags.metrics[metric];
}

/** The flags of an event's reading in words. */
export function describe(flags) {
  const odd = Object.entries(flags?.metrics ?? {}).map(([metric, flag]) => `${metric} ${oddities[flag] ?? flag}`);
  const missing = (flags?.missing ?? []).map((metric) => `${metric} missing`);
  // A device keeps under `clock` what its event has under `time`.
  const time = { future: "from the future", unset: "clock never set" }[flags?.clock ?? flags?.time];
  return [...odd, ...missing, ...(time ? [time] : [])].join(", ");
}

export function matches(device, words) {
  if (words.length === 0) return true;
  const text = [device.name, device.serial, device.id, device.type, device.account, stateOf(device), device.location?.text ?? "",
    ...Object.entries(device.labels).flat()].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
