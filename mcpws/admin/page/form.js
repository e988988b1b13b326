// A form made from a JSON Schema: fields for what it knows, JSON for the rest, and for all of it if one likes.

import { button, make } from "./dom.js";
import {
  BooleanField,
  ChoiceField,
  FixedField,
  JsonField,
  NumberField,
  SeveralField,
  TextField,
} from "./fields.js";
import { ArrayGroup, MapGroup, ObjectGroup, VariantGroup } from "./groups.js";
import { holds, isObject, kindOf, NOTHING, only, resolved } from "./schema.js";

const DEEPEST = 12; // groups within each other, after which a schema that refers to itself is JSON

const KINDS = {
  array: ArrayGroup,
  choice: VariantGroup,
  const: FixedField,
  enum: ChoiceField,
  integer: NumberField,
  json: JsonField,
  map: MapGroup,
  null: FixedField,
  number: NumberField,
  object: ObjectGroup,
  several: SeveralField,
  string: TextField,
};

const YES_OR_NO = [
  { value: true, title: "true" },
  { value: false, title: "false" },
];

/** What shows a value: a field or a group. */
function shown(given) {
  const schema = only(resolved(given.schema, given.root));
  const spec = { ...given, schema, title: given.schema?.title };
  const kind = given.depth > DEEPEST ? "json" : kindOf(schema, given.root);
  if (kind === "boolean") {
    const isOpen = !given.required && given.initial === NOTHING;
    return isOpen ? new ChoiceField(spec, YES_OR_NO) : new BooleanField(spec);
  }
  return new KINDS[kind](spec);
}

/**
 * A form for an object.
 *
 * `suggest(name, text, others)` proposes values for a member, as a promise of texts, where there is one to propose any.
 */
export class Form {
  #schema;
  #suggest;
  #root = null;
  #json = null; // in place of the fields
  #place = make("div", { className: "fields" });
  #summary = make("p", { className: "problem summary", role: "alert" });
  #toggle;
  #failed = false;

  constructor(schema, { suggest = null, canBeJson = true, initial = NOTHING } = {}) {
    this.#schema = { type: "object", ...(isObject(schema) ? schema : {}) };
    this.#suggest = suggest;
    this.#toggle = button("Edit as JSON", () => this.#switch(), { className: "small", "aria-pressed": "false" });
    const isEmpty = !Object.keys(this.#schema.properties ?? {}).length;
    const foot = canBeJson ? make("p", { className: "foot" }, this.#toggle) : null;
    this.element = make("div", { className: "form" }, this.#place, foot, this.#summary);
    this.#show(initial);
    if (isEmpty && !isObject(this.#schema.additionalProperties)) {
      this.#place.replaceChildren(make("p", { className: "none-needed" }, "No arguments are needed."));
    }
    this.element.addEventListener("input", () => this.#failed && this.#look());
    this.element.addEventListener("change", () => this.#failed && this.#look());
  }

  /** The object; null if something is wrong with it, which is said, and the first such field is gone to. */
  read() {
    const { value, problems } = this.#look();
    if (problems.length) {
      problems[0].focusable.focus();
      return null;
    }
    return value;
  }

  /** Go to the first field. */
  focus() {
    this.element.querySelector("input, select, textarea, button")?.focus();
  }

  /** Read all of it, and say at each field what is wrong. */
  #look() {
    const problems = [];
    const value = (this.#json ?? this.#root).read(problems);
    this.#failed = problems.length > 0;
    const many = problems.length === 1 ? "One value needs" : `${problems.length} values need`;
    const summary = problems.length ? `${many} another look. Nothing was sent.` : "";
    if (this.#summary.textContent !== summary) {
      this.#summary.textContent = summary;
    }
    return { value: value === NOTHING ? {} : value, problems };
  }

  #show(initial) {
    const schema = this.#schema;
    const suggest = this.#suggest;
    const others = () => Object.fromEntries(Object.entries(this.#root.read([])).filter(([, one]) => one !== ""));
    const makeOf = (spec) =>
      shown(suggest && spec.depth === 1 ? { ...spec, suggest: (text) => suggest(spec.name, text, others()) } : spec);
    this.#root = new ObjectGroup({
      name: "arguments",
      schema: { properties: {}, ...resolved(schema, schema) },
      required: true,
      initial,
      root: schema,
      depth: 0,
      make: makeOf,
      bare: true,
    });
    this.#place.replaceChildren(this.#root.element);
  }

  /** From fields to JSON, or back, if the fields can hold all of it. */
  #switch() {
    if (this.#json === null) {
      const initial = this.#root.read([]);
      const schema = { type: "object" };
      this.#json = new ObjectText({ name: "arguments as JSON", schema, required: true, initial, root: schema });
      this.#place.replaceChildren(this.#json.element);
    } else {
      const problems = [];
      const value = this.#json.read(problems);
      if (problems.length) {
        this.#json.focusable.focus();
        return;
      }
      this.#show(value);
      if (!holds(this.#root.read([]), value)) {
        this.#place.replaceChildren(this.#json.element);
        this.#json.tell("have what no field of the form can hold; they can be sent as they are");
        this.#json.focusable.focus();
        return;
      }
      this.#json = null;
    }
    this.#failed = false;
    this.#summary.textContent = "";
    this.#toggle.setAttribute("aria-pressed", String(this.#json !== null));
    this.focus();
  }
}

/** JSON that has to be an object. */
class ObjectText extends JsonField {
  taken() {
    const [value, problem] = super.taken();
    return problem === null && !isObject(value) ? [NOTHING, "must be an object"] : [value, problem];
  }
}
