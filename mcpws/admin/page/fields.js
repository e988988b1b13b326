// Fields of a form: one value each, with what it is called, what may be typed, and what is wrong with it.

import { boundsOf, numberOf, problemOfList, problemOfNumber, problemOfText } from "./check.js";
import { offer } from "./completion.js";
import { make, newId } from "./dom.js";
import { choicesOf, NOTHING, resolved, sameJson, wordsFor } from "./schema.js";

const NEEDED = "is needed";
const LEFT_OUT = "(left out)";
const PLACEHOLDERS = new Map([
  ["date-time", "2026-07-28T12:30:00Z"],
  ["email", "name@example.com"],
  ["time", "12:30:00Z"],
]);

/**
 * What every field has, as a place for one control.
 *
 * `spec` is `name`, own `title` and `schema` of the value, whether it is `required`, what it is at first (`initial`, or
 * NOTHING), the `root` of the schema, whether somebody else shows what it is called (`bare`), and whether it is part of
 * what has to be whole anyway (`isPart`). After `read(problems)` those that are wrong are in the list, and say so.
 */
class Field {
  constructor(spec, control, { labelled = true } = {}) {
    this.spec = spec;
    this.control = control;
    const { name, schema, bare } = spec;
    const [id, hint, problem] = [newId("value"), newId("hint"), newId("problem")];
    control.id = id;
    this.problem = make("p", { id: problem, className: "problem", hidden: true });
    const bounds = boundsOf(schema);
    const words = [schema.description, bounds].filter((one) => typeof one === "string" && one).join(" · ");
    const label = make(labelled ? "label" : "span", { className: "name", id: newId("label") }, titleOf(spec));
    this.label = label;
    if (labelled) {
      label.htmlFor = id;
    } else {
      control.setAttribute("aria-labelledby", label.id);
    }
    this.hint = words ? make("p", { id: hint, className: "hint" }, words) : null;
    control.setAttribute("aria-describedby", this.hint ? `${hint} ${problem}` : problem);
    const head = make("div", { className: bare ? "head unseen" : "head" }, label, ...about(spec));
    this.element = make("div", { className: "field", dataset: { name } }, head, control, this.hint, this.problem);
  }

  get focusable() {
    return this.control;
  }

  read(problems) {
    const [value, problem] = this.taken();
    this.tell(problem);
    if (problem !== null) {
      problems.push(this);
      return NOTHING;
    }
    return value;
  }

  tell(problem) {
    this.problem.textContent = problem === null ? "" : `${titleOf(this.spec)} ${problem}`;
    this.problem.hidden = problem === null;
    if (problem === null) {
      this.control.removeAttribute("aria-invalid");
    } else {
      this.control.setAttribute("aria-invalid", "true");
    }
  }

  /** Give it another name, which is shown unless it has a title. */
  rename(name) {
    this.spec = { ...this.spec, name };
    this.label.textContent = titleOf(this.spec);
  }

  /** What stands for a blank: nothing, or a problem. */
  blank() {
    return this.spec.required ? [NOTHING, NEEDED] : [NOTHING, null];
  }
}

/** A text: a line where it has a format, else as many lines as one likes. */
export class TextField extends Field {
  constructor(spec) {
    const { schema, initial, suggest } = spec;
    const isLine = Boolean(schema.format || schema.pattern || suggest) && !String(initial).includes("\n");
    const control = isLine
      ? make("input", { type: schema.format === "date" ? "date" : "text" })
      : make("textarea", { rows: 1 });
    const example = schema.examples?.[0];
    control.placeholder = typeof example === "string" ? example : (PLACEHOLDERS.get(schema.format) ?? "");
    control.value = initial === NOTHING ? "" : typeof initial === "string" ? initial : JSON.stringify(initial);
    control.autocomplete = "off";
    control.spellcheck = false;
    super(spec, control);
    if (suggest) {
      offer(control, suggest);
    }
  }

  taken() {
    const text = this.control.value;
    if (text === "") {
      // A form cannot tell an empty text from none: where it must be there and may be empty, it is.
      return this.spec.required && this.spec.initial === "" ? [text, null] : this.blank();
    }
    return [text, problemOfText(text, this.spec.schema)];
  }
}

/** A number. It is a text to the browser, which would else keep back what is none. */
export class NumberField extends Field {
  constructor(spec) {
    const { schema, initial } = spec;
    const control = make("input", { type: "text", inputMode: schema.type === "integer" ? "numeric" : "decimal" });
    control.value = initial === NOTHING ? "" : typeof initial === "number" ? String(initial) : JSON.stringify(initial);
    control.autocomplete = "off";
    super(spec, control);
  }

  taken() {
    const text = this.control.value.trim();
    if (text === "") {
      return this.blank();
    }
    const number = numberOf(text);
    return [number, problemOfNumber(number, this.spec.schema)];
  }
}

/** True or false, one of which it always is. */
export class BooleanField extends Field {
  constructor(spec) {
    super(spec, make("input", { type: "checkbox", checked: spec.initial === true }));
    this.element.classList.add("check");
  }

  taken() {
    return [this.control.checked, null];
  }
}

/** One of several values, or of true and false where it may be left out. */
export class ChoiceField extends Field {
  constructor(spec, choices = choicesOf(spec.schema)) {
    const { required, initial } = spec;
    const control = make("select", {});
    const given = choices.findIndex((one) => initial !== NOTHING && sameJson(one.value, initial));
    if (given < 0 || !required) {
      control.append(make("option", { value: "" }, required ? "Choose…" : LEFT_OUT));
    }
    control.append(
      ...choices.map(({ title, hint }, index) => make("option", { value: index, title: hint ?? "" }, title)),
    );
    control.value = given < 0 ? "" : given;
    super(spec, control);
    this.choices = choices;
  }

  taken() {
    const { value } = this.control;
    return value === "" ? this.blank() : [this.choices[value].value, null];
  }
}

/** Some of several values. */
export class SeveralField extends Field {
  constructor(spec) {
    const choices = choicesOf(resolved(spec.schema.items, spec.root));
    const given = Array.isArray(spec.initial) ? spec.initial.map((one) => JSON.stringify(one)) : [];
    const boxes = choices.map(({ value }) =>
      make("input", { type: "checkbox", checked: given.includes(JSON.stringify(value)) }),
    );
    const labels = choices.map(({ title }, index) => make("label", {}, boxes[index], make("span", {}, title)));
    super(spec, make("div", { className: "several", role: "group" }, ...labels), { labelled: false });
    this.boxes = boxes;
    this.choices = choices;
  }

  get focusable() {
    return this.boxes[0] ?? this.control;
  }

  taken() {
    const list = this.choices.filter((_, index) => this.boxes[index].checked).map(({ value }) => value);
    if (!list.length && !this.spec.required && this.spec.initial === NOTHING) {
      return [NOTHING, null];
    }
    return [list, problemOfList(list, this.spec.schema)];
  }
}

/** A value that there is only one of. */
export class FixedField extends Field {
  constructor(spec) {
    const control = make("output", { className: "fixed" }, JSON.stringify(spec.schema.const ?? null));
    super(spec, control);
  }

  taken() {
    return [this.spec.schema.const ?? null, null];
  }
}

/** Any JSON, as it is written: for whatever has no field of its own. */
export class JsonField extends Field {
  constructor(spec) {
    const text = spec.initial === NOTHING ? "" : JSON.stringify(spec.initial, null, 2);
    super(spec, make("textarea", { rows: 2, className: "code", value: text, spellcheck: false, placeholder: "JSON" }));
  }

  taken() {
    const text = this.control.value.trim();
    if (text === "") {
      return this.blank();
    }
    try {
      return [JSON.parse(text), null];
    } catch (error) {
      return [NOTHING, `is no JSON: ${error.message}`];
    }
  }
}

/** What a value is called: its own title, and not that of a schema that others share with it. */
export function titleOf({ name, title }) {
  return typeof title === "string" && title ? title : name;
}

/** What is said beside the name: what the value is called on the wire, its kind, and whether it is needed. */
export function about({ name, title, schema, root, required, isPart }) {
  const words = [wordsFor(schema, root), required && !isPart ? "required" : null].filter(Boolean).join(", ");
  const told = titleOf({ name, title }) === name ? null : make("code", {}, name);
  return [told, " ", make("span", { className: "kind" }, words)];
}
