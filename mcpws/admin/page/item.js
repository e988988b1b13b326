// What is looked at: a tool, a resource, a template of resources or a prompt, with its form and its answer.

import { button, make, newId, say } from "./dom.js";
import { Form } from "./form.js";
import { Run } from "./run.js";
import { isObject } from "./schema.js";
import { expand, variablesOf } from "./template.js";
import { tree } from "./tree.js";

const HINTS = {
  readOnlyHint: ["reads only", "may change something"],
  destructiveHint: ["may destroy something", "only adds"],
  idempotentHint: ["twice is as once", null],
  openWorldHint: ["reaches others", "stays within itself"],
};

/** The view of one item: its element, and what a change of the resource means for it. */
class Item {
  constructor(kind, given, form, run, { name, about = [] }) {
    const { title, description } = given;
    this.run = run;
    this.form = form;
    this.heading = make("h2", { id: newId("item"), tabIndex: -1 }, String(title ?? name));
    const named = title === undefined || title === name ? null : make("code", { className: "called" }, String(name));
    this.element = make(
      "article",
      { className: "view", "aria-labelledby": this.heading.id },
      make("p", { className: "what" }, kind),
      this.heading,
      named,
      description ? make("p", { className: "description" }, String(description)) : null,
      ...about,
      form?.element,
      run.element,
    );
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        run.begin();
      }
    });
  }

  changed() {}
}

/** A tool. */
export function toolItem(client, tool) {
  const form = new Form(tool.inputSchema);
  const params = () => {
    const given = form.read();
    return given === null ? null : { name: tool.name, arguments: given };
  };
  const run = new Run({ client, what: tool.name, verb: "Call", method: "tools/call", params });
  return new Item("Tool", { title: tool.annotations?.title, ...defined(tool) }, form, run, {
    name: tool.name,
    about: [hintsOf(tool.annotations), schemasOf(tool)],
  });
}

/** A prompt. */
export function promptItem(client, prompt) {
  const given = Array.isArray(prompt.arguments) ? prompt.arguments : [];
  const form = formOf(client, given, { type: "ref/prompt", name: prompt.name });
  const params = () => {
    const values = form.read();
    return values === null ? null : { name: prompt.name, arguments: values };
  };
  const run = new Run({ client, what: prompt.name, verb: "Get", method: "prompts/get", params });
  return new Item("Prompt", prompt, form, run, { name: prompt.name });
}

/** A template of resources: its form makes the URI that is read. */
export function templateItem(client, template) {
  const variables = variablesOf(template.uriTemplate);
  const form = formOf(client, variables, { type: "ref/resource", uri: template.uriTemplate });
  const params = () => {
    const values = form.read();
    return values === null ? null : { uri: expand(template.uriTemplate, values) };
  };
  const run = new Run({ client, what: template.name, verb: "Read", method: "resources/read", params });
  const about = [addressOf(template.uriTemplate, template)];
  return new Item("Resource template", template, form, run, { name: template.name, about });
}

/** A resource, which may be watched. */
export function resourceItem(client, resource) {
  const { uri } = resource;
  const news = make("p", { className: "news", role: "status" });
  const watch = button("Watch", () => toggle(), { "aria-pressed": "false", hidden: !client.canWatch });
  const params = () => ({ uri });
  const run = new Run({ client, what: uri, verb: "Read", method: "resources/read", params, more: [watch] });
  const about = [addressOf(uri, resource), news];
  const item = new Item("Resource", resource, null, run, { name: resource.name ?? uri, about });
  let changes = 0;

  async function toggle() {
    const wanted = watch.getAttribute("aria-pressed") === "false";
    try {
      await client.watch(uri, wanted);
    } catch (error) {
      say(`${uri} cannot be watched: ${error.message}`);
      return;
    }
    show(wanted);
  }

  function show(wanted) {
    watch.setAttribute("aria-pressed", String(wanted));
    watch.textContent = wanted ? "Watching" : "Watch";
    changes = 0;
    news.textContent = wanted ? "Changes are told, and read at once." : "";
  }

  item.changed = () => {
    changes += 1;
    news.textContent = `Changed ${changes === 1 ? "once" : `${changes} times`} since it is watched.`;
    run.begin();
  };
  item.unwatched = () => show(false);
  return item;
}

/** A form for arguments that are texts, with what the server proposes for them. */
function formOf(client, given, ref) {
  const properties = Object.fromEntries(
    given.map(({ name, title, description }) => [name, { type: "string", title, description }]),
  );
  const required = given.filter((one) => one.required === true).map(({ name }) => name);
  const suggest = client.canComplete
    ? (name, text, others) => client.complete(ref, name, text, without(others, name))
    : null;
  return new Form({ type: "object", properties, required }, { suggest, canBeJson: false });
}

function without(values, name) {
  return Object.fromEntries(Object.entries(values).filter(([one]) => one !== name));
}

function defined(given) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null));
}

/** What a tool says of itself, which nobody has checked. */
function hintsOf(annotations) {
  if (!isObject(annotations)) {
    return null;
  }
  const words = Object.entries(HINTS)
    .filter(([name]) => typeof annotations[name] === "boolean")
    .map(([name, [yes, no]]) => (annotations[name] ? yes : no))
    .filter(Boolean);
  return words.length ? make("ul", { className: "chips" }, ...words.map((one) => make("li", {}, one))) : null;
}

function schemasOf({ inputSchema, outputSchema }) {
  const details = make("details", { className: "schemas" }, make("summary", {}, "Schemas"));
  const fill = () => {
    details.append(make("h4", {}, "Input"), tree(inputSchema ?? null));
    if (outputSchema) {
      details.append(make("h4", {}, "Output"), tree(outputSchema));
    }
  };
  details.addEventListener("toggle", fill, { once: true });
  return details;
}

function addressOf(uri, { mimeType, size }) {
  const words = [mimeType, typeof size === "number" ? `${size} bytes` : null].filter(Boolean).join(", ");
  return make("p", { className: "from" }, make("code", {}, uri), words ? ` ${words}` : null);
}
