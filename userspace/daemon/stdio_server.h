// What is known of one MCP server over stdio: what it was told and has not answered, and what waits
// in its name. Plain data of the stdio desk.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/call.h"
#include "kernel/stdio_hold.h"
#include "protocol/json_frames.h"

namespace writ::daemon {

// What one read brought, from its first event until it is settled.
struct StdioRead {
  struct Piece {  // where bytes of it lie in the server's memory
    std::uint64_t address = 0;
    std::uint64_t begin = 0;  // of the stream
    std::uint64_t end = 0;
  };
  struct Message {
    std::unique_ptr<Call> call;
    std::uint64_t begin = 0;  // of the stream; it may have begun in an earlier read
    std::uint64_t end = 0;
    std::string refused_id;  // whom its error is for
    bool stray = false;      // it is none; its bytes are among `strays`
    bool concluded = false;
    bool may = false;
  };
  struct Stray {  // no message; the server does not see it
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  kernel::ServerId reader;
  std::uint32_t writer = 0;
  std::uint64_t time_ns = 0;
  bool held = false;
  bool whole = false;  // its last event has come
  bool gone = false;   // the server has ended
  std::vector<Piece> pieces;
  std::vector<Message> messages;
  std::vector<Stray> strays;
};

struct StdioServer {
  explicit StdioServer(std::size_t message_max) : told(message_max), says(message_max) {}

  std::uint64_t cgroup = 0;  // of the session that has written to it last
  std::uint32_t pid = 0;
  std::string line;       // by which policies know it
  bool declared = false;  // a tool of the catalog is this server's
  bool mcp = false;       // it was told a message
  bool plain = false;     // it was told something else, and is nobody's server
  protocol::JsonFrames told;
  protocol::JsonFrames says;
  std::optional<StdioRead> read;
  std::uint64_t stray_end = 0;                        // of the last stray bytes
  std::string version;                                // of MCP, as its answer to initialize has it
  std::map<std::string, std::unique_ptr<Call>> open;  // without an answer, by id
  std::deque<std::string> unsaid;                     // lines in its name
};

}  // namespace writ::daemon
