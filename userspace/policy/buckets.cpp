#include "policy/buckets.h"

#include <algorithm>

namespace writ::policy {
namespace {

// "*.example.test" → ".example.test"; "" when the glob is none that a hash can find.
std::string host_key(const std::string& glob) {
  const std::string rest = glob.starts_with("*.") ? glob.substr(1) : glob;
  return rest.find('*') == std::string::npos ? rest : "";
}

}  // namespace

Buckets::NetworkKey Buckets::key_of(const AddressRange& range) {
  NetworkKey key{};
  key[0] = range.base.v6 ? '6' : '4';
  key[1] = static_cast<char>(range.prefix);
  const Address address = masked(range.base, range.prefix);
  std::copy(address.bytes.begin(), address.bytes.end(), key.begin() + 2);
  return key;
}

Buckets::Keys Buckets::keys_of(const Rule& rule) {
  Keys keys;
  keys[kUsers] = rule.users;
  keys[kAgents] = rule.agents;
  keys[kRoles] = rule.roles;
  for (const std::string& glob : rule.hosts) keys[kHosts].push_back(host_key(glob));
  if (std::any_of(keys[kHosts].begin(), keys[kHosts].end(), std::mem_fn(&std::string::empty)))
    keys[kHosts].clear();
  for (const DestinationCondition& one : rule.destinations) {
    if (!one.range) {
      keys[kNetworks].clear();
      break;
    }
    const NetworkKey key = key_of(*one.range);
    keys[kNetworks].emplace_back(key.data(), key.size());
  }
  return keys;
}

Buckets::Buckets(const std::vector<Rule>& rules, const Places& places) {
  std::vector<Keys> keys;
  std::array<std::unordered_map<std::string, std::size_t>, kKinds> counts;
  for (const std::uint32_t place : places) {
    const Keys& own = keys.emplace_back(keys_of(rules[place]));
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      for (const std::string& key : own.at(kind)) ++counts.at(kind)[key];
    }
  }
  // Of the kinds that a rule can be found by, the one where its fullest bucket is emptiest.
  for (std::size_t i = 0; i < places.size(); ++i) {
    std::size_t best = kKinds;
    std::size_t best_load = 0;
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      std::size_t load = 0;
      for (const std::string& key : keys[i].at(kind)) load = std::max(load, counts.at(kind)[key]);
      if (load == 0 || (best != kKinds && load >= best_load)) continue;
      best = kind;
      best_load = load;
    }
    if (best == kKinds) {
      any_.push_back(places[i]);
    } else {
      put(places[i], rules[places[i]], static_cast<Kind>(best), keys[i].at(best));
    }
  }
}

void Buckets::put(std::uint32_t place, const Rule& rule, Kind kind,
                  const std::vector<std::string>& keys) {
  // Twice the same name must not make the list grow twice.
  const auto add = [place](Places& list) {
    if (list.empty() || list.back() != place) list.push_back(place);
  };
  for (const std::string& key : keys) {
    switch (kind) {
      case kUsers:
        add(users_[key]);
        break;
      case kAgents:
        add(agents_[key]);
        break;
      case kRoles:
        add(roles_[key]);
        break;
      case kHosts:
        add((key.starts_with('.') ? suffixes_ : hosts_)[key]);
        break;
      case kNetworks:
        add(networks_[key]);
        break;
    }
  }
  if (kind == kHosts) all_hosts_.push_back(place);
  if (kind != kNetworks) return;
  all_networks_.push_back(place);
  for (const DestinationCondition& one : rule.destinations) {
    const Shape shape{.v6 = one.range->base.v6, .prefix = one.range->prefix};
    if (std::find(shapes_.begin(), shapes_.end(), shape) == shapes_.end()) shapes_.push_back(shape);
  }
}

}  // namespace writ::policy
