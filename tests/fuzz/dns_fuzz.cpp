// DNS answers: never a crash, and what is read can stand in a record and in a policy's reason.
#include <algorithm>
#include <cstdlib>

#include "protocol/dns.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = writ::protocol::read_dns_answer({reinterpret_cast<const char*>(data), size});
  if (!answer) return 0;
  if (answer->name.empty() || answer->name.size() > 255) std::abort();
  if (!std::all_of(answer->name.begin(), answer->name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
      })) {
    std::abort();
  }
  if (answer->addresses.size() > writ::protocol::kMaxDnsAddresses) std::abort();
  for (const auto& one : answer->addresses) {
    if (one.ttl < std::chrono::seconds::zero()) std::abort();
  }
  return 0;
}
