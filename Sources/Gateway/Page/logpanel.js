// The newest events beside the fleet: they run by, can be halted, and searched.

import { wordsOf } from "./fleet.js";
import * as view from "./view.js";

const mostItems = 200;

export class LogPanel {
  #waiting = [];
  #isPaused = false;
  /** Up to where the log was shown. */
  #position = 0;

  /** `titleOf` says in words whose event it is. */
  constructor({ list, filter, pause }, titleOf) {
    Object.assign(this, { list, filter, pause, titleOf });
    filter.addEventListener("input", () => {
      const words = wordsOf(filter.value);
      for (const item of list.children) hideUnless(item, words);
    });
    pause.addEventListener("click", () => {
      this.#isPaused = !this.#isPaused;
      pause.setAttribute("aria-pressed", String(this.#isPaused));
      pause.textContent = this.#isPaused ? "Resume" : "Pause";
      this.draw();
    });
  }

  /** Begins anew with the events up to a position, in the order of the log. */
  replace(events, position) {
    this.#waiting = [];
    this.#position = position;
    this.list.replaceChildren(...events.map((event) => this.#item(event, false)).reverse());
  }

  /** Adds what comes next; an event that comes once more is not shown once more. */
  add(event) {
    if (event.position <= this.#position) return;
    this.#position = event.position;
    this.#waiting.push(event);
    if (this.#waiting.length > mostItems * 2) this.#waiting.splice(0, this.#waiting.length - mostItems);
  }

  draw() {
    if (this.#isPaused) {
      this.pause.textContent = this.#waiting.length ? `Resume (${view.count(this.#waiting.length)})` : "Resume";
      return;
    }
    if (!this.#waiting.length) return;
    const words = wordsOf(this.filter.value);
    const items = this.#waiting.map((event) => this.#item(event, true));
    for (const item of items) hideUnless(item, words);
    this.#waiting = [];
    const height = this.list.scrollHeight;
    this.list.prepend(...items.reverse());
    while (this.list.children.length > mostItems) this.list.lastElementChild.remove();
    // Who has scrolled down reads: what they read stays where it is.
    if (this.list.scrollTop > 8) this.list.scrollTop += this.list.scrollHeight - height;
  }

  #item(event, isFresh) {
    return view.eventItem(event, { title: this.titleOf(event), isFresh });
  }
}

function hideUnless(item, words) {
  const text = item.textContent.toLowerCase();
  item.hidden = !words.every((word) => text.includes(word));
}
