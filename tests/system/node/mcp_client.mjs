// An MCP client with the official SDK, over Streamable HTTP, over HTTP+SSE to an URL that ends so, or over stdio to a server that it starts:
// does what its standard input says, a JSON order a line, and answers each with a line.
//   node mcp_client.mjs URL
//   node mcp_client.mjs COMMAND ARGUMENT...
//   {"call": NAME, "arguments": {...}} → {"result": ...} or {"error": {"name", "code", "message", "data"}}
//   {"list": true} → {"tools": [NAME...]}      {"ping": true} → {}      {"pid": true} → {"pid": of the server over stdio}
//   {"long": BYTES} → {"bytes": how long what came back of as many was, "good": it is what was sent}
//   {"echo": N, "at_once": M} → {"good": how many came back as sent, "ordered": no answer overtook another, "us": [each call took]}
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const client = new Client({ name: "writ-tests", version: "1.0.0" });
const [target, ...args] = process.argv.slice(2);

function reach() {
  if (!URL.canParse(target)) return new StdioClientTransport({ command: target, args, stderr: "inherit" });
  const url = new URL(target);
  return url.pathname.endsWith("/sse") ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url);
}

const transport = reach();
await client.connect(transport);

async function echo(count, atOnce) {
  const us = [], answered = [];
  let good = 0, next = 0;
  const worker = async () => {
    while (next < count) {
      const message = `number ${next++}`;
      const began = process.hrtime.bigint();
      const result = await client.callTool({ name: "echo", arguments: { message } });
      us.push(Number((process.hrtime.bigint() - began) / 1000n));
      good += result.content[0].text === `Echo: ${message}`;
      answered.push(message);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  const ordered = answered.every((message, i) => message === `number ${i}`);
  return { good, ordered, us };
}

async function long(bytes) {
  const message = "x".repeat(bytes);
  const { content } = await client.callTool({ name: "echo", arguments: { message } });
  return { bytes: content[0].text.length - "Echo: ".length, good: content[0].text === `Echo: ${message}` };
}

async function act(order) {
  if (order.list) return { tools: (await client.listTools()).tools.map((tool) => tool.name) };
  if (order.ping) return client.ping();
  if (order.long) return long(order.long);
  if (order.pid) return { pid: transport.pid };
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
