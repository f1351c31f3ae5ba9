// Rules of one part of the index, each in the buckets of one of its conditions, so that a call
// finds those of its own user, agent, roles, host and destination by hash.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/address.h"
#include "policy/evaluation.h"
#include "policy/rule.h"

namespace writ::policy {

class Buckets {
 public:
  using Places = std::vector<std::uint32_t>;  // in the index's rules, ascending

  Buckets() = default;
  // `places` ascending.
  Buckets(const std::vector<Rule>& rules, const Places& places);

  // Calls `visit` with each list of rules that the call can match. REQUIRES: a writ.
  template <class Visit>
  void each(const Evaluation& evaluation, Visit visit) const {
    const identity::Writ& writ = *evaluation.input.writ;
    if (!any_.empty()) visit(std::span<const std::uint32_t>(any_));
    visit_key(users_, writ.user.id, visit);
    visit_key(agents_, writ.agent.id, visit);
    if (!roles_.empty()) {
      for (const std::string& role : writ.user.roles) visit_key(roles_, role, visit);
    }
    if (!all_hosts_.empty()) visit_hosts(evaluation, visit);
    if (!all_networks_.empty()) visit_networks(evaluation, visit);
  }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using ByName = std::unordered_map<std::string, Places, Hash, std::equal_to<>>;

  // The kinds of buckets, and the names by which a rule can be found in those of one kind; empty:
  // it cannot.
  enum Kind : std::uint8_t { kUsers, kAgents, kRoles, kHosts, kNetworks };
  static constexpr std::size_t kKinds = 5;
  using Keys = std::array<std::vector<std::string>, kKinds>;
  static Keys keys_of(const Rule& rule);
  void put(std::uint32_t place, const Rule& rule, Kind kind, const std::vector<std::string>& keys);

  template <class Visit>
  static void visit_key(const ByName& map, std::string_view key, Visit& visit) {
    if (map.empty()) return;
    if (const auto found = map.find(key); found != map.end())
      visit(std::span<const std::uint32_t>(found->second));
  }
  template <class Visit>
  void visit_hosts(const Evaluation& evaluation, Visit& visit) const {
    if (!evaluation.host) {  // undefined, which can be a match
      visit(std::span<const std::uint32_t>(all_hosts_));
      return;
    }
    const std::string_view host = *evaluation.host;
    visit_key(hosts_, host, visit);
    for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
         dot = host.find('.', dot + 1)) {
      visit_key(suffixes_, host.substr(dot), visit);
    }
  }
  template <class Visit>
  void visit_networks(const Evaluation& evaluation, Visit& visit) const {
    if (!evaluation.destination) {
      visit(std::span<const std::uint32_t>(all_networks_));
      return;
    }
    for (const Shape& shape : shapes_) {
      if (shape.v6 != evaluation.destination->v6) continue;
      const NetworkKey key = key_of({*evaluation.destination, shape.prefix});
      visit_key(networks_, std::string_view(key.data(), key.size()), visit);
    }
  }

  // How ranges look, of which there are few: version and prefix length.
  struct Shape {
    bool v6 = false;
    unsigned prefix = 0;
    friend bool operator==(const Shape&, const Shape&) = default;
  };
  using NetworkKey = std::array<char, 18>;  // version, prefix, address without what is behind it
  static NetworkKey key_of(const AddressRange& range);

  Places any_;
  ByName users_;
  ByName agents_;
  ByName roles_;
  ByName hosts_;     // exact
  ByName suffixes_;  // ".example.test" for "*.example.test"
  Places all_hosts_;
  ByName networks_;
  std::vector<Shape> shapes_;
  Places all_networks_;
};

}  // namespace writ::policy
