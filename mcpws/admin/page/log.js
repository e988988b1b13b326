// The log of the server: messages that it sends its client, from a level on.

import { make, timeOf } from "./dom.js";
import { said } from "./content.js";
import { tree } from "./tree.js";

const MOST = 200;

export const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/** The last messages in a list, the newest first. */
export class Log {
  #list;
  #counted;
  #dropped = 0;

  constructor(list, counted) {
    this.#list = list;
    this.#counted = counted;
  }

  /** Add the parameters of a `notifications/message`. */
  add({ level, logger, data }) {
    const known = LEVELS.includes(level) ? level : "info";
    const body = typeof data === "string" ? said(data) : tree(data ?? null);
    this.#list.prepend(
      make(
        "li",
        { dataset: { level: known } },
        make("time", {}, timeOf(new Date())),
        make("span", { className: "level" }, String(level)),
        logger === undefined || logger === null ? null : make("span", { className: "logger" }, String(logger)),
        body,
      ),
    );
    if (this.#list.children.length > MOST) {
      this.#list.lastElementChild.remove();
      this.#dropped += 1;
    }
    const older = this.#dropped ? `, ${this.#dropped} older ones dropped` : "";
    this.#counted.textContent = `${this.#list.children.length}${older}`;
  }
}
