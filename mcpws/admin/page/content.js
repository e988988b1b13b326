// Content of results and messages: texts, images, sounds, links, resources. What a server sends is shown, never run.

import { button, make } from "./dom.js";
import { isObject } from "./schema.js";
import { tree } from "./tree.js";

const LONGEST = 50_000; // characters that are shown at first
const KIND = /^(image|audio)\/[A-Za-z0-9.+-]+$/;
const BASE64 = /^[A-Za-z0-9+/=_\s-]*$/;

/** An element for a block of content. `read(uri)` is called for the resource that a link leads to. */
export function contentOf(block, read) {
  const given = isObject(block) ? block : { type: typeof block, value: block };
  const show = Object.hasOwn(SHOWN, given.type) ? SHOWN[given.type] : unknown;
  const dataset = { type: String(given.type) };
  return make("div", { className: "block", dataset }, show(given, read), notes(given.annotations));
}

/** An element for the contents of a resource: its text, or what its bytes are. */
export function resourceOf(resource, read) {
  const { uri, mimeType, text, blob } = isObject(resource) ? resource : {};
  const head = make("p", { className: "from" }, make("code", {}, String(uri)), mimeType ? ` ${mimeType}` : null);
  if (typeof blob !== "string") {
    const shown = typeof text === "string" ? said(text, mimeType) : tree(resource);
    return make("div", { className: "resource" }, head, shown);
  }
  const [kind] = KIND.exec(mimeType ?? "") ?? [];
  const shown = kind ? played({ data: blob, mimeType }, String(uri)) : null;
  return make("div", { className: "resource" }, head, shown, saved(blob, String(uri)));
}

/** A text as it is; where it is JSON, as a tree as well. */
export function said(text, mimeType = "") {
  const whole = make("pre", { className: "said", tabIndex: 0 }, text.slice(0, LONGEST));
  const more =
    text.length > LONGEST
      ? button(`Show all ${text.length} characters`, (pressed) => {
          whole.textContent = text;
          pressed.remove();
        }, { className: "small" })
      : null;
  const value = mimeType.includes("json") ? parsed(text) : undefined;
  return make("div", {}, value === undefined ? whole : tree(value), more);
}

const SHOWN = {
  text: ({ text }) => said(String(text)),
  image: (block) => played(block, "image in the answer"),
  audio: (block) => played(block, "sound in the answer"),
  resource: ({ resource }, read) => resourceOf(resource, read),
  resource_link: link,
};

function unknown(block) {
  return tree(block);
}

/** An image or a sound, from its own bytes. */
function played({ data, mimeType }, words) {
  const [, kind] = KIND.exec(mimeType) ?? [];
  if (!kind || typeof data !== "string" || !BASE64.test(data)) {
    return make("p", { className: "problem" }, `This is no image and no sound: ${mimeType}`);
  }
  const src = `data:${mimeType};base64,${data}`;
  const element =
    kind === "image"
      ? make("img", { src, alt: words })
      : make("audio", { src, controls: true, "aria-label": words });
  const broken = make("p", { className: "problem", hidden: true }, `The browser cannot show this ${mimeType}`);
  element.addEventListener("error", () => {
    broken.hidden = false;
  });
  return make("figure", {}, element, make("figcaption", {}, `${mimeType}, ${sizeOf(data)}`, broken));
}

function link({ uri, name, title, description, mimeType }, read) {
  const words = title ?? name ?? uri;
  return make(
    "div",
    { className: "link" },
    make("p", {}, make("strong", {}, String(words)), " ", make("code", {}, String(uri)), mimeType && ` ${mimeType}`),
    description ? make("p", { className: "hint" }, String(description)) : null,
    read ? button("Read it", () => read(String(uri)), { className: "small", "aria-label": `Read ${words}` }) : null,
  );
}

/** Bytes that cannot be shown, to be kept. */
function saved(blob, uri) {
  const name = uri.split(/[/\\?#]/).filter(Boolean).pop() ?? "resource";
  const href = `data:application/octet-stream;base64,${BASE64.test(blob) ? blob : ""}`;
  return make("p", {}, make("a", { href, download: name }, `Save ${sizeOf(blob)}`));
}

/** For whom a block is, and how important. */
function notes(annotations) {
  if (!isObject(annotations)) {
    return null;
  }
  const { audience, priority, lastModified } = annotations;
  const words = [
    Array.isArray(audience) && `for ${audience.join(" and ")}`,
    typeof priority === "number" && `priority ${priority}`,
    typeof lastModified === "string" && `of ${lastModified}`,
  ].filter(Boolean);
  return words.length ? make("p", { className: "hint" }, words.join(" · ")) : null;
}

function sizeOf(base64) {
  return `${Math.floor((base64.replace(/[=\s]/g, "").length * 3) / 4)} bytes`;
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : undefined;
  } catch {
    return undefined;
  }
}
