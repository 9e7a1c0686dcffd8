// The table of devices on the fleet's page: a row is made once and brought up to date, never drawn anew.

import { matches, wordsOf } from "./fleet.js";
import * as view from "./view.js";

const mostRows = 1000;

export class DeviceTable {
  #rows = new Map();
  #changed = new Set();

  constructor({ body, search, empty, more }, fleet) {
    Object.assign(this, { body, search, empty, more, fleet });
    search.addEventListener("input", () => {
      const words = wordsOf(search.value);
      for (const row of this.#rows.values()) row.node.hidden = !matches(row.device, words);
      this.#drawEmpty(words);
    });
  }

  /** Notes that a device has changed, for the next time it is drawn. */
  note(id) {
    this.#changed.add(id);
  }

  age() {
    for (const row of this.#rows.values()) row.age();
  }

  draw() {
    const words = wordsOf(this.search.value);
    let mustSort = false;
    for (const id of this.#changed) {
      const device = this.fleet.devices.get(id);
      if (!device) continue;
      let row = this.#rows.get(id);
      const isNew = !row;
      if (isNew) {
        if (this.#rows.size >= mostRows) continue;
        row = new view.Row(id);
        this.#rows.set(id, row);
        mustSort = true;
      }
      const seenBefore = row.device && row.device.seen;
      const nameBefore = row.name.textContent;
      row.fill(device);
      if (row.name.textContent !== nameBefore) mustSort = true;
      row.node.hidden = !matches(device, words);
      if (!isNew && !row.node.hidden && device.telemetryCount !== seenBefore) row.flash();
      device.seen = device.telemetryCount;
    }
    this.#changed.clear();
    for (const [id, row] of this.#rows) {
      if (this.fleet.devices.has(id)) continue;
      row.node.remove();
      this.#rows.delete(id);
    }
    if (mustSort) this.#sort();
    this.#drawEmpty(words);
  }

  #sort() {
    const name = (row) => (row.device.name || row.device.serial || row.device.id).toLowerCase();
    const sorted = [...this.#rows.values()].sort((a, b) => name(a).localeCompare(name(b), undefined, { numeric: true }));
    this.body.replaceChildren(...sorted.map((row) => row.node));
  }

  #drawEmpty(words) {
    const isEmpty = ![...this.#rows.values()].some((row) => !row.node.hidden);
    this.empty.hidden = !isEmpty;
    const [title, text, example] = ["strong", "p", "pre"].map((tag) => this.empty.querySelector(tag));
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
    this.more.hidden = !this.fleet.hasMore;
    if (this.fleet.hasMore) {
      this.more.textContent = `The first ${view.count(this.#rows.size)} devices. All of them: /api/v1/devices`;
    }
  }
}
