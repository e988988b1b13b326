// URI templates (RFC 6570), as resource templates have them: their variables, and the URI that values make of them.

const EXPRESSION = /\{([+#./;?&]?)([^{}]+)\}/g;

// For each operator: what the expression begins with, what is between values, whether they have names, what a name
// without a value ends with, and whether what is reserved stays as it is.
const OPERATORS = {
  "": ["", ",", false, "", false],
  "+": ["", ",", false, "", true],
  "#": ["#", ",", false, "", true],
  ".": [".", ".", false, "", false],
  "/": ["/", "/", false, "", false],
  ";": [";", ";", true, "", false],
  "?": ["?", "&", true, "=", false],
  "&": ["&", "&", true, "=", false],
};
const RESERVED = /%[0-9A-Fa-f]{2}|[:/?#[\]@!$&'()*+,;=]/g;

/** The variables of a template, in order: name, and whether the URI makes no sense without it. */
export function variablesOf(template) {
  const found = new Map();
  for (const [, operator, list] of template.matchAll(EXPRESSION)) {
    for (const { name } of named(list)) {
      found.set(name, { name, required: found.get(name)?.required || operator === "" || operator === "+" });
    }
  }
  return [...found.values()];
}

/** The URI. Variables without a value are as if they were not there. */
export function expand(template, values) {
  return template.replace(EXPRESSION, (_, operator, list) => {
    const [first, between, hasNames, empty, keeps] = OPERATORS[operator];
    const parts = named(list)
      .filter(({ name }) => Object.hasOwn(values, name))
      .map(({ name, length }) => {
        const whole = values[name];
        const value = encoded(length === null ? whole : [...whole].slice(0, length).join(""), keeps);
        return hasNames ? `${name}${value === "" ? empty : `=${value}`}` : value;
      });
    return parts.length ? first + parts.join(between) : "";
  });
}

function named(list) {
  return list.split(",").map((one) => {
    const [, name, length] = /^([^:*]+)(?::(\d+))?\*?$/.exec(one) ?? [null, one, undefined];
    return { name, length: length === undefined ? null : Number(length) };
  });
}

function encoded(text, keeps) {
  const hex = (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`;
  const strictly = (part) => encodeURIComponent(part.toWellFormed()).replace(/[!'()*]/g, hex);
  if (!keeps) {
    return strictly(text);
  }
  const kept = text.match(RESERVED) ?? [];
  return text.split(RESERVED).map((part, index) => strictly(part) + (kept[index] ?? "")).join("");
}
