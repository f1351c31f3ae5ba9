#include "protocol/mcp_result.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/json_rpc.h"
#include "protocol/mcp_batch.h"
#include "protocol/sse.h"

namespace writ::protocol {
namespace {

constexpr std::size_t kMaxVersion = 32;

// nullopt: it is not there, or of another type.
template <class T>
std::optional<T> member(const simdjson::dom::object& from, std::string_view name) {
  T value;
  if (from.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

void visit_answers(std::string_view text, const OnMcpResult& visit) {
  if (!is_mcp_batch(text)) {
    if (auto result = read_mcp_result(text)) visit(*std::move(result), text);
    return;
  }
  const auto texts = split_mcp_batch(text);
  for (const std::string_view one : texts.value_or(std::vector<std::string_view>()))
    if (auto result = read_mcp_result(one)) visit(*std::move(result), one);
}

// Looks at the data of each event of a stream for answers.
struct AnswerSink : SseSink {
  explicit AnswerSink(const OnMcpResult& on) : visit(on) {}
  void on_data(std::string_view piece) override { data += piece; }
  void on_aside(std::string_view /*piece*/) override {}
  void on_event(const SseEvent& /*event*/) override {
    visit_answers(data, visit);
    data.clear();
  }
  const OnMcpResult& visit;
  std::string data;
};

}  // namespace

std::optional<McpResult> read_mcp_result(std::string_view text) {
  JsonRpcReader reader;
  const auto message = reader.read(text);
  if (!message || !message->response()) return std::nullopt;
  McpResult out;
  out.id = message->id;
  if (message->error) {
    out.error = true;
    out.error_text =
        fmt::format("{}: {}", member<std::int64_t>(*message->error, "code").value_or(0),
                    member<std::string_view>(*message->error, "message").value_or(""));
    return out;
  }
  out.result = simdjson::minify(*message->result);
  simdjson::dom::object result;
  if (message->result->get(result) != simdjson::SUCCESS) return out;
  out.error = member<bool>(result, "isError").value_or(false);
  if (const auto structured = member<simdjson::dom::element>(result, "structuredContent"))
    out.structured = simdjson::minify(*structured);
  return out;
}

void each_mcp_result(std::string_view body, bool events, const OnMcpResult& visit) {
  if (!events) return visit_answers(body, visit);
  AnswerSink sink(visit);
  SseParser().feed(body, sink);
}

std::optional<McpResult> find_mcp_result(std::string_view body, bool events, std::string_view id) {
  std::optional<McpResult> found;
  each_mcp_result(body, events, [&](McpResult&& result, std::string_view /*text*/) {
    if (!found && result.id == id) found = std::move(result);
  });
  return found;
}

std::string mcp_version_of(std::string_view result) {
  simdjson::dom::parser parser;
  std::string_view version;
  if (parser.parse(result.data(), result.size())["protocolVersion"].get(version) !=
          simdjson::SUCCESS ||
      version.size() > kMaxVersion ||
      !std::all_of(version.begin(), version.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    return {};
  return std::string(version);
}

std::vector<McpTool> listed_tools(std::string_view result) {
  std::vector<McpTool> all;
  simdjson::dom::parser parser;
  simdjson::dom::array tools;
  if (parser.parse(result.data(), result.size())["tools"].get(tools) != simdjson::SUCCESS)
    return all;
  for (const simdjson::dom::element one : tools) {
    simdjson::dom::object tool;
    if (one.get(tool) != simdjson::SUCCESS) continue;
    const auto name = member<std::string_view>(tool, "name");
    if (!name || name->empty()) continue;
    McpTool& listed = all.emplace_back();
    listed.name = *name;
    for (const char* part : {"description", "inputSchema", "outputSchema"}) {
      const auto value = member<simdjson::dom::element>(tool, part);
      listed.definition += (value ? simdjson::minify(*value) : std::string()) + "\n";
    }
  }
  return all;
}

}  // namespace writ::protocol
