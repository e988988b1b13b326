// Elements, made in a line. What is put into them is text: nothing that a server or a client sent becomes markup.

/**
 * An element, with these properties and children, which are elements or texts; null and undefined are none.
 *
 * Names with a dash, and `role`, are attributes: the others are properties of the element, `dataset` all at once.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) {
      continue;
    }
    if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else if (name.includes("-") || name === "role") {
      element.setAttribute(name, value);
    } else {
      element[name] = value;
    }
  }
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

/** A button that calls `press` when it is used. */
export function button(text, press, properties = {}) {
  const element = make("button", { type: "button", ...properties }, text);
  element.addEventListener("click", () => press(element));
  return element;
}

let ids = 0;

/** An id that no other element has. */
export function newId(prefix = "e") {
  ids += 1;
  return `${prefix}-${ids}`;
}

/** A text, cut where it is longer than this. */
export function cut(text, most) {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** A time of a clock, with its milliseconds. */
export function timeOf(date) {
  const digits = (number, count = 2) => String(number).padStart(count, "0");
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return `${digits(hours)}:${digits(minutes)}:${digits(seconds)}.${digits(date.getMilliseconds(), 3)}`;
}

/** How long something took, of milliseconds. */
export function durationOf(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

let said = 0;
const SAID_MS = 6000;

/** Tell what was done, for a while, to who sees and to who hears the page. */
export function say(text) {
  const place = document.getElementById("said");
  clearTimeout(said);
  place.textContent = text;
  said = setTimeout(() => {
    place.textContent = "";
  }, SAID_MS);
}

/** Put a text into the clipboard, and say so. */
export async function copy(text, what) {
  try {
    if (navigator.clipboard) {
      await navigator.clipboard.writeText(text);
    } else {
      copySelected(text);
    }
    say(`${what} copied`);
  } catch (error) {
    say(`the ${what} could not be copied: ${error.message}`);
  }
}

/** The older way, for pages that are neither of this machine nor of https: they have no other. */
function copySelected(text) {
  const focused = document.activeElement;
  const area = make("textarea", { className: "unseen", value: text });
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  if (!isCopied) {
    throw new Error("the browser does not let it");
  }
}
