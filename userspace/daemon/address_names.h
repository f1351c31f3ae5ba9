// What DNS answers called the addresses that a session was told of, the last that it used.
//
// Owner: the session; loop thread only. Bounded: the addresses that were told or asked for last,
// and the newest names of each.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <string>
#include <vector>

#include "protocol/dns.h"

namespace writ::daemon {

class AddressNames {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr std::size_t kMaxNamedAddresses = 512;
  static constexpr std::size_t kMaxNames = 4;
  // A client may take its time between the answer and the connection, or keep the answer a little
  // longer than it may.
  static constexpr std::chrono::seconds kMinTtl{60};
  static constexpr std::chrono::hours kMaxTtl{24};

  void note(const protocol::DnsAnswer& answer, TimePoint now);
  // The newest first. An answer that has expired does not count.
  std::vector<std::string> names_of(const protocol::IpAddress& address, TimePoint now);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Name {
    std::string text;
    TimePoint until;
  };
  struct Entry {
    protocol::IpAddress address;
    std::vector<Name> names;  // the newest last
  };

  std::list<Entry> entries_;  // the one that was used last first
  std::map<protocol::IpAddress, std::list<Entry>::iterator> by_address_;
};

}  // namespace writ::daemon
