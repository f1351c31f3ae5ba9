// An agent that asks models with the official SDKs of OpenAI and Anthropic and calls tools: does what its standard input says, a
// JSON order a line, and answers each with a line.
//   node llm_agent.mjs URL
//   {"api": "chat" | "responses" | "messages", "stream": bool, "coding": "gzip", "tools": [[NAME, ARGUMENTS]...]}
//       → {"uses": [[NAME, ARGUMENTS]...], "tokens": [IN, OUT]}, as the SDK has read them
//   {"method": "GET", "url": URL, "body": {...}} → {"status": N}
import { createInterface } from "node:readline";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const url = process.argv[2];
const openai = new OpenAI({ apiKey: "none", baseURL: `${url}/v1`, maxRetries: 0 });
const anthropic = new Anthropic({ apiKey: "none", baseURL: url, maxRetries: 0 });
const system = "Be brief.", content = "Who is 7?", parameters = { type: "object" };

const ask = {
  async chat(stream, names, options) {
    const asked = { model: "gpt-4.1", messages: [{ role: "system", content: system }, { role: "user", content }],
                    tools: names.map((name) => ({ type: "function", function: { name, parameters } })) };
    const { choices, usage } = stream
      ? await openai.chat.completions.stream({ ...asked, stream_options: { include_usage: true } }, options).finalChatCompletion()
      : await openai.chat.completions.create(asked, options);
    return { uses: choices[0].message.tool_calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]),
             tokens: [usage.prompt_tokens, usage.completion_tokens] };
  },
  async responses(stream, names, options) {
    const asked = { model: "gpt-4.1", instructions: system, input: content,
                    tools: names.map((name) => ({ type: "function", name, parameters, strict: false })) };
    const { output, usage } = stream ? await openai.responses.stream(asked, options).finalResponse()
                                     : await openai.responses.create(asked, options);
    return { uses: output.map((item) => [item.name, JSON.parse(item.arguments)]), tokens: [usage.input_tokens, usage.output_tokens] };
  },
  async messages(stream, names, options) {
    const asked = { model: "claude-sonnet-5", max_tokens: 100, system, messages: [{ role: "user", content }],
                    tools: names.map((name) => ({ name, input_schema: parameters })) };
    const message = stream ? await anthropic.messages.stream(asked, options).finalMessage() : await anthropic.messages.create(asked, options);
    return { uses: message.content.map((block) => [block.name, block.input]),
             tokens: [message.usage.input_tokens, message.usage.output_tokens] };
  },
};

async function act(order) {
  if (order.api) {
    const headers = { "x-coding": order.coding, "x-tools": JSON.stringify(order.tools) };
    return ask[order.api](order.stream, order.tools.map(([name]) => name), { headers });
  }
  const answer = await fetch(order.url, { method: order.method, body: order.body && JSON.stringify(order.body) });
  await answer.arrayBuffer();
  return { status: answer.status };
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await act(JSON.parse(line))));
  } catch (error) {
    console.log(JSON.stringify({ error: `${error.stack} ${error.cause ?? ""}` }));
  }
}
