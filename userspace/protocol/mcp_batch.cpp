#include "protocol/mcp_batch.h"

#include <fmt/format.h>

#include <set>
#include <string>

#include "protocol/json_rpc.h"
#include "protocol/mcp.h"
#include "util/json_text.h"

namespace writ::protocol {
namespace {

tl::unexpected<Problem> bad_batch(std::string message) {
  return tl::unexpected(Problem{"json_rpc_batch", std::move(message), 0});
}

// How long the object is that `text` begins with, by nesting and quotes alone; 0: it is none, or
// has no end. Whether it is JSON is for its reader.
std::size_t object_length(std::string_view text) {
  if (!text.starts_with('{')) return 0;
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return 0;
}

// What each of several messages may not be.
class BatchCheck {
 public:
  std::optional<std::string> problem_of(const McpMessage& message) {
    const bool response = message.kind == McpMessage::Kind::kResponse;
    if (responses_.value_or(response) != response) return "requests and responses in one batch";
    responses_ = response;
    if (message.method == "initialize") return "initialize in a batch";
    if (!message.id.empty() && !ids_.insert(message.id).second)
      return "two messages with one id in a batch";
    return std::nullopt;
  }

 private:
  std::optional<bool> responses_;
  std::set<std::string> ids_;
};

}  // namespace

bool is_mcp_batch(std::string_view body) { return behind_space(body).starts_with('['); }

std::optional<std::vector<std::string_view>> split_mcp_batch(std::string_view body) {
  std::vector<std::string_view> all;
  std::string_view rest = behind_space(body);
  if (!rest.starts_with('[')) return std::nullopt;
  do {
    rest = behind_space(rest.substr(1));  // behind the bracket, or a comma
    const std::size_t length = object_length(rest);
    if (length == 0 || all.size() == kMaxMcpBatch) return std::nullopt;
    all.push_back(rest.substr(0, length));
    rest = behind_space(rest.substr(length));
  } while (rest.starts_with(','));
  if (!rest.starts_with(']') || !behind_space(rest.substr(1)).empty()) return std::nullopt;
  return all;
}

tl::expected<std::vector<McpMessage>, Problem> read_mcp_batch(std::string_view body) {
  if (body.size() > JsonRpcReader::kMaxBytes) {
    return tl::unexpected(
        Problem{"json_rpc_too_large",
                fmt::format("messages of over {} bytes", JsonRpcReader::kMaxBytes), 0});
  }
  const auto texts = split_mcp_batch(body);
  if (!texts)
    return bad_batch(fmt::format("a batch that is no list of 1 to {} messages", kMaxMcpBatch));
  std::vector<McpMessage> all;
  BatchCheck check;
  for (const std::string_view text : *texts) {
    auto message = read_mcp(text);
    if (!message) {
      Problem& problem = message.error();
      return tl::unexpected(Problem{
          problem.code,
          fmt::format("message {} of {}: {}", all.size() + 1, texts->size(), problem.message), 0});
    }
    if (auto problem = check.problem_of(*message)) return bad_batch(*std::move(problem));
    all.push_back(*std::move(message));
  }
  return all;
}

}  // namespace writ::protocol
