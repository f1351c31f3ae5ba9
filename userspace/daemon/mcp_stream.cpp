#include "daemon/mcp_stream.h"

#include <utility>

namespace writ::daemon {
namespace {

// "/message?sessionId=5", of a reference to the stream's own origin: clients refuse another one.
// Relative to a folder it is not known in practice, and ties no call then.
std::string_view without_origin(std::string_view reference) {
  const std::size_t scheme = reference.find("://");
  if (scheme == std::string_view::npos) return reference;
  const std::size_t path = reference.find('/', scheme + 3);
  return path == std::string_view::npos ? std::string_view() : reference.substr(path);
}

}  // namespace

void McpStream::on_data(std::string_view piece) {
  too_long_ = too_long_ || data_.size() + piece.size() > kMaxEvent;
  if (!too_long_) data_.append(piece);
}

void McpStream::on_event(const protocol::SseEvent& event) {
  const std::string data = std::exchange(data_, {});
  if (std::exchange(too_long_, false)) return;
  if (event.type == "endpoint") {
    if (endpoint_.empty()) endpoint_ = without_origin(data);
  } else if (auto answer = protocol::read_mcp_result(data)) {
    answers_.push_back(*std::move(answer));
  }
}

bool McpStream::answers(const ToolCall& posted) const {
  const std::string target = posted.query.empty() ? posted.path : posted.path + "?" + posted.query;
  return endpoint_ == target && opened_.host == posted.host && opened_.tls == posted.tls &&
         opened_.destination.port == posted.destination.port;
}

std::optional<McpStream::Waiting> McpStream::wait(const std::string& id, Waiting waiting) {
  if (waiting_.size() >= kMaxWaiting || waiting_.contains(id)) return waiting;
  waiting_.emplace(id, std::move(waiting));
  return std::nullopt;
}

std::optional<McpStream::Waiting> McpStream::take(const std::string& id) {
  auto found = waiting_.extract(id);
  if (found.empty()) return std::nullopt;
  return std::move(found.mapped());
}

std::vector<McpStream::Waiting> McpStream::take_all() {
  std::vector<Waiting> all;
  for (auto& [id, waiting] : std::exchange(waiting_, {})) all.push_back(std::move(waiting));
  return all;
}

std::vector<protocol::McpResult> McpStream::take_answers() { return std::exchange(answers_, {}); }

}  // namespace writ::daemon
