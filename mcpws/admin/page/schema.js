// JSON Schema as tools use it: what kind of value is wanted, with references followed and alternatives told apart.

const MOST_HOPS = 32;
const MOST_WORDS = 2; // levels of lists and alternatives that are told of
const TYPES = ["string", "number", "integer", "boolean", "object", "array", "null"];

const WORDS = { map: "object", enum: "one of", several: "some of", const: "fixed", array: "list" };

/** What stands for a value that is not there. */
export const NOTHING = Symbol("nothing");

/** A schema with what it refers to, and with all that `allOf` demands, in itself. */
export function resolved(schema, root) {
  let found = isObject(schema) ? schema : {};
  for (let hops = 0; typeof found.$ref === "string"; hops += 1) {
    const { $ref, ...rest } = found;
    const target = at(root, $ref);
    if (!isObject(target) || hops === MOST_HOPS) {
      return rest;
    }
    found = { ...target, ...rest };
  }
  if (Array.isArray(found.allOf)) {
    const { allOf, ...rest } = found;
    found = allOf.slice(0, MOST_HOPS).map((one) => resolved(one, root)).concat(rest).reduce(merged, {});
  }
  return found;
}

/**
 * The kind of a resolved schema: "const", "enum", "several" of an enumeration, "choice" between schemas, "object",
 * "map", "array", "boolean", "integer", "number", "string", "null", or "json" for all that has no field of its own.
 */
export function kindOf(schema, root) {
  if ("const" in schema) {
    return "const";
  }
  if (choicesOf(schema) !== null) {
    return "enum";
  }
  if (variantsOf(schema).length > 1) {
    return "choice";
  }
  const type = typeOf(schema);
  if (type === "object") {
    return isFilled(schema.properties) ? "object" : isTyped(schema.additionalProperties) ? "map" : "json";
  }
  if (type === "array") {
    if (!isTyped(schema.items) || schema.prefixItems !== undefined) {
      return "json";
    }
    // Nobody wants the same one twice, and if somebody does, there is JSON.
    return choicesOf(resolved(schema.items, root)) === null ? "array" : "several";
  }
  return TYPES.includes(type) ? type : "json";
}

/** The values of an enumeration, each with its title; null if the schema is none. */
export function choicesOf(schema) {
  if (Array.isArray(schema.enum)) {
    return schema.enum.map((value, index) => ({ value, title: titleOf(schema.enumNames?.[index], value) }));
  }
  const alternatives = schema.oneOf ?? schema.anyOf;
  const isList = Array.isArray(alternatives) && alternatives.length > 0;
  if (isList && alternatives.every((one) => isObject(one) && "const" in one)) {
    return alternatives.map(({ const: value, title, description }) => {
      return { value, title: titleOf(title, value), hint: description };
    });
  }
  return null;
}

/** The schemas of which a value has to fit one; a schema that has no alternatives is its own. */
export function variantsOf(schema) {
  const { anyOf, oneOf, ...rest } = schema;
  const alternatives = anyOf ?? oneOf;
  if (Array.isArray(alternatives) && alternatives.length) {
    // What it is called and what it begins with is told once for all.
    const { title, description, default: _, ...common } = rest;
    return alternatives.map((one) => merged(common, isObject(one) ? one : {}));
  }
  if (Array.isArray(schema.type) && schema.type.length) {
    const types = schema.type.filter((type) => !(type === "integer" && schema.type.includes("number")));
    return types.map((type) => ({ ...schema, type }));
  }
  return [schema];
}

/** A resolved schema, with what it demands in itself if it has but one alternative. */
export function only(schema) {
  const variants = variantsOf(schema);
  const isAlone = variants.length === 1 && variants[0] !== schema;
  return isAlone ? { ...schema, ...variants[0], anyOf: undefined, oneOf: undefined } : schema;
}

/** Whether a value may be meant by a resolved schema, by its type and its constants alone. */
export function mayBe(value, schema, root) {
  if ("const" in schema) {
    return sameJson(schema.const, value);
  }
  const choices = choicesOf(schema);
  if (choices !== null) {
    return choices.some((one) => sameJson(one.value, value));
  }
  const variants = variantsOf(schema);
  if (variants.length > 1) {
    return variants.some((one) => mayBe(value, resolved(one, root), root));
  }
  const type = typeOf(schema);
  if (type === "object" && isObject(value)) {
    return Object.entries(schema.properties ?? {}).every(([name, one]) => {
      const member = resolved(one, root);
      return !("const" in member) || sameJson(member.const, value[name]);
    });
  }
  return type === undefined || type === jsonType(value) || (type === "number" && typeof value === "number");
}

/** A few words on what is wanted; a schema may refer to itself, so that they have to end somewhere. */
export function wordsFor(schema, root, depth = 0) {
  const kind = kindOf(schema, root);
  if (depth < MOST_WORDS && kind === "array") {
    return `list of ${wordsFor(only(resolved(schema.items, root)), root, depth + 1)}`;
  }
  if (depth < MOST_WORDS && kind === "choice") {
    return variantsOf(schema).map((one) => wordsFor(only(resolved(one, root)), root, depth + 1)).join(" or ");
  }
  if (kind === "json") {
    return typeOf(schema) ?? "any JSON";
  }
  return WORDS[kind] ?? (kind === "string" && schema.format ? String(schema.format) : kind);
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two values are the same JSON, whatever the order of members. */
export function sameJson(one, other) {
  return JSON.stringify(ordered(one)) === JSON.stringify(ordered(other));
}

/** Whether a value has all that another one has, in each object of it. */
export function holds(whole, part) {
  if (isObject(part)) {
    const hasIt = (name) => Object.hasOwn(whole, name) && holds(whole[name], part[name]);
    return isObject(whole) && Object.keys(part).every(hasIt);
  }
  if (Array.isArray(part)) {
    return Array.isArray(whole) && whole.length === part.length && part.every((one, index) => holds(whole[index], one));
  }
  return whole === part;
}

function ordered(value) {
  if (Array.isArray(value)) {
    return value.map(ordered);
  }
  if (isObject(value)) {
    return Object.keys(value).sort().map((name) => [name, ordered(value[name])]);
  }
  return value;
}

function typeOf(schema) {
  if (schema.type !== undefined) {
    return Array.isArray(schema.type) ? schema.type[0] : schema.type;
  }
  return isFilled(schema.properties) ? "object" : isTyped(schema.items) ? "array" : undefined;
}

function jsonType(value) {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "array" : Number.isInteger(value) ? "integer" : typeof value;
}

function titleOf(title, value) {
  return typeof title === "string" ? title : typeof value === "string" ? value : JSON.stringify(value);
}

/** What a pointer within the same document leads to (RFC 6901). */
function at(root, reference) {
  if (!reference.startsWith("#")) {
    return undefined;
  }
  let found = root;
  for (const part of reference.slice(1).split("/").slice(1)) {
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) {
      return undefined;
    }
    found = found[name];
  }
  return found;
}

function merged(one, other) {
  const both = { ...one, ...other };
  if (one.properties && other.properties) {
    both.properties = { ...one.properties, ...other.properties };
  }
  if (one.required && other.required) {
    both.required = [...new Set([...one.required, ...other.required])];
  }
  return both;
}

const isFilled = (value) => isObject(value) && Object.keys(value).length > 0;
const isTyped = (schema) => isFilled(schema);
