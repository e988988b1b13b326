// JSON-RPC 2.0 over a WebSocket of this server: requests both ways, notifications, cancellation, progress.

const PATIENCE_MS = 10_000; // for any answer, unless the request says otherwise
const MOST_ASKED = 64; // questions of the server that are open at a time

export const METHOD_NOT_FOUND = -32601;
const INTERNAL_ERROR = -32603;
const TOO_MANY = 429;

/** An error that the other end answered with, or is to be answered with. */
export class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.data = data;
  }
}

/** The URL of a WebSocket at a path of the server that the page is from. */
export function urlOf(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}

/**
 * One connection. It never connects again.
 *
 * `onRequest(method, params, signal)` answers the server: it returns the result, or a promise of it, or throws; the
 * signal is aborted when nobody waits for it any more. `onNotification(method, params)` hears the others.
 * `onClosed(why)` is called once, when it is over. `tap(direction, text)` gets all that is "sent" and "received", before
 * anything else looks at it.
 */
export class Rpc {
  #socket;
  #open = new Map(); // requests without an answer, by id
  #asked = new Map(); // requests of the server without an answer, by id
  #last = 0;
  #on;

  constructor(url, { onRequest = refuse, onNotification = () => {}, onClosed = () => {}, tap = () => {} }) {
    this.#on = { request: onRequest, notification: onNotification, closed: onClosed, tap };
    this.#socket = new WebSocket(url, "mcp");
    this.#socket.onmessage = ({ data }) => this.#received(data);
    this.#socket.onclose = ({ code, reason }) => this.#closed(reason ? `${code}: ${reason}` : String(code));
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Fulfilled once it is open; rejected if it cannot be, or not in time. */
  opened(patience = PATIENCE_MS) {
    return new Promise((resolve, reject) => {
      this.#wait(0, { resolve, reject, patience, late: () => this.close() });
      this.#socket.onopen = () => this.#settle(0)?.resolve();
    });
  }

  /**
   * The result of a request. It is rejected with an RpcError if the server answers with one, and with another error if
   * the connection is over first, the answer takes longer than `patience` (milliseconds; 0 is for ever), or `signal` is
   * aborted; of the latter two the server is told. `onProgress` gets the parameters of the server's reports.
   */
  request(method, params = {}, { patience = PATIENCE_MS, signal, onProgress } = {}) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (!this.isOpen) {
        throw new Error("the connection is closed");
      }
      const id = ++this.#last;
      const giveUp = (reason) => {
        this.#settle(id)?.reject(reason);
        // `initialize` is the one request that cannot be taken back.
        if (method !== "initialize") {
          this.notify("notifications/cancelled", { requestId: id, reason: reason.message });
        }
      };
      const late = () => giveUp(new Error(`no answer to ${method} for ${patience / 1000} s`));
      const aborted = () => giveUp(signal.reason);
      signal?.addEventListener("abort", aborted, { once: true });
      const settled = () => signal?.removeEventListener("abort", aborted);
      this.#wait(id, { resolve, reject, patience, late, settled, onProgress });
      const token = onProgress && { _meta: { ...params._meta, progressToken: id } };
      this.#send({ id, method, params: { ...params, ...token } });
    });
  }

  notify(method, params) {
    if (this.isOpen) {
      this.#send({ method, params });
    }
  }

  /** End it, if it has not ended. */
  close(why = "closed by this page") {
    this.#socket.close();
    this.#closed(why);
  }

  #wait(id, waiting) {
    waiting.timer = waiting.patience ? setTimeout(waiting.late, waiting.patience) : 0;
    this.#open.set(id, waiting);
  }

  /** Who waits for the answer to this, and does so no longer. */
  #settle(id) {
    const waiting = this.#open.get(id);
    if (waiting !== undefined) {
      this.#open.delete(id);
      clearTimeout(waiting.timer);
      waiting.settled?.();
    }
    return waiting;
  }

  #closed(why) {
    this.#socket.onmessage = this.#socket.onopen = this.#socket.onclose = null;
    for (const id of [...this.#open.keys()]) {
      this.#settle(id).reject(new Error(`the connection was lost (${why})`));
    }
    for (const stop of this.#asked.values()) {
      stop.abort(new Error("the connection was lost"));
    }
    this.#asked.clear();
    const { closed } = this.#on;
    this.#on.closed = () => {};
    closed(why);
  }

  #send(message) {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    this.#on.tap("sent", text);
    this.#socket.send(text);
  }

  #received(data) {
    this.#on.tap("received", data);
    let read;
    try {
      read = JSON.parse(data);
    } catch {
      this.close("the server sent what is no JSON");
      return;
    }
    // Batches are of MCP 2025-03-26, which a server may have settled on.
    for (const message of Array.isArray(read) ? read : [read]) {
      this.#take(message);
    }
  }

  #take({ id, method, params, result, error }) {
    if (method === undefined) {
      const waiting = this.#settle(id);
      if (error !== undefined && error !== null) {
        waiting?.reject(new RpcError(error.code, error.message, error.data));
      } else {
        waiting?.resolve(result);
      }
    } else if (id !== undefined) {
      this.#answer(id, method, params ?? {});
    } else if (method === "notifications/progress") {
      this.#open.get(params?.progressToken)?.onProgress?.(params);
    } else if (method === "notifications/cancelled") {
      const stop = this.#asked.get(params?.requestId);
      this.#asked.delete(params?.requestId);
      stop?.abort(new Error(params.reason ?? "the server takes its question back"));
    } else {
      this.#on.notification(method, params ?? {});
    }
  }

  async #answer(id, method, params) {
    if (this.#asked.size >= MOST_ASKED) {
      this.#send({ id, error: { code: TOO_MANY, message: "too many questions are open" } });
      return;
    }
    const stop = new AbortController();
    this.#asked.set(id, stop);
    let answer;
    try {
      answer = { result: method === "ping" ? {} : await this.#on.request(method, params, stop.signal) };
    } catch (error) {
      const { code = INTERNAL_ERROR, message, data } = error;
      answer = { error: { code, message, data } };
    }
    // A question that was taken back, or lost, has no answer.
    if (this.#asked.get(id) === stop) {
      this.#asked.delete(id);
      this.#send({ id, ...answer });
    }
  }
}

function refuse(method) {
  throw new RpcError(METHOD_NOT_FOUND, "Method not found", { method });
}
