// Completion: values that the server proposes for what is typed, in a list below the field.

import { make, newId } from "./dom.js";

const PAUSE_MS = 150; // after the last key, before the server is asked
const MOST = 20;

/** Have `suggest(text)`, which promises a list of texts, propose values for an input (ARIA: a combobox). */
export function offer(input, suggest) {
  new Offer(input, suggest);
}

class Offer {
  #input;
  #suggest;
  #list = make("ul", {
    id: newId("offers"),
    role: "listbox",
    className: "offers",
    hidden: true,
    "aria-label": "Proposed values",
  });
  #timer = 0;
  #turn = 0; // answers to earlier ones come too late
  #at = -1;

  constructor(input, suggest) {
    this.#input = input;
    this.#suggest = suggest;
    for (const [name, value] of [
      ["role", "combobox"],
      ["aria-expanded", "false"],
      ["aria-autocomplete", "list"],
      ["aria-controls", this.#list.id],
    ]) {
      input.setAttribute(name, value);
    }
    input.addEventListener("input", () => this.#soon());
    input.addEventListener("keydown", (event) => this.#pressed(event));
    input.addEventListener("blur", () => this.#close());
    // The list is placed where the field is, as soon as that is somewhere.
    queueMicrotask(() => input.after(this.#list));
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS);
  }

  async #ask() {
    this.#turn += 1;
    const turn = this.#turn;
    let values;
    try {
      values = await this.#suggest(this.#input.value);
    } catch {
      // The messages show the error; whoever types can do without.
      values = [];
    }
    if (turn === this.#turn && document.activeElement === this.#input) {
      this.#show(values);
    }
  }

  #show(values) {
    const options = values.slice(0, MOST).map((value) => {
      const option = make("li", { id: newId("offer"), role: "option", "aria-selected": "false" }, String(value));
      // Before the field loses the focus, and with it the list.
      option.addEventListener("mousedown", (event) => {
        event.preventDefault();
        this.#take(option);
      });
      return option;
    });
    this.#list.replaceChildren(...options);
    this.#at = -1;
    this.#open(options.length > 0);
  }

  #pressed(event) {
    const isOpen = !this.#list.hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (isOpen) {
        this.#move(step);
      } else {
        this.#ask();
      }
    } else if (event.key === "Enter" && isOpen && this.#at >= 0) {
      event.preventDefault();
      this.#take(this.#list.children[this.#at]);
    } else if (event.key === "Escape" && isOpen) {
      event.stopPropagation();
      this.#close();
    }
  }

  #move(step) {
    const count = this.#list.children.length;
    this.#list.children[this.#at]?.setAttribute("aria-selected", "false");
    this.#at = this.#at < 0 && step < 0 ? count - 1 : (this.#at + step + count) % count;
    const option = this.#list.children[this.#at];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", option.id);
  }

  #take(option) {
    this.#input.value = option.textContent;
    this.#close();
    this.#input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #close() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.#open(false);
  }

  #open(isOpen) {
    this.#list.hidden = !isOpen;
    this.#input.setAttribute("aria-expanded", String(isOpen));
    this.#input.removeAttribute("aria-activedescendant");
  }
}
