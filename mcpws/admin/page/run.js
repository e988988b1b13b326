// A request that somebody watches: its button, its progress, how long it takes, and its answer.

import { failureOf, resultOf } from "./answer.js";
import { button, copy, durationOf, make, newId, say } from "./dom.js";

/**
 * `what` is what it is about, `verb` what its button says, `method` that of the request; `params()` gives its
 * parameters, or null if there is something to be put right first. `client` sends it: `client.request`,
 * `client.read(uri)`, `client.commandOf`.
 */
export class Run {
  #client;
  #what;
  #method;
  #params;
  #begin;
  #cancel;
  #copy;
  #more;
  #status = make("p", { className: "status", role: "status" });
  #bar = make("progress", { "aria-label": "Progress" });
  #words = make("p", { className: "progress-words" });
  #progress;
  #answer = make("div", { className: "answer" });
  #stop = null;
  #last = null;

  constructor({ client, what, verb, method, params, more = [] }) {
    this.#client = client;
    this.#what = what;
    this.#method = method;
    this.#params = params;
    this.#more = more;
    const hint = newId("hint");
    this.#begin = button(verb, () => this.begin(), { className: "primary", "aria-describedby": hint });
    this.#cancel = button("Cancel", () => this.cancel(), { disabled: true });
    this.#copy = button("Copy as command", () => copy(this.command, "command"), { hidden: true });
    this.#progress = make("div", { className: "progress", hidden: true }, this.#bar, this.#words);
    const keys = make("span", { id: hint, className: "keys" }, "Ctrl+Enter");
    this.element = make(
      "div",
      { className: "run" },
      make("div", { className: "actions" }, this.#begin, this.#cancel, ...more, keys),
      this.#progress,
      make("div", { className: "outcome" }, this.#status, this.#copy),
      this.#answer,
    );
  }

  get isRunning() {
    return this.#stop !== null;
  }

  /** The last request as a command line; null before the first. */
  get command() {
    return this.#last && this.#client.commandOf(this.#method, this.#last);
  }

  /** Send the request, unless one is under way; fulfilled when all is over. */
  async begin() {
    if (this.isRunning) {
      return;
    }
    const params = this.#params();
    if (params === null) {
      return;
    }
    this.#last = params;
    this.#copy.hidden = false;
    this.#copy.title = this.command;
    const stop = new AbortController();
    this.#stop = stop;
    this.#shows(true);
    const began = performance.now();
    const taken = () => durationOf(performance.now() - began);
    try {
      const options = { signal: stop.signal, onProgress: (params) => this.#report(params) };
      const result = await this.#client.request(this.#method, params, options);
      const failed = result?.isError === true;
      this.#show(failed ? "failed" : "ok", failed ? `The tool failed after ${taken()}` : `Answered in ${taken()}`);
      this.#answer.replaceChildren(...resultOf(this.#method, result, (uri) => this.#client.read(uri)));
    } catch (error) {
      const cancelled = stop.signal.aborted;
      this.#show(cancelled ? "cancelled" : "error", `${cancelled ? "Cancelled" : "Failed"} after ${taken()}`);
      this.#answer.replaceChildren(...(cancelled ? [] : failureOf(error)));
    } finally {
      this.#stop = null;
      this.#shows(false);
    }
  }

  cancel() {
    this.#stop?.abort(new Error("cancelled by the user"));
  }

  #shows(isRunning) {
    const focused = document.activeElement;
    this.#cancel.disabled = !isRunning;
    this.#begin.disabled = isRunning;
    this.element.classList.toggle("running", isRunning);
    this.#progress.hidden = !isRunning;
    if (isRunning) {
      this.#bar.removeAttribute("value");
      this.#words.textContent = "";
      this.#answer.replaceChildren();
      this.#show("running", "Waiting for the answer");
      // What was pressed cannot be pressed now, and cannot have the focus.
      if (this.element.closest(".view")?.contains(focused)) {
        this.#cancel.focus();
      }
    } else if (focused === this.#cancel || focused === document.body) {
      this.#begin.focus({ preventScroll: true });
    }
  }

  #show(outcome, words) {
    this.element.dataset.outcome = outcome;
    this.#status.textContent = words;
    if (outcome !== "running" && !this.element.checkVisibility?.()) {
      say(`${this.#what}: ${words}`);
    }
  }

  /** A report of the server: of how much, if it tells, and what it does. */
  #report({ progress, total, message }) {
    if (typeof total === "number" && total > 0) {
      this.#bar.max = total;
      this.#bar.value = Math.min(progress, total);
    }
    const of = typeof total === "number" ? `${progress} of ${total}` : String(progress);
    this.#words.textContent = message === undefined || message === null ? of : `${of}: ${message}`;
  }
}
