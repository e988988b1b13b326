// With the official TypeScript SDK 1.x and the `ws` package: node typescript_client.mjs URL NODE_FOLDER
// Drives the demo server at the URL; prints "typescript" when all is well.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [url, folder] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(folder), 'client.js'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
const { WebSocketClientTransport } = await load('@modelcontextprotocol/sdk/client/websocket.js');
const types = await load('@modelcontextprotocol/sdk/types.js');
globalThis.WebSocket = require('ws').WebSocket;

const client = new Client({ name: 'typescript', version: '1' }, { capabilities: { sampling: {} } });
client.setRequestHandler(types.CreateMessageRequestSchema, async () => (
  { role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } }));
await client.connect(new WebSocketClientTransport(new URL(url)));

const text = async (name, args, options) => {
  const answer = await client.callTool({ name, arguments: args }, undefined, options);
  assert(!answer.isError, JSON.stringify(answer));
  return answer.content[0].text;
};
assert((await client.listTools()).tools.some((tool) => tool.name === 'add'));
assert.equal(await text('add', { a: 2, b: 40 }), '42');
assert.equal(await text('echo', { text: '\u00e9\u4e2d\u{1f600}\u2028\u0000' }), '\u00e9\u4e2d\u{1f600}\u2028\u0000');
assert((await text('ask_model', { prompt: 'p' })).includes('sampled'));
const reports = [];
await text('countdown', { seconds: 0.1, steps: 4 }, { onprogress: (report) => reports.push(report.progress) });
assert.deepEqual(reports, [0, 1, 2, 3, 4]);
const abort = new AbortController();
const cancelled = text('countdown', { seconds: 60, steps: 60 }, { signal: abort.signal });
setTimeout(() => abort.abort('enough'), 200);
await assert.rejects(cancelled);
await client.ping();
const closed = new Promise((resolve) => { client.onclose = resolve; });
await client.close();
await closed;
console.log('typescript');
