#include "policy/server_names.h"

#include <algorithm>

namespace writ::policy {

bool McpPattern::matches(const McpMessage& message) const {
  return method == message.method && glob_match(name, message.name);
}

bool McpPattern::clashes(const McpPattern& other) const {
  return looseness() == other.looseness() && method == other.method &&
         globs_overlap(name, other.name);
}

std::size_t McpPattern::looseness() const {
  return name.find('*') == std::string::npos ? 0 : SIZE_MAX - name.size();
}

const Tool* ServerNames::taken(const std::vector<std::string>& servers,
                               const std::vector<McpPattern>& messages) const {
  for (const std::string& server : servers) {
    const auto found = servers_.find(server);
    if (found == servers_.end()) continue;
    for (const Message& other : found->second) {
      if (std::any_of(messages.begin(), messages.end(),
                      [&](const McpPattern& pattern) { return pattern.clashes(other.pattern); }))
        return other.tool;
    }
  }
  return nullptr;
}

void ServerNames::add(const std::vector<std::string>& servers,
                      const std::vector<McpPattern>& messages, const Tool& tool) {
  for (const std::string& server : servers) {
    std::vector<Message>& known = servers_[server];
    for (const McpPattern& pattern : messages) {
      const auto behind = std::upper_bound(known.begin(), known.end(), pattern,
                                           [](const McpPattern& a, const Message& b) {
                                             return a.looseness() < b.pattern.looseness();
                                           });
      known.insert(behind, {.pattern = pattern, .tool = &tool});
    }
  }
}

const Tool* ServerNames::find(std::string_view server, const McpMessage& message) const {
  for (const auto& [glob, messages] : servers_) {
    if (!glob_match(glob, server)) continue;
    for (const Message& known : messages) {
      if (known.pattern.matches(message)) return known.tool;
    }
  }
  return nullptr;
}

bool ServerNames::knows(std::string_view server) const {
  return std::any_of(servers_.begin(), servers_.end(),
                     [&](const auto& known) { return glob_match(known.first, server); });
}

}  // namespace writ::policy
