// Answers to requests, as elements: results of each kind, and errors.

import { MEANINGS } from "./codes.js";
import { contentOf, resourceOf } from "./content.js";
import { button, copy, make } from "./dom.js";
import { RpcError } from "./rpc.js";
import { tree } from "./tree.js";

const SHOWN = { "tools/call": ofTool, "resources/read": ofResource, "prompts/get": ofPrompt };

/** Elements for a result. `read(uri)` is called for the resource that a link in it leads to. */
export function resultOf(method, result, read) {
  const given = result ?? {};
  return [...SHOWN[method](given, read), whole(given)];
}

/** Elements for what went wrong: an error that the server answered with, or why there was no answer. */
export function failureOf(error) {
  if (!(error instanceof RpcError)) {
    return [make("p", { className: "said" }, error.message)];
  }
  const meaning = Object.hasOwn(MEANINGS, error.code) ? MEANINGS[error.code] : null;
  const code = make("p", { className: "code-of" }, `Error ${error.code}`, meaning ? ` (${meaning})` : null);
  const data = error.data === undefined ? [] : [make("h4", {}, "Data"), tree(error.data)];
  return [code, make("p", { className: "said" }, String(error.message)), ...data];
}

function* ofTool({ content, structuredContent }, read) {
  for (const block of list(content)) {
    yield contentOf(block, read);
  }
  if (structuredContent !== undefined) {
    yield make("h4", {}, "Structured content");
    yield tree(structuredContent);
  } else if (!list(content).length) {
    yield make("p", { className: "hint" }, "The tool has nothing to say.");
  }
}

function* ofResource({ contents }, read) {
  for (const one of list(contents)) {
    yield resourceOf(one, read);
  }
  if (!list(contents).length) {
    yield make("p", { className: "hint" }, "The resource is empty.");
  }
}

function* ofPrompt({ description, messages }, read) {
  if (description) {
    yield make("p", { className: "hint" }, String(description));
  }
  for (const message of list(messages)) {
    yield messageOf(message, read);
  }
}

/** A message of a conversation with a model: whose it is, and what it says. */
export function messageOf({ role, content }, read) {
  const blocks = Array.isArray(content) ? content : [content];
  const who = make("p", { className: "role" }, String(role));
  return make("div", { className: "message" }, who, ...blocks.map((one) => contentOf(one, read)));
}

function whole(result) {
  const copies = button("Copy JSON", () => copy(JSON.stringify(result, null, 2), "result"), { className: "small" });
  const details = make("details", { className: "whole" }, make("summary", {}, "Whole result"));
  details.addEventListener(
    "toggle",
    () => details.append(make("pre", { tabIndex: 0 }, JSON.stringify(result, null, 2)), copies),
    { once: true },
  );
  return details;
}

function list(value) {
  return Array.isArray(value) ? value : [];
}
