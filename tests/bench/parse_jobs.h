// What writ_bench_parse reads: for each protocol a reader and bytes for it, made beforehand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

namespace writ::bench {

struct ParseJob {
  std::uint64_t bytes;         // of bodies, which one read goes through; of coded ones, decoded
  std::function<bool()> read;  // false: it was not read as what it is
};

// `size` bytes a body. A message over 2 MiB is none of JSON or MCP, which are read whole.
struct ParseKind {
  const char* name;
  ParseJob (*make)(std::size_t size);
};

inline constexpr std::size_t kParseKinds = 7;
extern const ParseKind kParseTable[kParseKinds];

}  // namespace writ::bench
