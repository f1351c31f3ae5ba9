#include "policy/buckets.h"

#include <string>
#include <unordered_map>

namespace writ::policy {
namespace {

// "*.example.test" → ".example.test"; "" when the glob is none that a hash can find.
std::string host_key(const std::string& glob) {
  const std::string rest = glob.starts_with("*.") ? glob.substr(1) : glob;
  return rest.find('*') == std::string::npos ? rest : "";
}

}  // namespace

std::uint32_t Buckets::key_of(const AddressRange& range) {
  std::array<char, 18> name{};  // version, prefix, address without what is behind it
  name[0] = range.base.v6 ? '6' : '4';
  name[1] = static_cast<char>(range.prefix);
  const Address address = masked(range.base, range.prefix);
  std::copy(address.bytes.begin(), address.bytes.end(), name.begin() + 2);
  return key_of(kNetworks, std::string_view(name.data(), name.size()));
}

Buckets::Keys Buckets::keys_of(const Rule& rule) {
  Keys keys;
  const auto add = [&keys](Kind kind, std::string_view name) {
    keys.at(kind).push_back(key_of(kind, name));
  };
  for (const std::string& name : rule.users) add(kUsers, name);
  for (const std::string& name : rule.agents) add(kAgents, name);
  for (const std::string& name : rule.roles) add(kRoles, name);
  for (const identity::Tier tier : rule.tiers) add(kTiers, identity::to_text(tier));
  // One value that no key stands for, and the rule cannot be found by the others.
  for (const std::string& glob : rule.hosts) {
    const std::string name = host_key(glob);
    if (name.empty()) {
      keys[kHosts].clear();
      break;
    }
    add(kHosts, name);
  }
  for (const DestinationCondition& one : rule.destinations) {
    if (!one.range) {
      keys[kNetworks].clear();
      break;
    }
    keys[kNetworks].push_back(key_of(*one.range));
  }
  return keys;
}

Buckets::Part Buckets::add(const std::vector<Rule>& rules,
                           const std::vector<std::uint32_t>& places) {
  const auto begin = static_cast<std::ptrdiff_t>(entries_.size());
  std::uint8_t kinds = 0;
  std::vector<Keys> keys;
  std::unordered_map<std::uint32_t, std::size_t> counts;  // by key
  for (const std::uint32_t place : places) {
    for (const auto& of_kind : keys.emplace_back(keys_of(rules[place]))) {
      for (const std::uint32_t key : of_kind) ++counts[key];
    }
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Rule& rule = rules[places[i]];
    // Of the kinds that a rule can be found by, the one where its fullest bucket is emptiest.
    std::size_t best = kAny;
    std::size_t best_load = 0;
    for (std::size_t kind = kAny + 1; kind < kKinds; ++kind) {
      std::size_t load = 0;
      for (const std::uint32_t key : keys[i].at(kind)) load = std::max(load, counts[key]);
      if (load == 0 || (best != kAny && load >= best_load)) continue;
      best = kind;
      best_load = load;
    }
    kinds = static_cast<std::uint8_t>(kinds | 1u << best);
    if (best == kAny) keys[i].at(kAny).push_back(key_of(kAny, ""));
    for (const std::uint32_t key : keys[i].at(best))
      entries_.push_back({.key = key, .place = places[i]});
    if (best != kNetworks) continue;
    for (const DestinationCondition& one : rule.destinations) {
      const Shape shape{.v6 = one.range->base.v6, .prefix = one.range->prefix};
      if (std::find(shapes_.begin(), shapes_.end(), shape) == shapes_.end())
        shapes_.push_back(shape);
    }
  }
  std::sort(entries_.begin() + begin, entries_.end());
  entries_.erase(std::unique(entries_.begin() + begin, entries_.end()),  // one name twice
                 entries_.end());
  return {.begin = static_cast<std::uint32_t>(begin),
          .end = static_cast<std::uint32_t>(entries_.size()),
          .kinds = kinds};
}

}  // namespace writ::policy
