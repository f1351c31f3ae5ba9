#include "daemon/mcp_tools.h"

namespace writ::daemon {

bool McpTools::note(const std::string& server, const std::string& tool,
                    const std::string& definition) {
  const auto known = servers_.find(server);
  if (known == servers_.end() && servers_.size() >= kMaxServers) return false;
  auto& tools = known == servers_.end() ? servers_[server] : known->second;
  const auto found = tools.find(tool);
  if (found == tools.end()) {
    if (tools.size() >= kMaxTools) return false;
    tools[tool].definition = definition;
    return true;
  }
  // One that was changed back has changed all the same.
  found->second.changed |= found->second.definition != definition;
  return !found->second.changed;
}

bool McpTools::changed(std::string_view server, std::string_view tool) const {
  const auto known = servers_.find(server);
  if (known == servers_.end()) return false;
  const auto found = known->second.find(tool);
  return found != known->second.end() && found->second.changed;
}

}  // namespace writ::daemon
