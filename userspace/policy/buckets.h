// The rules of each part of the index, under the names of one of their conditions, so that a call
// finds those of its own user, agent, roles, host, destination and tier, and touches no others.
//
// A name is kept as a hash, since whether a rule matches is judged by its conditions anyway; two
// names that share one cost a look at a rule in vain. So a rule takes 8 bytes here, and what a call
// reads is a cache line or two, however many rules there are for other tools.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "policy/address.h"
#include "policy/evaluation.h"
#include "policy/rule.h"

namespace writ::policy {

class Buckets {
 public:
  struct Entry {
    std::uint32_t key = 0;
    std::uint32_t place = 0;  // in the index's rules
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  using Bucket = std::span<const Entry>;  // of one key, by place

  // Where the entries of one part are.
  struct Part {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint8_t kinds = 0;  // bit: some entry is of that Kind
  };
  // `places` ascending: the rules of the part.
  Part add(const std::vector<Rule>& rules, const std::vector<std::uint32_t>& places);

  // Calls `visit` with each bucket of the part whose rules the call can match. REQUIRES: a writ.
  template <class Visit>
  void each(const Part& part, const Evaluation& evaluation, Visit visit) const {
    if (part.kinds == 0) return;
    const identity::Writ& writ = *evaluation.input.writ;
    const auto has = [&](Kind kind) { return (part.kinds & (1u << kind)) != 0; };
    const auto visit_key = [&](std::uint32_t key) {
      const auto [first, last] = std::equal_range(at(part.begin), at(part.end), key, ByKey());
      if (first != last) visit(Bucket(first, last));
    };
    if (has(kAny)) visit_key(key_of(kAny, ""));
    if (has(kUsers)) visit_key(key_of(kUsers, writ.user.id));
    if (has(kAgents)) visit_key(key_of(kAgents, writ.agent.id));
    if (has(kRoles)) {
      for (const std::string& role : writ.user.roles) visit_key(key_of(kRoles, role));
    }
    if (has(kTiers)) visit_key(key_of(kTiers, identity::to_text(writ.tier)));
    if (has(kHosts) && evaluation.host) {
      const std::string_view host = *evaluation.host;
      visit_key(key_of(kHosts, host));
      for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
           dot = host.find('.', dot + 1))
        visit_key(key_of(kHosts, host.substr(dot)));  // ".example.test"
    } else if (has(kHosts)) {
      visit_all(part, kHosts, visit);
    }
    if (has(kNetworks) && evaluation.destination) {
      for (const Shape& shape : shapes_) {
        if (shape.v6 == evaluation.destination->v6)
          visit_key(key_of(AddressRange{*evaluation.destination, shape.prefix}));
      }
    } else if (has(kNetworks)) {
      visit_all(part, kNetworks, visit);
    }
  }

 private:
  // What a rule is found by; the upper bits of a key. kAny: by nothing, so each call looks at it.
  enum Kind : std::uint8_t { kAny, kUsers, kAgents, kRoles, kHosts, kNetworks, kTiers };
  static constexpr std::size_t kKinds = 7;
  static constexpr unsigned kHashBits = 29;

  static std::uint32_t key_of(Kind kind, std::string_view name) {
    const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>()(name));
    return (std::uint32_t{kind} << kHashBits) | (hash >> (32 - kHashBits));
  }
  static std::uint32_t key_of(const AddressRange& range);
  // By kind: the keys that a rule can be found by; none: it cannot.
  using Keys = std::array<std::vector<std::uint32_t>, kKinds>;
  static Keys keys_of(const Rule& rule);
  [[nodiscard]] const Entry* at(std::uint32_t place) const { return entries_.data() + place; }
  struct ByKey {
    bool operator()(const Entry& entry, std::uint32_t key) const { return entry.key < key; }
    bool operator()(std::uint32_t key, const Entry& entry) const { return key < entry.key; }
  };
  // Where it is not known which the call's is, it can be any.
  template <class Visit>
  void visit_all(const Part& part, Kind kind, Visit& visit) const {
    const Entry* const end = at(part.end);
    const Entry* first =
        std::lower_bound(at(part.begin), end, std::uint32_t{kind} << kHashBits, ByKey());
    while (first != end && first->key >> kHashBits == kind) {
      const Entry* const last = std::upper_bound(first, end, first->key, ByKey());
      visit(Bucket(first, last));
      first = last;
    }
  }

  // How ranges look, of which there are few: version and prefix length.
  struct Shape {
    bool v6 = false;
    unsigned prefix = 0;
    friend bool operator==(const Shape&, const Shape&) = default;
  };

  std::vector<Entry> entries_;  // part behind part, each sorted
  std::vector<Shape> shapes_;   // of all parts
};

}  // namespace writ::policy
