// Takes what is denied out of what an MCP server has read, in the server's own memory.
#pragma once

#include "daemon/host.h"
#include "daemon/stdio_server.h"
#include "util/result.h"

namespace writ::daemon {

// Denied messages, and what is no message. REQUIRES: all of the read was judged, and the server
// waits. Error: some of it may be left, and the server must not go on.
Status take_out_denied(const StdioRead& read, Servers& servers);

}  // namespace writ::daemon
