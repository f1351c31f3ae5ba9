// A stand-in for the servers of OpenAI and Anthropic, over TLS. Whatever it is asked, it asks for the tool uses of the header
// x-tools, [[NAME, ARGUMENTS]...] in JSON: at once, or as a stream of events, coded as the header x-coding says, each event flushed.
//   node llm_server.mjs CERT KEY → {"port": N} on standard output; it ends with its standard input
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { constants, createBrotliCompress, createGzip } from "node:zlib";

const pieces = (text) => text.match(/.{1,7}/gs) ?? [];

// Of each API: a stream's events, [type, document], and the whole answer.
const apis = {
  "/v1/chat/completions": (model, tools) => {
    const base = { id: "chatcmpl-1", created: 1, model: `${model}-2025-04-14` };
    const usage = { prompt_tokens: 120, completion_tokens: 34, total_tokens: 154, prompt_tokens_details: { cached_tokens: 100 },
                    completion_tokens_details: { reasoning_tokens: 8 } };
    const chunk = (delta, finish_reason = null) => [null, { ...base, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason }] }];
    const call = (index, more) => chunk({ tool_calls: [{ index, ...more }] });
    const calls = tools.map(([name, args], i) => ({ id: `call_${i}`, type: "function", function: { name, arguments: args } }));
    return {
      events: [chunk({ role: "assistant", content: null }),
               ...calls.flatMap(({ function: { name, arguments: args }, ...c }, i) => [
                 call(i, { ...c, function: { name, arguments: "" } }),
                 ...pieces(args).map((piece) => call(i, { function: { arguments: piece } }))]),
               chunk({}, "tool_calls"), [null, { ...base, object: "chat.completion.chunk", choices: [], usage }], [null, "[DONE]"]],
      whole: { ...base, object: "chat.completion", usage,
               choices: [{ index: 0, message: { role: "assistant", content: null, tool_calls: calls }, finish_reason: "tool_calls" }] },
    };
  },
  "/v1/responses": (model, tools) => {
    const items = tools.map(([name, args], i) => ({ id: `fc_${i}`, type: "function_call", status: "completed", arguments: args,
                                                    call_id: `call_${i}`, name }));
    const whole = { id: "resp_1", object: "response", created_at: 1, status: "completed", error: null, incomplete_details: null,
                    model: `${model}-2025-04-14`, output: items,
                    usage: { input_tokens: 120, input_tokens_details: { cached_tokens: 100 }, output_tokens: 34,
                             output_tokens_details: { reasoning_tokens: 8 }, total_tokens: 154 } };
    let sequence_number = 0;
    const event = (type, more) => [type, { type, sequence_number: sequence_number++, ...more }];
    return {
      events: [event("response.created", { response: { ...whole, status: "in_progress", output: [], usage: null } }),
               ...items.flatMap((item, output_index) => [
                 event("response.output_item.added", { output_index, item: { ...item, status: "in_progress", arguments: "" } }),
                 ...pieces(item.arguments).map((delta) =>
                   event("response.function_call_arguments.delta", { item_id: item.id, output_index, delta })),
                 event("response.function_call_arguments.done", { item_id: item.id, output_index, arguments: item.arguments }),
                 event("response.output_item.done", { output_index, item })]),
               event("response.completed", { response: whole })],
      whole,
    };
  },
  "/v1/messages": (model, tools) => {
    const start = { id: "msg_1", type: "message", role: "assistant", model: `${model}-20250929`, content: [], stop_reason: null,
                    stop_sequence: null, usage: { input_tokens: 15, cache_creation_input_tokens: 5, cache_read_input_tokens: 100,
                                                  output_tokens: 1 } };
    const uses = tools.map(([name, args], i) => ({ type: "tool_use", id: `toolu_${i}`, name, input: JSON.parse(args) }));
    const event = (type, more) => [type, { type, ...more }];
    return {
      events: [event("message_start", { message: start }), event("ping", {}),
               ...tools.flatMap(([, args], index) => [
                 event("content_block_start", { index, content_block: { ...uses[index], input: {} } }),
                 ...pieces(args).map((partial_json) =>
                   event("content_block_delta", { index, delta: { type: "input_json_delta", partial_json } })),
                 event("content_block_stop", { index })]),
               event("message_delta", { delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 34 } }),
               event("message_stop", {})],
      whole: { ...start, content: uses, stop_reason: "tool_use", usage: { ...start.usage, output_tokens: 34 } },
    };
  },
};

const encoders = { gzip: createGzip, br: createBrotliCompress };
const flushes = { gzip: constants.Z_SYNC_FLUSH, br: constants.BROTLI_OPERATION_FLUSH };

async function answer(request, response) {
  let body = "";
  for await (const piece of request) body += piece;
  const { model, stream } = JSON.parse(body);
  const { events, whole } = apis[request.url](model, JSON.parse(request.headers["x-tools"]));
  const coding = request.headers["x-coding"];
  const encoder = encoders[coding]?.();
  encoder?.pipe(response);
  const out = encoder ?? response;
  response.writeHead(200, { "content-type": stream ? "text/event-stream" : "application/json",
                            ...(encoder ? { "content-encoding": coding } : {}) });
  if (!stream) return out.end(JSON.stringify(whole));
  for (const [type, document] of events) {
    const data = typeof document === "string" ? document : JSON.stringify(document);
    out.write(`${type ? `event: ${type}\n` : ""}data: ${data}\n\n`);
    if (encoder) await new Promise((done) => encoder.flush(flushes[coding], done));
  }
  out.end();
}

const server = createServer({ cert: readFileSync(process.argv[2]), key: readFileSync(process.argv[3]) }, (request, response) => {
  answer(request, response).catch((error) => response.destroy(error));
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
process.stdin.resume().on("end", () => process.exit(0));
