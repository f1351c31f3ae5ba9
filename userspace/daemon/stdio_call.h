// A message to an MCP server over stdio, as the same Call that is read off a connection.
//
//   protocol  "stdio", method "MCP", no host
//   path      the server's command line: the file that runs, and its arguments
//   body      the message
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "audit/key.h"
#include "daemon/call.h"
#include "scan/scanner.h"
#include "util/result.h"

namespace writ::daemon {

// By which policies know a server: "/usr/bin/node /srv/tools/index.js --all". The file that runs
// stands for its first word, and a script that is named from its working directory with that; of a
// long one the beginning. Whoever starts a server can have it look like another one: what is
// decided by it is what the agent may say, not whom it may start (`program:` is).
std::string server_line(const std::string& proc, std::uint32_t pid);

// Scanned and digested; not named and not judged. `problem`: it is no message.
Result<std::unique_ptr<Call>> make_stdio_call(std::string_view text, std::string server,
                                              std::optional<protocol::Problem> problem,
                                              scan::Scanner& scanner, const audit::Key& key);

}  // namespace writ::daemon
