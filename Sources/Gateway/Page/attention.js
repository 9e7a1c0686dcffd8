// What is done only while somebody looks.

/** Work that a window in the background puts off: asked for meanwhile, it is done once when somebody looks again. */
export class WhenSeen {
  #isOwed = false;

  constructor(work) {
    this.work = work;
    document.addEventListener("visibilitychange", () => { if (this.#isOwed) this.do(); });
  }

  do() {
    this.#isOwed = document.hidden;
    return this.#isOwed ? undefined : this.work();
  }

  forget() {
    this.#isOwed = false;
  }
}
