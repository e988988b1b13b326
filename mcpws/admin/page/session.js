// A session of MCP, in either era: with `initialize`, or with requests that each stand for themselves.

import { METHOD_NOT_FOUND, Rpc, RpcError } from "./rpc.js";

export const MODERN = "2026-07-28";
export const LEGACY = "2025-11-25";
const SPOKEN = ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY];

const PREFIX = "io.modelcontextprotocol/";
const CLIENT = { name: "mcpws playground", version: "1" };
const CAPABILITIES = { elicitation: { form: {}, url: {} }, sampling: {}, roots: {} };

const PATIENCE_MS = 30_000; // for answers that nobody watches come
const PROBE_MS = 5000; // for a server to turn out to be a modern one
const MAX_PAGES = 1000;
const MAX_ROUNDS = 16;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
const MAY_ASK = ["tools/call", "prompts/get", "resources/read"];

const FOR_EVER = 0;

/**
 * `ask(method, params, signal)` answers the server, in both eras alike; `heard(method, params)` is told of
 * notifications, `unsubscribed(why)` when the server tells of no changes any more, `closed(why)` of the end, and
 * `tap(direction, text)` of every message.
 */
export class Session {
  /** "modern" or "legacy", once it has begun; and what the server says of itself. */
  era = null;
  version = null;
  info = {};
  capabilities = {};
  instructions = null;
  logLevel = null;

  #rpc;
  #ask;
  #unsubscribed;
  #listens = null; // what ends the subscription that there is
  #watched = new Set();

  constructor(url, { ask, heard, unsubscribed, closed, tap }) {
    this.#ask = ask;
    this.#unsubscribed = unsubscribed;
    this.#rpc = new Rpc(url, {
      onRequest: (method, params, signal) => this.#asked(method, params, signal),
      onNotification: heard,
      onClosed: closed,
      tap,
    });
  }

  /** Fulfilled once the server has told who it is; `era` is "modern", "legacy" or "auto". */
  async begin(era, logLevel) {
    await this.#rpc.opened();
    this.logLevel = logLevel;
    if (era === "legacy" || (era === "auto" && !(await this.#isModern()))) {
      await this.#initialize();
    } else if (era === "modern") {
      await this.#discover(PATIENCE_MS);
    }
    await this.#listen();
    if (this.era === "legacy" && this.capabilities.logging) {
      await this.setLogLevel(logLevel);
    }
  }

  /**
   * The result of a request, once the server needs nothing more to know; nobody waits for it in vain: `signal` ends it.
   * `onProgress` gets the parameters of each report.
   */
  async request(method, params = {}, { patience = FOR_EVER, signal, onProgress } = {}) {
    if (this.era === "legacy") {
      return this.#rpc.request(method, params, { patience, signal, onProgress });
    }
    let more = {};
    for (let round = 0; ; round += 1) {
      const asked = this.#withMeta({ ...params, ...more });
      const result = await this.#rpc.request(method, asked, { patience, signal, onProgress });
      const type = result?.resultType ?? "complete";
      if (type === "complete") {
        return result;
      }
      if (type !== "input_required" || !MAY_ASK.includes(method)) {
        throw new Error(`the server answers ${method} with a result of the type ${JSON.stringify(type)}`);
      }
      if (round === MAX_ROUNDS) {
        throw new Error(`the server wants to know something for the ${MAX_ROUNDS + 1}th time`);
      }
      more = await this.#nextTry(result, round, signal);
    }
  }

  /** All of a list, of as many pages as it has. */
  async list(method, key) {
    const found = [];
    const cursors = new Set();
    let params = {};
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const result = await this.request(method, params, { patience: PATIENCE_MS });
      found.push(...(result[key] ?? []));
      const cursor = result.nextCursor;
      if (cursor === undefined || cursor === null || cursors.has(cursor)) {
        return found;
      }
      cursors.add(cursor);
      params = { cursor };
    }
    throw new Error(`${method} has more than ${MAX_PAGES} pages`);
  }

  /** Values that the server proposes for an argument. */
  async complete(ref, name, value, others) {
    const params = { ref, argument: { name, value }, context: { arguments: others } };
    const { completion } = await this.request("completion/complete", params, { patience: PATIENCE_MS });
    return completion?.values ?? [];
  }

  /** Be told of changes of a resource, or no longer. */
  async watch(uri, wanted) {
    if (this.era === "legacy") {
      const method = wanted ? "resources/subscribe" : "resources/unsubscribe";
      await this.#rpc.request(method, { uri }, { patience: PATIENCE_MS });
    }
    this.#watched[wanted ? "add" : "delete"](uri);
    if (this.era === "modern") {
      await this.#listen();
    }
  }

  isWatched(uri) {
    return this.#watched.has(uri);
  }

  /** Be told of log messages from this level on. */
  async setLogLevel(level) {
    this.logLevel = level;
    if (level && this.era === "legacy" && this.capabilities.logging) {
      await this.#rpc.request("logging/setLevel", { level }, { patience: PATIENCE_MS });
    }
  }

  /** Tell a server that asks for roots that they are others now. */
  rootsChanged() {
    if (this.era === "legacy") {
      this.#rpc.notify("notifications/roots/list_changed");
    }
  }

  close() {
    this.#rpc.close();
  }

  async #isModern() {
    try {
      await this.#discover(PROBE_MS);
      return true;
    } catch (error) {
      if (error instanceof RpcError || error.isForeign) {
        return false;
      }
      if (this.#rpc.isOpen) {
        // It does not answer at all what it does not know.
        return false;
      }
      throw error;
    }
  }

  async #discover(patience) {
    const found = await this.#rpc.request("server/discover", this.#withMeta({}), { patience });
    if (!found?.supportedVersions?.includes(MODERN)) {
      const spoken = found?.supportedVersions?.join(", ") ?? "no version at all";
      throw Object.assign(new Error(`the server speaks ${spoken}, and not ${MODERN}`), { isForeign: true });
    }
    this.#begun("modern", MODERN, found, found._meta?.[`${PREFIX}serverInfo`]);
  }

  async #initialize() {
    const capabilities = { ...CAPABILITIES, roots: { listChanged: true } };
    const params = { protocolVersion: LEGACY, capabilities, clientInfo: CLIENT };
    const found = await this.#rpc.request("initialize", params, { patience: PATIENCE_MS });
    if (!SPOKEN.includes(found?.protocolVersion)) {
      throw new Error(`the server speaks MCP ${found?.protocolVersion}, which this page does not`);
    }
    this.#rpc.notify("notifications/initialized");
    this.#begun("legacy", found.protocolVersion, found, found.serverInfo);
  }

  #begun(era, version, found, info) {
    this.era = era;
    this.version = version;
    this.info = info ?? {};
    this.capabilities = found.capabilities ?? {};
    this.instructions = found.instructions ?? null;
  }

  #withMeta(params) {
    const level = this.logLevel && { [`${PREFIX}logLevel`]: this.logLevel };
    const about = {
      [`${PREFIX}protocolVersion`]: MODERN,
      [`${PREFIX}clientInfo`]: CLIENT,
      [`${PREFIX}clientCapabilities`]: CAPABILITIES,
    };
    return { ...params, _meta: { ...about, ...level, ...params._meta } };
  }

  /** What a request has besides when it is sent again, with what the server wanted to know. */
  async #nextTry({ inputRequests, requestState }, round, signal) {
    const more = {};
    if (requestState !== undefined && requestState !== null) {
      more.requestState = requestState;
    }
    const questions = Object.entries(inputRequests ?? {});
    if (questions.length) {
      // When one is not answered, nobody needs the answers to the others.
      const stop = new AbortController();
      const ends = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
      try {
        const answer = async ([key, { method, params }]) => [key, await this.#asked(method, params ?? {}, ends)];
        more.inputResponses = Object.fromEntries(await Promise.all(questions.map(answer)));
      } finally {
        stop.abort(new Error("another question was not answered"));
      }
    } else if (inputRequests === undefined && more.requestState === undefined) {
      throw new Error("the server asks for input, but does not say for what");
    } else {
      await new Promise((resolve) => {
        setTimeout(resolve, Math.min(FIRST_PAUSE_MS * 2 ** round, LONGEST_PAUSE_MS));
      });
      signal?.throwIfAborted();
    }
    return more;
  }

  async #asked(method, params, signal) {
    if (!["elicitation/create", "sampling/createMessage", "roots/list"].includes(method)) {
      throw new RpcError(METHOD_NOT_FOUND, "Method not found", { method });
    }
    return this.#ask(method, params, signal);
  }

  /** A modern server tells what it was asked to tell; what is asked for anew replaces what was. */
  async #listen() {
    const { tools, prompts, resources } = this.capabilities;
    const notifications = {
      ...(tools?.listChanged && { toolsListChanged: true }),
      ...(prompts?.listChanged && { promptsListChanged: true }),
      ...(resources?.listChanged && { resourcesListChanged: true }),
      ...(this.#watched.size && { resourceSubscriptions: [...this.#watched] }),
    };
    if (this.era !== "modern") {
      return;
    }
    const before = this.#listens;
    this.#listens = null;
    if (Object.keys(notifications).length) {
      const listens = new AbortController();
      this.#listens = listens;
      const options = { patience: FOR_EVER, signal: listens.signal };
      this.#rpc.request("subscriptions/listen", this.#withMeta({ notifications }), options).then(
        () => this.#unheard(listens, "the server has ended it"),
        (error) => this.#unheard(listens, error.message),
      );
    }
    before?.abort(new Error("replaced by another subscription"));
  }

  #unheard(listens, why) {
    if (this.#listens === listens && this.#rpc.isOpen) {
      this.#listens = null;
      this.#watched.clear();
      this.#unsubscribed(why);
    }
  }
}
