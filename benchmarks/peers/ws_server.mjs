// npm's ws on Node.js, with bufferutil, and the heartbeat that its documentation suggests.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import http from "node:http";
import https from "node:https";
import { parseArgs } from "node:util";

// NODE_PATH says where the packages are, which import does not look at.
const { WebSocketServer } = createRequire(import.meta.url)("ws");

const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    heartbeat: { type: "string" },
    "max-connections": { type: "string" },
    certificate: { type: "string" },
    key: { type: "string" },
    deflate: { type: "boolean", default: false },
  },
});

const tools = { echo: ({ text }) => text };

function answer({ id, method, params }) {
  if (method === "tools/call") {
    const text = tools[params.name](params.arguments);
    return { jsonrpc: "2.0", id, result: { content: [{ type: "text", text }], isError: false } };
  }
  if (id === undefined) {
    return undefined;
  }
  if (method === "initialize") {
    const serverInfo = { name: "echo", version: "1" };
    return { jsonrpc: "2.0", id, result: { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo } };
  }
  return { jsonrpc: "2.0", id, error: { code: -32601, message: `Method not found: ${method}` } };
}

const server = options.certificate
  ? https.createServer({ cert: readFileSync(options.certificate), key: readFileSync(options.key) })
  : http.createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: options.deflate, maxPayload: 16 * 1024 * 1024 });

sockets.on("connection", (socket) => {
  socket.isAlive = true;
  socket.on("pong", () => {
    socket.isAlive = true;
  });
  socket.on("error", console.error);
  socket.on("message", (data) => {
    const reply = answer(JSON.parse(data));
    if (reply !== undefined) {
      socket.send(JSON.stringify(reply));
    }
  });
});

setInterval(() => {
  for (const socket of sockets.clients) {
    if (!socket.isAlive) {
      socket.terminate();
      continue;
    }
    socket.isAlive = false;
    socket.ping();
  }
}, Number(options.heartbeat) * 1000);

server.listen(Number(options.port), "127.0.0.1");
