// Any bytes as the body of an MCP request, and of an answer: read or refused, within the bounds.
// What was read says the same when it is written down and read once more.
#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/json_rpc.h"
#include "protocol/mcp.h"
#include "protocol/mcp_batch.h"
#include "protocol/mcp_result.h"
#include "util/json_text.h"

namespace {

void require(bool holds) {
  if (!holds) __builtin_trap();
}

// What is read of a batch is what its one reader would make of each text in it, and the whole is
// an array for everybody.
void check_batch(const std::string& body) {
  using namespace writ::protocol;
  const auto batch = read_mcp_batch(body);
  if (!batch) {
    require(!batch.error().code.empty() && batch.error().message.size() < 300);
    return;
  }
  const auto texts = split_mcp_batch(body);
  require(is_mcp_batch(body) && texts && texts->size() == batch->size());
  require(!batch->empty() && batch->size() <= kMaxMcpBatch);
  for (std::size_t i = 0; i < batch->size(); ++i) {
    const auto one = read_mcp(texts->at(i));
    require(one && one->id == batch->at(i).id && one->name == batch->at(i).name);
  }
  simdjson::dom::parser parser;
  simdjson::dom::array whole;
  require(parser.parse(body).get(whole) == simdjson::SUCCESS && whole.size() == batch->size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ;
  using namespace writ::protocol;
  const std::string body(reinterpret_cast<const char*>(data), size);
  (void)find_mcp_result(body, false, "1");
  (void)find_mcp_result(body, true, "1");
  check_batch(body);
  (void)read_mcp_headers({{"Content-Type", body}, {"Mcp-Name", body}, {"Accept", body}});

  const auto message = read_mcp(body);
  if (!message) {
    require(!message.error().code.empty() && message.error().message.size() < 300);
    return 0;
  }
  require(message->name.size() <= kMaxMcpName && message->method.size() <= kMaxMcpMethod);
  require(message->id.empty() == (message->kind == McpMessage::Kind::kNotification) ||
          message->kind == McpMessage::Kind::kResponse);
  if (message->kind != McpMessage::Kind::kRequest || message->method != "tools/call") return 0;
  const auto again =
      read_mcp("{\"jsonrpc\":\"2.0\",\"id\":" + message->id +
               ",\"method\":\"tools/call\",\"params\":{\"name\":" + json_string(message->name) +
               (message->arguments.empty() ? "" : ",\"arguments\":") + message->arguments + "}}");
  require(again && again->id == message->id && again->name == message->name &&
          again->arguments == message->arguments);
  return 0;
}
