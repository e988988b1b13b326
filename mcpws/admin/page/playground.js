// The page: a client of MCP by hand. What is connected, what is chosen, and where the rest of the page gets it from.

import { Questions } from "./asking.js";
import { Catalog, KINDS } from "./catalog.js";
import { commandOf } from "./command.js";
import { make, say } from "./dom.js";
import { Form } from "./form.js";
import { promptItem, resourceItem, templateItem, toolItem } from "./item.js";
import { LEVELS, Log } from "./log.js";
import { Messages } from "./messages.js";
import { urlOf } from "./rpc.js";
import { Session } from "./session.js";
import { tree } from "./tree.js";

const STATES = {
  idle: "not connected",
  connecting: "connecting",
  live: "connected",
  lost: "connection lost, trying again",
};
const ITEMS = { tool: toolItem, resource: resourceItem, template: templateItem, prompt: promptItem };
const CHANGED = {
  "notifications/tools/list_changed": ["tool"],
  "notifications/resources/list_changed": ["resource", "template"],
  "notifications/prompts/list_changed": ["prompt"],
};
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const ROOTS = {
  type: "object",
  properties: {
    roots: {
      type: "array",
      title: "Roots",
      description: "Directories that a server which asks for roots is told of.",
      items: {
        type: "object",
        title: "root",
        properties: {
          uri: { type: "string", title: "URI", pattern: "^file://.", examples: ["file:///home/me/project"] },
          name: { type: "string", title: "Name" },
        },
        required: ["uri"],
      },
    },
  },
};

const element = (id) => document.getElementById(id);

const messages = new Messages({
  list: element("messages"),
  counted: element("message-count"),
  filter: element("message-filter"),
  direction: element("message-direction"),
  clear: element("message-clear"),
});
const log = new Log(element("log"), element("log-count"));
let roots = [];
const questions = new Questions(element("questions"), () => roots);
const catalog = new Catalog(element("lists"), element("catalog-filter"), (kind, item) => {
  if (show(kind, item)) {
    shown.heading.focus({ preventScroll: true });
    element("item").scrollIntoView({ block: "nearest" });
  }
});

let session = null;
let address = null; // path and era of what is connected, or is to be again
let timer = 0;
let wait = FIRST_WAIT_MS;
const views = new Map(); // by kind and id: what it was made of, and the item
let shown = null;

/** What items need of the session that there is. */
const client = {
  get canWatch() {
    return session?.capabilities.resources?.subscribe === true;
  },
  get canComplete() {
    return Boolean(session?.capabilities.completions);
  },
  async request(method, params, options) {
    if (session === null) {
      throw new Error("there is no connection");
    }
    return session.request(method, params, options);
  },
  watch: (uri, wanted) => session.watch(uri, wanted),
  complete: (...given) => session.complete(...given),
  commandOf: (method, params) =>
    commandOf(urlOf(address.path), method, params, address.era === "auto" ? null : address.era),
  read(uri) {
    if (show("resource", catalog.find("resource", uri) ?? { uri, name: uri })) {
      shown.heading.focus();
      shown.run.begin();
    }
  },
};

// The connection.

async function connect(given) {
  disconnect();
  if (given.path !== address?.path) {
    views.clear();
    element("item-place").replaceChildren();
    shown = null;
  }
  address = given;
  become("connecting");
  const mine = new Session(urlOf(given.path), {
    ask: (...asked) => questions.ask(...asked),
    heard,
    unsubscribed: (why) => {
      say(`The server tells of no changes any more: ${why}`);
      views.forEach(({ item }) => item.unwatched?.());
    },
    tap: (direction, text) => messages.add(direction, text),
    closed: (why) => mine === session && lost(why),
  });
  session = mine;
  try {
    await mine.begin(given.era, element("log-level").value || null);
  } catch (error) {
    if (mine === session) {
      refused(error);
    }
    return;
  }
  wait = FIRST_WAIT_MS;
  become("live");
  tell();
  await Promise.all(Object.keys(KINDS).map(list));
  if (shown === null && mine === session) {
    choose();
  }
}

function disconnect() {
  clearTimeout(timer);
  const before = session;
  session = null;
  before?.close();
  become("idle");
}

/** The connection that there was is over: a server that is started again is connected to again. */
function lost(why) {
  if (document.body.dataset.state !== "live") {
    return; // `begin` tells what became of it
  }
  session = null;
  become("lost");
  problem(`The connection was lost (${why}).`);
  views.forEach(({ item }) => item.unwatched?.());
  again();
}

/** There is no connection. A browser is not told why a server lets it in no further. */
function refused(error) {
  const was = session;
  session = null;
  was.close();
  const isAgain = wait > FIRST_WAIT_MS;
  become(isAgain ? "lost" : "idle");
  problem(`${urlOf(address.path)} could not be connected to: ${error.message}. The log of the server says more.`);
  if (isAgain) {
    again();
  }
}

function again() {
  timer = setTimeout(() => connect(address), wait);
  wait = Math.min(wait * 2, LONGEST_WAIT_MS);
}

function become(state) {
  document.body.dataset.state = state;
  element("state").textContent = STATES[state];
  element("disconnect").disabled = state === "idle";
  if (state === "live" || state === "idle") {
    problem("");
  }
}

function problem(text) {
  element("problem").textContent = text;
}

/** Who the server is. */
function tell() {
  const { info, version, era, capabilities, instructions } = session;
  const name = String(info.title ?? info.name ?? "unnamed server");
  element("name").textContent = name;
  document.title = `${name} – playground`;
  element("server-name").textContent = String(info.name ?? "–");
  element("server-version").textContent = String(info.version ?? "–");
  element("protocol").textContent = version;
  element("era").textContent = era === "modern" ? "without initialize" : "with initialize";
  element("instructions").textContent = instructions ?? "";
  element("instructions").hidden = !instructions;
  element("capabilities").replaceChildren(tree(capabilities));
}

// What the server has.

async function list(kind) {
  const { feature, method, key } = KINDS[kind];
  const mine = session;
  if (!mine?.capabilities[feature]) {
    catalog.update(kind, null);
    return;
  }
  try {
    const items = await mine.list(method, key);
    if (mine === session) {
      catalog.update(kind, items);
      renew(kind);
    }
  } catch (error) {
    if (mine === session) {
      catalog.failed(kind, error.message);
    }
  }
}

/** Make views anew whose items have changed, and forget those of items that are gone. */
function renew(kind) {
  for (const [key, view] of [...views]) {
    if (view.kind !== kind) {
      continue;
    }
    const item = catalog.find(kind, view.id);
    const isSame = item !== undefined && JSON.stringify(item) === view.made;
    if (!isSame && !view.item.run.isRunning) {
      const isShown = view.item === shown;
      if (item !== undefined || !isShown) {
        views.delete(key);
      }
      if (isShown && item !== undefined) {
        show(kind, item);
      }
    }
  }
}

/** Show what the address of the page names, or else the first there is. */
function choose() {
  const [[kind, id] = []] = new URLSearchParams(location.hash.slice(1));
  if (Object.hasOwn(KINDS, kind ?? "")) {
    const item = catalog.find(kind, id);
    if (item) {
      show(kind, item);
      return;
    }
    say(`this server has no ${kind} ${id}`);
  }
  const first = catalog.first;
  if (first && shown === null) {
    show(...first);
  }
}

/** Show an item; false if that cannot be. */
function show(kind, item) {
  const id = String(item[KINDS[kind].id]);
  const key = `${kind} ${id}`;
  if (!views.has(key)) {
    try {
      views.set(key, { kind, id, made: JSON.stringify(item), item: ITEMS[kind](client, item) });
    } catch (error) {
      // A description may be of any shape, and a schema may go round in a circle.
      say(`the ${kind} ${id} cannot be shown: ${error.message}`);
      return false;
    }
  }
  shown = views.get(key).item;
  element("item-place").replaceChildren(shown.element);
  catalog.mark(kind, id);
  history.replaceState(null, "", `#${new URLSearchParams({ [kind]: id })}`);
  return true;
}

function heard(method, params) {
  if (Object.hasOwn(CHANGED, method)) {
    CHANGED[method].forEach(list);
  } else if (method === "notifications/message") {
    log.add(params);
  } else if (method === "notifications/resources/updated") {
    for (const { kind, id, item } of views.values()) {
      if (kind === "resource" && session.isWatched(id) && isWithin(String(params.uri), id)) {
        item.changed();
      }
    }
  }
}

/** What is told of a part of a resource is about the resource, too. */
function isWithin(uri, whole) {
  return uri === whole || uri.startsWith(`${whole.replace(/\/$/, "")}/`);
}

// What there is to press.

element("connect").addEventListener("submit", (event) => {
  event.preventDefault();
  const path = element("path").value.trim();
  wait = FIRST_WAIT_MS;
  connect({ path: path.startsWith("/") ? path : `/${path}`, era: element("wanted-era").value });
});
element("disconnect").addEventListener("click", disconnect);
window.addEventListener("hashchange", choose);

element("log-level").append(...LEVELS.map((value) => make("option", { value, selected: value === "info" }, value)));
element("log-level").addEventListener("change", async ({ target }) => {
  try {
    await session?.setLogLevel(target.value || null);
  } catch (error) {
    say(`the level could not be set: ${error.message}`);
  }
});

const rootsForm = new Form(ROOTS, { canBeJson: false });
element("roots-form").append(rootsForm.element);
element("roots-apply").addEventListener("click", () => {
  const given = rootsForm.read();
  if (given !== null) {
    roots = given.roots ?? [];
    session?.rootsChanged();
    say(`the server is told of ${roots.length} roots from now on`);
  }
});

async function begin() {
  let paths = ["/"];
  try {
    const answer = await fetch("/playground/paths.json", { cache: "no-store" });
    ({ paths } = await answer.json());
  } catch (error) {
    say(`the paths of this server could not be had: ${error.message}`);
  }
  element("paths").append(...paths.map((value) => make("option", { value })));
  element("path").value = paths[0];
  await connect({ path: paths[0], era: "auto" });
}

begin();
