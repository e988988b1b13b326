// The feed: the state of the server as it changes, over a WebSocket that speaks MCP, or else asked for each second.

import { Rpc, RpcError, urlOf } from "./rpc.js";

const PATH = "/status";
const URI = "mcpws://status";
const PROTOCOL = "2025-11-25";
const CLIENT = { name: "mcpws status page", version: "1" };

const POLL_MS = 1000;
const PATIENCE_MS = 10_000; // for any answer
const SILENCE_MS = 5000; // after which is asked, though nothing is said to have changed
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

/** One conversation in MCP. `onChanged` is called when the resource has changed, `onClosed` once when it is over. */
class Session {
  #rpc;

  constructor(onChanged, onClosed) {
    this.#rpc = new Rpc(urlOf(PATH), {
      onNotification: (method) => method === "notifications/resources/updated" && onChanged(),
      onClosed,
    });
  }

  /** Fulfilled once the resource is subscribed to; rejected if that cannot be. */
  async begin() {
    await this.#rpc.opened();
    await this.request("initialize", { protocolVersion: PROTOCOL, capabilities: {}, clientInfo: CLIENT });
    this.#rpc.notify("notifications/initialized");
    await this.request("resources/subscribe", { uri: URI });
  }

  /** The result of a request; a server that does not answer is as good as gone. */
  async request(method, params) {
    try {
      return await this.#rpc.request(method, params, { patience: PATIENCE_MS });
    } catch (error) {
      if (!(error instanceof RpcError)) {
        this.close();
      }
      throw error;
    }
  }

  /** End it, if it has not ended. */
  close() {
    this.#rpc.close();
  }
}

/** Where the numbers come from now. Of all that may be under way there is one at a time: `stop` ends it. */
class Feed {
  #onStatus;
  #onState;
  #session = null;
  #state = "connecting";
  #timer = 0;
  #wait = FIRST_WAIT_MS;
  #turn = 0; // what belongs to an earlier one has nothing to say any more
  #reads = false;
  #changed = false;

  constructor(onStatus, onState) {
    this.#onStatus = onStatus;
    this.#onState = onState;
  }

  start() {
    this.stop();
    this.#connect(this.#turn);
  }

  stop() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    const session = this.#session;
    this.#session = null;
    session?.close();
  }

  async call(tool, given) {
    if (this.#session === null || this.#state !== "live") {
      throw new Error("this needs a live connection");
    }
    const result = await this.#session.request("tools/call", { name: tool, arguments: given });
    const said = (result.content ?? []).map((one) => one.text ?? "").join(" ");
    if (result.isError) {
      throw new Error(said || "the server could not do that");
    }
    return said;
  }

  async #connect(turn) {
    this.#reads = this.#changed = false;
    let begun = false;
    const session = new Session(
      () => this.#read(turn),
      () => begun && turn === this.#turn && this.#lost(),
    );
    this.#session = session;
    try {
      await session.begin();
      begun = true;
    } catch {
      // Not there, or a proxy lets no WebSocket through: the page may be had all the same.
      session.close();
      if (turn === this.#turn) {
        this.#session = null;
        await this.#poll(turn);
      }
      return;
    }
    if (turn === this.#turn) {
      this.#read(turn);
    }
  }

  /** Read the resource; what has changed meanwhile is read once more, not as often as it did. */
  async #read(turn) {
    if (turn !== this.#turn) {
      return;
    }
    if (this.#reads) {
      this.#changed = true;
      return;
    }
    this.#reads = true;
    clearTimeout(this.#timer);
    try {
      do {
        this.#changed = false;
        const { contents } = await this.#session.request("resources/read", { uri: URI });
        if (turn !== this.#turn) {
          return;
        }
        this.#tell("live", JSON.parse(contents[0].text));
      } while (this.#changed);
    } catch {
      if (turn === this.#turn) {
        this.#lost();
      }
      return;
    }
    this.#reads = false;
    this.#timer = setTimeout(() => this.#read(turn), SILENCE_MS);
  }

  async #poll(turn) {
    let status;
    try {
      const answer = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!answer.ok) {
        throw new Error(answer.statusText);
      }
      status = await answer.json();
    } catch {
      if (turn === this.#turn) {
        this.#lost();
      }
      return;
    }
    if (turn === this.#turn) {
      this.#tell("polling", status);
      this.#timer = setTimeout(() => this.#poll(turn), POLL_MS);
    }
  }

  #tell(state, status) {
    this.#wait = FIRST_WAIT_MS;
    this.#become(state);
    this.#onStatus(status);
  }

  #lost() {
    this.stop();
    this.#become("lost");
    const turn = this.#turn;
    this.#timer = setTimeout(() => this.#connect(turn), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
  }

  #become(state) {
    if (state !== this.#state) {
      this.#state = state;
      this.#onState(state);
    }
  }
}

let feed = null;

/**
 * Whatever the state of the server is, from now on; while nobody sees the page it is not asked for.
 *
 * `onStatus` gets all of it each time; `onState` is told "live", "polling" or "lost", when that changes.
 */
export function subscribe(onStatus, onState) {
  feed = new Feed(onStatus, onState);
  document.addEventListener("visibilitychange", () => (document.hidden ? feed.stop() : feed.start()));
  if (!document.hidden) {
    feed.start();
  }
}

/** What a tool of the server says; rejected with what it says when it fails, and where there is no WebSocket. */
export async function call(tool, given = {}) {
  return feed.call(tool, given);
}
