// What is wrong with a value, in words for whoever typed it; null if nothing is.

const EMAIL = /^[^@\s]+@[^@\s.]+(\.[^@\s.]+)*$/;
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/;
const DATE = /^\d{4}-(\d\d)-(\d\d)$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const FORMATS = new Map(Object.entries({
  email: [(text) => EMAIL.test(text), "must be an address such as name@example.com"],
  uri: [(text) => URI.test(text), "must be a URI, with its scheme"],
  date: [isDate, "must be a date such as 2026-07-28"],
  time: [(text) => TIME.test(text), "must be a time such as 12:30:00Z"],
  "date-time": [isDateTime, "must be a date and a time such as 2026-07-28T12:30:00Z"],
  uuid: [(text) => UUID.test(text), "must be a UUID"],
}));

/** Of a text. */
export function problemOfText(text, schema) {
  const { minLength = 0, maxLength = Infinity, pattern, format } = schema;
  const length = [...text].length;
  if (length < minLength) {
    return `must have at least ${some(minLength, "character")} (has ${length})`;
  }
  if (length > maxLength) {
    return `must have at most ${some(maxLength, "character")} (has ${length})`;
  }
  if (pattern !== undefined && regular(pattern)?.test(text) === false) {
    return `must match ${pattern}`;
  }
  const [fits, words] = FORMATS.get(format) ?? [];
  return fits && !fits(text) ? words : null;
}

/** The number that a text is; NaN if it is none. */
export function numberOf(text) {
  return NUMBER.test(text) ? Number(text) : NaN;
}

/** Of a number, NaN included. */
export function problemOfNumber(number, schema) {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const whole = type === "integer";
  if (!Number.isFinite(number)) {
    return whole ? "must be a whole number" : "must be a number";
  }
  if (whole && !Number.isInteger(number)) {
    return "must be a whole number";
  }
  if (whole && !Number.isSafeInteger(number)) {
    return "is too large for a browser to send exactly";
  }
  if (number < minimum) {
    return `must be ${minimum} or more`;
  }
  if (number > maximum) {
    return `must be ${maximum} or less`;
  }
  if (number <= exclusiveMinimum) {
    return `must be more than ${exclusiveMinimum}`;
  }
  if (number >= exclusiveMaximum) {
    return `must be less than ${exclusiveMaximum}`;
  }
  if (multipleOf > 0 && Math.abs(number / multipleOf - Math.round(number / multipleOf)) > 1e-9) {
    return `must be a multiple of ${multipleOf}`;
  }
  return null;
}

/** Of a list. */
export function problemOfList(list, schema) {
  const { minItems = 0, maxItems = Infinity, uniqueItems } = schema;
  if (list.length < minItems) {
    return `needs at least ${some(minItems, "item")} (has ${list.length})`;
  }
  if (list.length > maxItems) {
    return `may have at most ${some(maxItems, "item")} (has ${list.length})`;
  }
  const texts = list.map((one) => JSON.stringify(one));
  return uniqueItems && new Set(texts).size < texts.length ? "must not have the same item twice" : null;
}

/** A few words on what may be typed, of the bounds that a schema has. */
export function boundsOf(schema) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, multipleOf } = schema;
  return [
    minimum !== undefined && `≥ ${minimum}`,
    exclusiveMinimum !== undefined && `> ${exclusiveMinimum}`,
    maximum !== undefined && `≤ ${maximum}`,
    exclusiveMaximum !== undefined && `< ${exclusiveMaximum}`,
    multipleOf !== undefined && `multiple of ${multipleOf}`,
    minLength > 0 && `at least ${some(minLength, "character")}`,
    maxLength !== undefined && `at most ${some(maxLength, "character")}`,
  ].filter(Boolean).join(", ");
}

function some(count, what) {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A pattern of a schema; null where the browser has no such, and the server has to say what is wrong. */
function regular(pattern) {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return null;
  }
}

function isDate(text) {
  const [, month, day] = (DATE.exec(text) ?? []).map(Number);
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
}

function isDateTime(text) {
  const [date, time] = text.split(/[Tt ]/);
  return isDate(date) && time !== undefined && TIME.test(time);
}
