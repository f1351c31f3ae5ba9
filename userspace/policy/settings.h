// Settings of tools and people: what holds where no rule is about one call.
//
//   settings:
//     - results: audit                              # the default
//     - {tools: [web.*], results: block}            # of a tool
//     - {users: [sarah], rate_per_minute: 60}       # of a person
//     - {users: [sarah], tools: [crm.export], permission: deny}
//     - {tiers: [background], rate_per_minute: 5}   # `tiers` goes with each of these
//
// Each setting is looked up by itself, the most specific entry that has it decides: one with users
// and tools, then with tools, then with users, then with neither. Among these one that names the
// tier goes first, then the longer tool name or glob. Of entries that are equal in all that the
// strictest value holds, so that the order of entries and files never matters.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/standing.h"
#include "policy/catalog.h"
#include "policy/tool_names.h"

namespace writ::policy {

// Narrows what rules allow; kAllow leaves it to them. Stricter is larger.
enum class Permission : std::uint8_t { kAllow, kHold, kDeny };
// What becomes of a result in which something was found. Stricter is larger.
enum class ResultAction : std::uint8_t { kOff, kAudit, kRedact, kBlock };

struct Settings {
  Permission permission = Permission::kAllow;
  std::optional<std::uint32_t> rate_per_minute;  // none: no limit by this tool and user
  ResultAction results = ResultAction::kAudit;

  friend bool operator==(const Settings&, const Settings&) = default;
};

// Where something stands, for diagnostics.
struct Place {
  std::string file;
  int line = 0;
  int column = 0;
};

struct SettingsEntry {
  std::vector<std::string> users;  // sorted
  std::vector<std::string> tools;  // globs; "?": calls without a name
  std::vector<identity::Tier> tiers;
  std::optional<Permission> permission;
  std::optional<std::uint32_t> rate_per_minute;
  std::optional<ResultAction> results;
  Place place;
};

class SettingsBook {
 public:
  SettingsBook() = default;
  SettingsBook(const std::vector<SettingsEntry>& entries, const ToolNames& names);

  // `tool` nullptr: a call without a name.
  [[nodiscard]] Settings find(std::string_view user, const Tool* tool, identity::Tier tier) const;
  [[nodiscard]] bool empty() const { return entries_ == 0; }

 private:
  // How specific the entry is that a value comes from; the larger one wins.
  struct Rank {
    int level = -1;  // 3 user+tool, 2 tool, 1 user, 0 default; -1: nowhere
    bool tier = false;
    std::size_t length = 0;  // of the tool's name in full, or of the glob
    friend auto operator<=>(const Rank&, const Rank&) = default;
  };
  struct Choice {
    Settings settings;
    Rank permission;
    Rank rate;
    Rank results;
    void take(const SettingsEntry& entry, const Rank& rank);
  };
  using Tiers = std::array<Choice, 4>;

  std::size_t entries_ = 0;
  Tiers unnamed_;
  std::vector<Tiers> by_tool_;  // by Tool::index: what is said of it and of all
  std::vector<SettingsEntry> user_entries_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_user_;
};

}  // namespace writ::policy
