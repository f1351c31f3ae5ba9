// An MCP client with the official SDK, over Streamable HTTP, or over HTTP+SSE to an URL that ends so: does what its standard input says, a JSON order a line, and answers
// each with a line.
//   node mcp_client.mjs URL
//   {"call": NAME, "arguments": {...}} → {"result": ...} or {"error": {"name", "code", "message", "data"}}
//   {"list": true} → {"tools": [NAME...]}      {"ping": true} → {}
//   {"echo": N, "at_once": M} → {"good": how many came back as sent, "ordered": no answer overtook another, "ms": ...}
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const client = new Client({ name: "writ-tests", version: "1.0.0" });
const url = new URL(process.argv[2]);
const transport = url.pathname.endsWith("/sse") ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url);
await client.connect(transport);

async function echo(count, atOnce) {
  const began = Date.now(), answered = [];
  let good = 0, next = 0;
  const worker = async () => {
    while (next < count) {
      const message = `number ${next++}`;
      const result = await client.callTool({ name: "echo", arguments: { message } });
      good += result.content[0].text === `Echo: ${message}`;
      answered.push(message);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const ordered = answered.every((message, i) => message === `number ${i}`);
  return { good, ordered, ms: Date.now() - began };
}

async function act(order) {
  if (order.list) return { tools: (await client.listTools()).tools.map((tool) => tool.name) };
  if (order.ping) return client.ping();
  if (order.echo) return echo(order.echo, order.at_once ?? 1);
  return { result: await client.callTool({ name: order.call, arguments: order.arguments ?? {} }) };
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await act(JSON.parse(line))));
  } catch ({ name, code, message, data }) {
    console.log(JSON.stringify({ error: { name, code, message, data } }));
  }
}
await transport.terminateSession?.();
await client.close();
