// Groups of a form: values that are made of others.

import { problemOfList } from "./check.js";
import { button, make, newId } from "./dom.js";
import { about, titleOf } from "./fields.js";
import { isObject, mayBe, NOTHING, only, resolved, variantsOf, wordsFor } from "./schema.js";

const LEFT_OUT = "(left out)";
const MOST_BLANKS = 8; // items that are there before somebody adds one

/** What every group has. `spec` is that of a field, and `make(spec)` makes what is in it. */
class Group {
  constructor(spec) {
    const { name, schema, bare } = spec;
    this.spec = spec;
    this.body = make("div", { className: "members" });
    this.problem = make("p", { id: newId("problem"), className: "problem", hidden: true, tabIndex: -1 });
    this.label = make("span", { className: "name" }, titleOf(spec));
    this.legend = make("legend", { className: bare ? "unseen" : "" }, this.label, " ", ...about(spec));
    const { description } = schema;
    const hint = description ? make("p", { id: newId("hint"), className: "hint" }, String(description)) : null;
    const described = hint ? `${hint.id} ${this.problem.id}` : this.problem.id;
    this.element = make(
      "fieldset",
      { className: "group", dataset: { name }, "aria-describedby": described },
      this.legend,
      hint,
      this.body,
      this.problem,
    );
  }

  get focusable() {
    return this.element.querySelector("button, input, select, textarea") ?? this.problem;
  }

  /** Give it another name, which is shown unless it has a title. */
  rename(name) {
    this.spec = { ...this.spec, name };
    this.label.textContent = titleOf(this.spec);
  }

  tell(problem) {
    this.problem.textContent = problem === null ? "" : `${titleOf(this.spec)} ${problem}`;
    this.problem.hidden = problem === null;
    this.element.classList.toggle("invalid", problem !== null);
  }

  said(problem, problems) {
    this.tell(problem);
    if (problem !== null) {
      problems.push(this);
    }
  }

  child(name, schema, initial, more = {}) {
    const { root, depth, make: makeOf } = this.spec;
    const rest = { root, depth: depth + 1, make: makeOf, required: true, bare: false };
    return makeOf({ name, schema, initial, ...rest, ...more });
  }
}

/** An object with members that have names; one that may be left out has a box to say whether it is. */
export class ObjectGroup extends Group {
  #members = null;
  #included = null;

  constructor(spec) {
    super(spec);
    const { required, initial, bare } = spec;
    if (required || bare) {
      this.#fill(initial);
    } else {
      this.#included = make("input", { type: "checkbox", checked: initial !== NOTHING });
      const label = make("label", { className: "include" }, this.#included, "include");
      this.legend.append(" ", label);
      this.#included.addEventListener("change", () => this.#show());
      this.#show();
    }
  }

  read(problems) {
    if (this.#included !== null && !this.#included.checked) {
      return NOTHING;
    }
    const found = {};
    for (const [name, field] of this.#members) {
      const value = field.read(problems);
      if (value !== NOTHING && name === NOTHING) {
        Object.assign(found, value);
      } else if (value !== NOTHING) {
        // A member may be called __proto__.
        Object.defineProperty(found, name, { value, enumerable: true, configurable: true, writable: true });
      }
    }
    return found;
  }

  #show() {
    if (this.#included.checked && this.#members === null) {
      this.#fill(this.spec.initial);
    }
    this.body.hidden = !this.#included.checked;
  }

  #fill(initial) {
    const { schema, root } = this.spec;
    const given = isObject(initial) ? initial : {};
    this.#members = Object.entries(schema.properties ?? {}).map(([name, one]) => {
      const member = resolved(one, root);
      const first = initial === NOTHING && Object.hasOwn(member, "default") ? member.default : NOTHING;
      const value = Object.hasOwn(given, name) ? given[name] : first;
      return [name, this.child(name, one, value, { required: (schema.required ?? []).includes(name) })];
    });
    if (isObject(schema.additionalProperties)) {
      const others = Object.entries(given).filter(([name]) => !Object.hasOwn(schema.properties ?? {}, name));
      const more = { type: "object", title: "further members", additionalProperties: schema.additionalProperties };
      const initially = others.length ? Object.fromEntries(others) : NOTHING;
      this.#members.push([NOTHING, this.child("further members", more, initially, { required: false })]);
    }
    this.body.append(...this.#members.map(([, field]) => field.element));
  }
}

/** A list, to which items are added, and from which they are taken away. */
export class ArrayGroup extends Group {
  #items = [];
  #add;

  constructor(spec) {
    super(spec);
    const { initial, schema } = spec;
    this.#add = button("Add item", () => this.#append(NOTHING, true), { className: "small" });
    this.#add.setAttribute("aria-label", `Add an item to ${titleOf(spec)}`);
    this.element.insertBefore(this.#add, this.problem);
    const blanks = spec.required ? Math.min(schema.minItems ?? 0, MOST_BLANKS) : 0;
    const given = Array.isArray(initial) ? initial : Array(blanks).fill(NOTHING);
    for (const one of given) {
      this.#append(one);
    }
  }

  get focusable() {
    return this.#add;
  }

  read(problems) {
    const before = problems.length;
    const list = this.#items.map(({ field }) => field.read(problems));
    if (!list.length && !this.spec.required && this.spec.initial === NOTHING) {
      this.tell(null);
      return NOTHING;
    }
    this.said(problems.length > before ? null : problemOfList(list, this.spec.schema), problems);
    return list;
  }

  #append(initial, focus = false) {
    const { schema, root } = this.spec;
    const first = initial === NOTHING ? (resolved(schema.items, root).default ?? NOTHING) : initial;
    const field = this.child(`item ${this.#items.length + 1}`, schema.items, first, { isPart: true });
    const item = { field };
    const remove = button("Remove", () => this.#remove(item), { className: "small" });
    item.element = make("div", { className: "item" }, field.element, remove);
    item.remove = remove;
    this.#items.push(item);
    this.#number();
    this.body.append(item.element);
    if (focus) {
      field.focusable.focus();
    }
  }

  #remove(item) {
    const index = this.#items.indexOf(item);
    this.#items.splice(index, 1);
    item.element.remove();
    this.#number();
    (this.#items[Math.min(index, this.#items.length - 1)]?.remove ?? this.#add).focus();
  }

  #number() {
    this.#items.forEach(({ field, remove }, index) => {
      field.rename?.(`item ${index + 1}`);
      remove.setAttribute("aria-label", `Remove item ${index + 1} of ${titleOf(this.spec)}`);
    });
  }
}

/** An object whose members have whatever names are typed. */
export class MapGroup extends Group {
  #entries = [];
  #add;

  constructor(spec) {
    super(spec);
    this.#add = button("Add member", () => this.#append("", NOTHING, true), { className: "small" });
    this.#add.setAttribute("aria-label", `Add a member to ${titleOf(spec)}`);
    this.element.insertBefore(this.#add, this.problem);
    for (const [name, value] of Object.entries(isObject(spec.initial) ? spec.initial : {})) {
      this.#append(name, value);
    }
  }

  get focusable() {
    return this.#add;
  }

  read(problems) {
    const pairs = this.#entries.map(({ key, field }) => [key.read(problems), field.read(problems)]);
    if (!pairs.length && !this.spec.required && this.spec.initial === NOTHING) {
      this.tell(null);
      return NOTHING;
    }
    const names = pairs.map(([name]) => name).filter((name) => name !== NOTHING);
    this.said(new Set(names).size < names.length ? "must not have the same name twice" : null, problems);
    return Object.fromEntries(pairs.filter(([name, value]) => name !== NOTHING && value !== NOTHING));
  }

  #append(name, value, focus = false) {
    const { schema } = this.spec;
    const { title, description, ...names } = { ...schema.propertyNames, type: "string" };
    const key = this.child("name", names, name === "" ? NOTHING : name, { isPart: true });
    const field = this.child("value", schema.additionalProperties, value, { isPart: true });
    const entry = { key, field };
    const remove = button("Remove", () => this.#remove(entry), { className: "small" });
    remove.setAttribute("aria-label", `Remove a member of ${titleOf(this.spec)}`);
    entry.element = make("div", { className: "item pair" }, key.element, field.element, remove);
    this.#entries.push(entry);
    this.body.append(entry.element);
    if (focus) {
      key.focusable.focus();
    }
  }

  #remove(entry) {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    entry.element.remove();
    this.#add.focus();
  }
}

/** A value that may be of several kinds, of which one is chosen first. */
export class VariantGroup extends Group {
  #select;
  #variants;
  #field = null;

  constructor(spec) {
    super(spec);
    const { schema, root, required, initial } = spec;
    this.#variants = variantsOf(schema).map((one) => only(resolved(one, root)));
    this.#select = make("select", { "aria-label": `Kind of ${titleOf(spec)}` });
    if (!required) {
      this.#select.append(make("option", { value: "" }, LEFT_OUT));
    }
    this.#select.append(
      ...this.#variants.map((one, index) => make("option", { value: index }, one.title ?? wordsFor(one, root))),
    );
    const meant = initial === NOTHING ? -1 : this.#variants.findIndex((one) => mayBe(initial, one, root));
    this.#select.value = meant >= 0 ? meant : required ? 0 : "";
    this.#select.addEventListener("change", () => this.#choose(NOTHING));
    this.element.insertBefore(this.#select, this.body);
    this.#choose(meant >= 0 ? initial : NOTHING);
  }

  get focusable() {
    return this.#select;
  }

  read(problems) {
    return this.#field === null ? NOTHING : this.#field.read(problems);
  }

  #choose(initial) {
    const chosen = this.#variants[this.#select.value];
    this.#field = null;
    if (chosen) {
      // What is said of all kinds is said once.
      const description = chosen.description === this.spec.schema.description ? undefined : chosen.description;
      const schema = { ...chosen, title: undefined, description };
      this.#field = this.child(titleOf(this.spec), schema, initial, { bare: true });
    }
    this.body.replaceChildren(...(this.#field ? [this.#field.element] : []));
    this.body.hidden = this.#field === null || chosen.type === "null";
  }
}
