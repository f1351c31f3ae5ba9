// What MCP servers say of their tools: a tool is taken for what it was when it was first listed,
// and one whose description or schema is another one later has changed. In memory: it starts afresh
// with writd.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace writ::daemon {

class McpTools {
 public:
  static constexpr std::size_t kMaxServers = 256;
  static constexpr std::size_t kMaxTools = 1024;  // of a server

  // `server`: with its tenant. `definition`: a digest of it. False: it has changed, now or before;
  // or there is no room for it, and then nobody can say that it has not.
  bool note(const std::string& server, const std::string& tool, const std::string& definition);
  [[nodiscard]] bool changed(std::string_view server, std::string_view tool) const;

 private:
  struct Known {
    std::string definition;
    bool changed = false;
  };
  std::map<std::string, std::map<std::string, Known, std::less<>>, std::less<>> servers_;
};

}  // namespace writ::daemon
