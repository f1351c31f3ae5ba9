#include "policy/settings.h"

#include <algorithm>

namespace writ::policy {
namespace {

constexpr std::array kEachTier{identity::Tier::kInteractive, identity::Tier::kSubagent,
                               identity::Tier::kBackground, identity::Tier::kApi};

std::size_t place_of(identity::Tier tier) { return static_cast<std::size_t>(tier); }

bool for_tier(const SettingsEntry& entry, identity::Tier tier) {
  return entry.tiers.empty() ||
         std::find(entry.tiers.begin(), entry.tiers.end(), tier) != entry.tiers.end();
}

Permission stricter(Permission a, Permission b) { return std::max(a, b); }
ResultAction stricter(ResultAction a, ResultAction b) { return std::max(a, b); }
std::optional<std::uint32_t> stricter(std::optional<std::uint32_t> a,
                                      std::optional<std::uint32_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

// A name in full is longer than any glob.
std::size_t length_of(const std::string& glob) {
  constexpr std::size_t kExact = 1000;
  return glob.find('*') == std::string::npos ? kExact : glob.size();
}

// Takes over `value` when it is of the higher rank, or stricter at the same one.
template <class T, class Rank>
void take_one(T& into, Rank& into_rank, const T& value, const Rank& rank) {
  if (rank.level < 0 || rank < into_rank) return;
  into = rank == into_rank ? stricter(into, value) : value;
  into_rank = rank;
}

}  // namespace

void SettingsBook::Choice::take(const SettingsEntry& entry, const Rank& rank) {
  if (entry.permission) take_one(settings.permission, permission, *entry.permission, rank);
  if (entry.rate_per_minute) take_one(settings.rate_per_minute, rate, entry.rate_per_minute, rank);
  if (entry.results) take_one(settings.results, results, *entry.results, rank);
}

SettingsBook::SettingsBook(const std::vector<SettingsEntry>& entries, const ToolNames& names)
    : entries_(entries.size()), by_tool_(entries.empty() ? 0 : names.size()) {
  const auto take = [](Tiers& into, const SettingsEntry& entry, int level, std::size_t length) {
    for (const identity::Tier tier : kEachTier) {
      if (!for_tier(entry, tier)) continue;
      into.at(place_of(tier))
          .take(entry, {.level = level, .tier = !entry.tiers.empty(), .length = length});
    }
  };
  // Ranks see to it that the order does not matter.
  for (const SettingsEntry& entry : entries) {
    if (!entry.users.empty()) {
      for (const std::string& name : entry.users) by_user_[name].push_back(user_entries_.size());
      user_entries_.push_back(entry);
    } else if (entry.tools.empty()) {
      take(unnamed_, entry, 0, 0);
      for (Tiers& tool : by_tool_) take(tool, entry, 0, 0);
    }
    if (!entry.users.empty()) continue;
    for (const std::string& glob : entry.tools) {
      if (glob == "?") take(unnamed_, entry, 2, length_of(glob));
      names.each(glob,
                 [&](const Tool& tool) { take(by_tool_[tool.index], entry, 2, length_of(glob)); });
    }
  }
}

Settings SettingsBook::find(std::string_view user, const Tool* tool, identity::Tier tier) const {
  if (entries_ == 0) return {};
  Choice choice = (tool == nullptr ? unnamed_ : by_tool_[tool->index]).at(place_of(tier));
  const auto own = by_user_.find(user);
  if (own == by_user_.end()) return choice.settings;
  for (const std::size_t place : own->second) {
    const SettingsEntry& entry = user_entries_[place];
    if (!for_tier(entry, tier)) continue;
    Rank rank{.level = 1, .tier = !entry.tiers.empty()};
    if (!entry.tools.empty()) {
      rank.level = 3;
      for (const std::string& glob : entry.tools) {
        if (tool == nullptr ? glob == "?" : glob_match(glob, tool->name))
          rank.length = std::max(rank.length, length_of(glob));
      }
      if (rank.length == 0) continue;
    }
    choice.take(entry, rank);
  }
  return choice.settings;
}

}  // namespace writ::policy
