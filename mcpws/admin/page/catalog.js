// The catalog: lists of what a server has, from which one is chosen.

import { make } from "./dom.js";

/** Kinds of what a server has: the capability, the request for the list, its member, and what an item is known by. */
export const KINDS = {
  tool: { feature: "tools", method: "tools/list", key: "tools", id: "name", words: "Tools" },
  resource: { feature: "resources", method: "resources/list", key: "resources", id: "uri", words: "Resources" },
  template: {
    feature: "resources",
    method: "resources/templates/list",
    key: "resourceTemplates",
    id: "uriTemplate",
    words: "Resource templates",
  },
  prompt: { feature: "prompts", method: "prompts/list", key: "prompts", id: "name", words: "Prompts" },
};

/** The lists in an element. `choose(kind, item)` is called for what somebody chooses. */
export class Catalog {
  #place;
  #choose;
  #lists = {}; // by kind: the details, its list, its count, its buttons by id
  #items = { tool: [], resource: [], template: [], prompt: [] };
  #words = "";
  #current = "";

  constructor(place, filter, choose) {
    this.#place = place;
    this.#choose = choose;
    for (const [kind, { words }] of Object.entries(KINDS)) {
      const count = make("span", { className: "count" });
      const list = make("ul", {});
      const summary = make("summary", {}, words, " ", count);
      const details = make("details", { open: true, hidden: true, dataset: { kind } }, summary, list);
      this.#lists[kind] = { details, list, count };
      place.append(details);
    }
    filter.addEventListener("input", () => {
      this.#words = filter.value.toLowerCase();
      Object.keys(KINDS).forEach((kind) => this.#show(kind));
    });
  }

  /** Show these items of a kind; null if the server has none of the kind at all. */
  update(kind, items) {
    this.#items[kind] = items ?? [];
    this.#lists[kind].details.hidden = !items || (kind === "template" && !items.length);
    this.#show(kind);
  }

  /** Say of a kind that its list could not be had. */
  failed(kind, why) {
    this.update(kind, []);
    this.#lists[kind].details.hidden = false;
    this.#lists[kind].list.append(make("li", { className: "problem" }, `The list could not be had: ${why}`));
  }

  find(kind, id) {
    return this.#items[kind]?.find((item) => String(item[KINDS[kind].id]) === id);
  }

  /** The first item that there is, as its kind and itself; null if there is none. */
  get first() {
    const kind = Object.keys(KINDS).find((one) => this.#items[one].length);
    return kind ? [kind, this.#items[kind][0]] : null;
  }

  /** Mark the item that is shown. */
  mark(kind, id) {
    this.#current = `${kind} ${id}`;
    for (const chosen of this.#place.querySelectorAll("button")) {
      if (chosen.dataset.key === this.#current) {
        chosen.setAttribute("aria-current", "true");
      } else {
        chosen.removeAttribute("aria-current");
      }
    }
  }

  #show(kind) {
    const { list, count } = this.#lists[kind];
    const { id } = KINDS[kind];
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const all = this.#items[kind];
    const textOf = (item) => [item[id], item.title, item.description].join("\n").toLowerCase();
    const matching = all.filter((item) => textOf(item).includes(this.#words));
    count.textContent = matching.length < all.length ? `${matching.length} of ${all.length}` : String(all.length);
    list.replaceChildren(...matching.map((item) => make("li", {}, this.#entry(kind, item))));
    if (focused !== null) {
      [...list.querySelectorAll("button")].find((one) => one.dataset.key === focused)?.focus();
    }
  }

  #entry(kind, item) {
    const id = String(item[KINDS[kind].id]);
    const key = `${kind} ${id}`;
    const isCalled = kind === "tool" || kind === "prompt";
    const name = isCalled ? id : String(item.title ?? item.name ?? id);
    const about = isCalled ? (item.description ?? item.title) : id;
    const words = about ? make("span", { className: "about" }, String(about).split("\n")[0]) : null;
    const named = make("span", { className: "name" }, name);
    const entry = make("button", { type: "button", dataset: { key } }, named, words);
    if (key === this.#current) {
      entry.setAttribute("aria-current", "true");
    }
    entry.addEventListener("click", () => this.#choose(kind, item));
    return entry;
  }
}
