// What a scan reports: plain data, one Finding per rule that matched.
#pragma once

#include <cstdint>
#include <string>

namespace writ::scan {

// Counting stops here: a Finding with this count means "at least so many".
inline constexpr std::uint32_t kMaxCount = 1000;

struct Finding {
  std::string rule;          // "pii.card"
  std::string category;      // "pii", "secret" or "injection"
  std::uint32_t count = 0;   // matches that do not overlap, at most kMaxCount
  std::uint64_t offset = 0;  // where the first one starts, in the bytes that were fed
  std::string sample;        // of the first one, masked: "4111********1111"; printable ASCII
};

}  // namespace writ::scan
