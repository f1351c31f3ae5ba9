#include "daemon/address_names.h"

#include <algorithm>

namespace writ::daemon {

void AddressNames::note(const protocol::DnsAnswer& answer, TimePoint now) {
  for (const protocol::DnsAddress& told : answer.addresses) {
    const auto [known, added] = by_address_.try_emplace(told.address);
    if (added) {
      entries_.push_front({.address = told.address, .names = {}});
      known->second = entries_.begin();
    } else {
      entries_.splice(entries_.begin(), entries_, known->second);
    }
    auto& names = entries_.front().names;
    std::erase_if(names,
                  [&](const Name& name) { return name.text == answer.name || name.until <= now; });
    if (names.size() == kMaxNames) names.erase(names.begin());
    const std::chrono::seconds ttl = std::clamp<std::chrono::seconds>(told.ttl, kMinTtl, kMaxTtl);
    names.push_back({.text = answer.name, .until = now + ttl});
  }
  while (entries_.size() > kMaxNamedAddresses) {
    by_address_.erase(entries_.back().address);
    entries_.pop_back();
  }
}

std::vector<std::string> AddressNames::names_of(const protocol::IpAddress& address, TimePoint now) {
  const auto known = by_address_.find(address);
  if (known == by_address_.end()) return {};
  entries_.splice(entries_.begin(), entries_, known->second);
  std::vector<std::string> names;
  for (auto name = known->second->names.rbegin(); name != known->second->names.rend(); ++name) {
    if (name->until > now) names.push_back(name->text);
  }
  return names;
}

}  // namespace writ::daemon
