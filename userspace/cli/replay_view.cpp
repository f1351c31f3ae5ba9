#include "cli/replay_view.h"

#include <algorithm>
#include <array>
#include <vector>

namespace writ::cli {
namespace {

struct Heading {
  Change change;
  const char* words;
  Colour colour;
};
constexpr std::array kHeadings{
    Heading{Change::kNewlyDenied, "newly denied", Colour::kRed},
    Heading{Change::kNewlyAllowed, "newly allowed", Colour::kYellow},
    Heading{Change::kNewlyFlagged, "newly flagged", Colour::kYellow},
    Heading{Change::kNoLongerFlagged, "no longer flagged", Colour::kYellow},
    Heading{Change::kUndecidable, "undecidable: it hangs on what is not on record", Colour::kDim},
};

// Most calls first.
std::vector<std::pair<Replay::Key, Replay::Group>> groups_of(const Replay& replay, Change change) {
  std::vector<std::pair<Replay::Key, Replay::Group>> found;
  for (const auto& entry : replay.groups()) {
    if (entry.first.change == change) found.emplace_back(entry);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  return found;
}

std::string person(const Replay::Key& key) {
  if (key.user.empty()) return "unattributed";
  return key.tenant == identity::kDefaultTenant ? key.user : key.tenant + "/" + key.user;
}

}  // namespace

std::string replay_text(const Replay& replay, const Palette& palette) {
  std::string out = count_of(replay.calls(), "call") +
                    fmt::format(
                        ": {} unchanged, {} newly denied, {} newly allowed, {} newly "
                        "flagged, {} no longer flagged, {} undecidable, {} not the "
                        "policy's to decide\n",
                        replay.count(Change::kUnchanged), replay.count(Change::kNewlyDenied),
                        replay.count(Change::kNewlyAllowed), replay.count(Change::kNewlyFlagged),
                        replay.count(Change::kNoLongerFlagged), replay.count(Change::kUndecidable),
                        replay.count(Change::kNotThePolicys));
  for (const Heading& heading : kHeadings) {
    const auto groups = groups_of(replay, heading.change);
    if (groups.empty()) continue;
    Table table({"CALLS", "USER", "AGENT", "TOOL", "BY", "EXAMPLE", "WHY"});
    for (const auto& [key, group] : groups) {
      table.add({fmt::format("{}", group.count), person(key), key.agent, key.tool, key.by,
                 group.call, group.reason});
    }
    out += "\n" + palette.paint(heading.colour, heading.words) + "\n" + table.text("  ");
  }
  if (replay.ungrouped() > 0) {
    out += fmt::format("\nand {} more, of further users, tools and rules\n",
                       count_of(replay.ungrouped(), "call"));
  }
  if (replay.without_history() > 0) {
    out += fmt::format("\n{}: what the session did before is not known\n",
                       count_of(replay.without_history(), "call"));
  }
  return out;
}

google::protobuf::Struct replay_document(const Replay& replay, const std::string& version) {
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  const auto number = [](auto& map, const char* name, std::uint64_t value) {
    map[name].set_number_value(static_cast<double>(value));
  };
  fields["policyVersion"].set_string_value(version);
  number(fields, "calls", replay.calls());
  for (std::size_t i = 0; i < kChanges; ++i) {
    const auto change = static_cast<Change>(i);
    fields[std::string(to_text(change))].set_number_value(
        static_cast<double>(replay.count(change)));
  }
  number(fields, "ungrouped", replay.ungrouped());
  number(fields, "withoutHistory", replay.without_history());
  auto& list = *fields["groups"].mutable_list_value();
  for (const auto& [key, group] : replay.groups()) {
    auto& entry = *list.add_values()->mutable_struct_value()->mutable_fields();
    entry["change"].set_string_value(std::string(to_text(key.change)));
    entry["tenant"].set_string_value(printable(key.tenant));
    entry["user"].set_string_value(printable(key.user));
    entry["agent"].set_string_value(printable(key.agent));
    entry["tool"].set_string_value(printable(key.tool));
    entry["by"].set_string_value(printable(key.by));
    number(entry, "calls", group.count);
    entry["call"].set_string_value(printable(group.call));
    entry["reason"].set_string_value(printable(group.reason));
  }
  return document;
}

}  // namespace writ::cli
