// Messages as they went over the wire, both ways: the last ones, and how many there were before.

import { button, copy, cut, make, timeOf } from "./dom.js";

const MOST = 500;
const MOST_CHARACTERS = 4_000_000; // of all that are kept
const LONGEST = 1_000_000; // of one

/** The list of messages in an element, filtered by a text and a direction. */
export class Messages {
  #list;
  #counted;
  #kept = []; // entries, the oldest first
  #characters = 0;
  #dropped = 0;
  #words = "";
  #direction = "";
  #methods = new Map(); // of requests without an answer, by who asked and id
  #new = [];
  #due = false;

  constructor({ list, counted, filter, direction, clear }) {
    this.#list = list;
    this.#counted = counted;
    filter.addEventListener("input", () => this.#filter(filter.value, this.#direction));
    direction.addEventListener("change", () => this.#filter(this.#words, direction.value));
    clear.addEventListener("click", () => this.clear());
  }

  /** A message was "sent" or "received". */
  add(direction, text) {
    const title = this.#titleOf(direction, text);
    const entry = { direction, text: cut(text, LONGEST), title, element: null, time: new Date() };
    this.#kept.push(entry);
    this.#new.push(entry);
    this.#characters += entry.text.length;
    while (this.#kept.length > MOST || (this.#characters > MOST_CHARACTERS && this.#kept.length > 1)) {
      const oldest = this.#kept.shift();
      this.#characters -= oldest.text.length;
      this.#dropped += 1;
      oldest.element?.remove();
      oldest.isGone = true;
    }
    if (!this.#due) {
      // Many may come before the browser shows the first.
      this.#due = true;
      setTimeout(() => this.#show(), 0);
    }
  }

  clear() {
    this.#kept = [];
    this.#new = [];
    this.#characters = this.#dropped = 0;
    this.#list.replaceChildren();
    this.#count();
  }

  #show() {
    this.#due = false;
    const added = this.#new.filter((entry) => !entry.isGone);
    this.#new = [];
    for (const entry of added) {
      entry.element = this.#elementOf(entry);
      entry.element.hidden = !this.#matches(entry);
    }
    // The newest is on top: who looks at it sees it come.
    this.#list.prepend(...added.map((entry) => entry.element).reverse());
    this.#count();
  }

  #elementOf({ direction, text, title, time }) {
    const arrow = make("span", { className: "arrow", "aria-hidden": "true" }, direction === "sent" ? "→" : "←");
    const summary = make(
      "summary",
      {},
      make("time", {}, timeOf(time)),
      arrow,
      make("span", { className: "unseen" }, `${direction} `),
      make("span", { className: "title" }, title),
      make("span", { className: "size" }, `${text.length}`),
    );
    const body = make("pre", { tabIndex: 0 });
    const whole = make("details", {}, summary, body);
    whole.addEventListener("toggle", () => {
      body.textContent = whole.open ? pretty(text) : "";
    });
    const copies = button("Copy", () => copy(text, "message"), { className: "small", "aria-label": `Copy ${title}` });
    return make("li", { dataset: { direction } }, whole, copies);
  }

  #filter(words, direction) {
    this.#words = words.toLowerCase();
    this.#direction = direction;
    for (const entry of this.#kept) {
      if (entry.element) {
        entry.element.hidden = !this.#matches(entry);
      }
    }
    this.#count();
  }

  #matches({ direction, text, title }) {
    const isOf = this.#direction === "" || this.#direction === direction;
    return isOf && (this.#words === "" || `${title}\n${text}`.toLowerCase().includes(this.#words));
  }

  #count() {
    const shown = this.#kept.filter((entry) => this.#matches(entry)).length;
    const of = shown < this.#kept.length ? ` of ${this.#kept.length}` : "";
    this.#counted.textContent = `${shown}${of}${this.#dropped ? `, ${this.#dropped} older ones dropped` : ""}`;
  }

  /** What a message is, in a few words; an answer is one to what was asked. */
  #titleOf(direction, text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return "no JSON";
    }
    if (Array.isArray(message)) {
      return `batch of ${message.length}`;
    }
    const { id, method, params, error } = message ?? {};
    const subject = params?.name ?? params?.uri ?? params?.level;
    const title = typeof subject === "string" ? `${method} ${cut(subject, 80)}` : method;
    const asker = method === undefined ? (direction === "sent" ? "received" : "sent") : direction;
    const key = `${asker} ${JSON.stringify(id)}`;
    if (method !== undefined) {
      if (id !== undefined) {
        if (this.#methods.size >= MOST) {
          this.#methods.delete(this.#methods.keys().next().value);
        }
        this.#methods.set(key, title);
      }
      return title;
    }
    const asked = this.#methods.get(key) ?? "unknown";
    this.#methods.delete(key);
    const isAsking = message.result?.resultType === "input_required";
    return `${error ? `error ${error.code}` : isAsking ? "input required" : "result"} of ${asked}`;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
