// What a model answered, whichever API carried it: plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace writ::llm {

// Each as far as the answer says it. The APIs count differently; here the parts are always within
// the whole.
struct Usage {
  std::optional<std::uint64_t> input;   // all of it, cached or not
  std::uint64_t cached = 0;             // of input, read from a cache
  std::uint64_t cache_written = 0;      // of input, written to a cache
  std::uint64_t cache_written_1h = 0;   // of cache_written, to be kept for an hour
  std::optional<std::uint64_t> output;  // all of it
  std::uint64_t reasoning = 0;          // of output
};

// A count beyond is not believed.
inline constexpr std::uint64_t kMaxTokens = 1'000'000'000;

// A tool that the agent was asked to use. Those that the vendor's servers run are none.
struct ToolUse {
  std::string id;  // as the model's server calls it; empty where it gives none
  std::string name;
  std::string arguments;  // JSON text as the model wrote it, checked for nothing
  bool cut = false;       // the arguments were longer than is kept
  bool complete = false;  // all of it has come
};

struct Answer {
  std::string model;        // that answered, which may be a dated version of the one asked for
  std::string stop_reason;  // in the API's own word: "tool_use", "stop"
  std::string error;        // what kind of error it is, in the API's own word
  Usage usage;
  std::vector<ToolUse> tool_uses;
  bool complete = false;  // its end has come
  std::string unread;     // why not all of it was read, as half a sentence; empty: it was
};

}  // namespace writ::llm
