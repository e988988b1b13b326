// The page: where each number of the server's state goes.

import { MEANINGS } from "./codes.js";
import { call, subscribe } from "./feed.js";
import * as format from "./format.js";
import { History } from "./history.js";
import { Plot } from "./plot.js";
import { KeyedTable } from "./table.js";

const STATES = { live: "live", polling: "polling", lost: "connection lost, trying again" };

const SAID_MS = 8000;

const element = (id) => document.getElementById(id);

function write(id, text) {
  const place = element(id);
  if (place.textContent !== text) {
    place.textContent = text;
  }
}

/** A column of texts, which a client may have made up: those that do not fit are shown whole when pointed at. */
function text(name, more = {}) {
  return { name, value: (item) => item[name] ?? null, hint: (item) => String(item[name] ?? ""), ...more };
}

/** A column of numbers, written by `shown`. */
function number(name, shown = format.count, more = {}) {
  return { name, number: true, value: (item) => item[name] ?? null, text: (item) => shown(item[name]), ...more };
}

/** A column of bytes; all digits of them are shown when pointed at. */
function bytes(name) {
  return number(name, format.bytes, {
    hint: (item) => ((item[name] ?? 0) < 1000 ? "" : `${format.count(item[name])} bytes`),
  });
}

const nameOf = (connection) => `connection ${connection.id} of ${connection.client ?? "an unnamed client"}`;

const connections = new KeyedTable(
  element("connection-table"),
  (item) => item.id,
  [
    text("client"),
    number("id", String),
    text("client_version"),
    text("protocol"),
    text("peer"),
    { name: "server", value: (item) => item.server || null, hint: (item) => item.server },
    text("state"),
    number("age", format.age),
    number("messages_received"),
    number("messages_sent"),
    bytes("bytes_received"),
    bytes("bytes_sent"),
    number("in_flight"),
    bytes("queued_bytes"),
    number("round_trip", format.latency),
    { name: "close", label: "Close", button: (item) => `Close ${nameOf(item)}`, press: close },
  ],
  { sorted: "id" },
);

/** A table of what was asked for, by its kind: how often, how many of these failed, how long they took. */
function timed(table, kind) {
  return new KeyedTable(
    element(table),
    (item) => item[kind],
    [
      text(kind),
      number("count"),
      number("failed"),
      number("p50", format.latency),
      number("p95", format.latency),
      number("p99", format.latency),
    ],
    { sorted: kind },
  );
}

const methods = timed("method-table", "method");
const tools = timed("tool-table", "tool");

const errors = new KeyedTable(element("error-table"), (item) => item.name, [
  text("name", { name: "code" }),
  { name: "meaning", value: (item) => (item.name === "other" ? "all others" : MEANINGS[item.name]) ?? null },
  number("count"),
]);
const limits = new KeyedTable(element("limit-table"), (item) => item.name, [text("name"), number("count")]);
const backend = new KeyedTable(element("backend-table"), (item) => item.name, [text("name"), number("count")]);

const servers = new KeyedTable(element("server-table"), (item) => item.name, [
  text("path"),
  { name: "state", value: (item) => item.unready ?? "ready", hint: (item) => item.unready ?? "" },
  text("summary"),
  number("connections"),
  number("messages_received"),
  number("messages_sent"),
  number("errors"),
]);

const children = new KeyedTable(element("child-table"), (item) => item.pid, [
  number("pid", String),
  text("program"),
  { name: "connection", value: (item) => (item.connection === null ? null : `no. ${item.connection}`) },
  number("age", format.age),
  bytes("memory"),
]);

const refusals = new KeyedTable(element("refusal-table"), (item) => item.key, [
  number("ago", format.age),
  text("peer"),
  number("status", (status) => (status === null ? format.NONE : String(status))),
  text("text"),
  text("value"),
  text("advice"),
]);

const history = new History();
const plots = [
  new Plot(element("plot-requests"), { requests: "now" }, format.rate, 1),
  new Plot(element("plot-latency"), { p50: "p50", p95: "p95", p99: "p99" }, format.latency, 0.001),
  new Plot(element("plot-bytes"), { received: "in", sent: "out" }, format.byteRate, 1000),
  new Plot(element("plot-errors"), { errors: "now" }, format.rate, 1),
];

function counted(numbers) {
  return Object.entries(numbers).map(([name, count]) => ({ name, count }));
}

/** Refusals have no number: each is known by all that is told of it, and by which one of these it is. */
function keyed(given) {
  const times = new Map();
  // From the oldest on, so that a new one takes no other's key.
  return [...given].reverse().map((one) => {
    const told = JSON.stringify([one.peer, one.status, one.text, one.value]);
    times.set(told, (times.get(told) ?? 0) + 1);
    return { ...one, key: `${told}${times.get(told)}` };
  }).reverse();
}

function show(status) {
  const { server, process, totals } = status;
  write("name", server.name);
  document.title = `${server.name} – status`;
  write("summary", server.summary);
  write("ready", server.unready === null ? "ready" : `not ready: ${server.unready}`);
  element("ready").classList.toggle("bad", server.unready !== null);
  write("since", format.date(server.since));
  write("uptime", format.age(server.uptime));
  write("pid", String(process.pid));
  write("version", server.mcpws);

  write("as-of", format.now());

  history.add(status);
  write("open", format.count(totals.connections));
  write("made", format.count(totals.connections_total));
  write("in-flight", format.count(totals.in_flight));
  write("queued", format.bytes(totals.queued_bytes));
  write("refused", format.count(totals.connections_refused));
  write("memory", format.bytes(process.memory));
  write("cpu", format.percent(history.latest?.cpu));
  write("lag", format.latency(process.lag));
  for (const plot of plots) {
    plot.draw(history.points);
  }

  connections.update(status.connections);
  sayShown();
  methods.update(Object.entries(status.requests).map(([method, one]) => ({ method, ...one })));
  tools.update(Object.entries(status.tools).map(([tool, one]) => ({ tool, ...one })));
  errors.update(counted(status.errors));
  limits.update(counted(status.limits));
  backend.update(counted(status.backend));
  element("servers").hidden = status.servers.length === 0;
  document.body.classList.toggle("several", status.servers.length > 0);
  servers.update(status.servers);
  children.update(status.children);
  refusals.update(keyed(status.refusals));
}

function sayShown() {
  const { all, matching, shown } = connections.counts;
  const some = shown < matching ? `the first ${format.count(shown)} of ` : "";
  const of = matching < all ? ` of ${format.count(all)}` : "";
  write("shown", `${some}${format.count(matching)}${of}${connections.isHeld ? ", order held" : ""}`);
}

function become(state) {
  document.body.dataset.state = state;
  write("state", STATES[state]);
  element("stale").hidden = state !== "lost";
  if (state !== "live" && document.activeElement.closest(".live-only, [data-column=close]")) {
    // What is hidden cannot have the focus, which would begin at the top of the page again.
    element("connections").focus();
  }
  if (state !== "live" && element("drain-dialog").open) {
    element("drain-dialog").close();
  }
}

let said = 0;

/** Say what was done, for a while. */
function say(text) {
  clearTimeout(said);
  write("said", text);
  said = setTimeout(() => write("said", ""), SAID_MS);
}

async function ask(doing, tool, given) {
  try {
    await call(tool, given);
    say(doing);
  } catch (error) {
    say(`${doing} failed: ${error.message}`);
  }
}

function close(connection) {
  ask(`Closing ${nameOf(connection)}`, "close_connection", { id: connection.id });
}

element("filter").addEventListener("input", ({ target }) => {
  connections.filter(target.value);
  sayShown();
});
element("drain").addEventListener("click", () => element("drain-dialog").showModal());
element("drain-no").addEventListener("click", () => element("drain-dialog").close());
element("drain-yes").addEventListener("click", () => {
  element("drain-dialog").close();
  ask("Draining", "drain");
});

subscribe(show, become);
