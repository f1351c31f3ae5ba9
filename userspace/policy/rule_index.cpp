#include "policy/rule_index.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace writ::policy {
namespace {

using Places = std::vector<std::uint32_t>;

bool names_every_tool(const Rule& rule) {
  return rule.tools.empty() ||
         std::find(rule.tools.begin(), rule.tools.end(), "*") != rule.tools.end();
}

RuleIndex::Reads merge(const RuleIndex::Reads& a, const RuleIndex::Reads& b) {
  return {.findings = a.findings || b.findings,
          .arguments = a.arguments || b.arguments,
          .digest = a.digest || b.digest,
          .session = a.session || b.session,
          .budget = a.budget || b.budget,
          .time = a.time || b.time};
}

RuleIndex::Reads reads_of(const Rule& rule) {
  return {
      .findings = !rule.findings.empty(),
      .arguments = !rule.args.empty() || !rule.captures.empty() || rule.reason.reads_arguments(),
      .digest = rule.repeat_more_than.has_value(),
      .session = rule.calls || rule.tool_calls || !rule.used_before.empty() ||
                 !rule.requires_before.empty() || rule.tainted || rule.after ||
                 rule.repeat_more_than,
      .budget = !rule.budget_left.empty(),
      .time = !rule.during.empty()};
}

}  // namespace

RuleIndex::RuleIndex(std::vector<Rule> rules, const ToolNames& names) : rules_(std::move(rules)) {
  std::sort(rules_.begin(), rules_.end(), [](const Rule& a, const Rule& b) {
    return std::tie(a.effect, a.id) < std::tie(b.effect, b.id);
  });
  Places every;
  Places unnamed;
  // Rules often name the same tools: each list of globs is looked up once.
  std::map<std::vector<std::string>, Places> by_globs;
  for (std::uint32_t place = 0; place < rules_.size(); ++place) {
    const Rule& rule = rules_[place];
    masks_.push_back(conditions_of(rule));
    if (applies_to_unnamed(rule)) unnamed.push_back(place);
    if (names_every_tool(rule)) {
      every.push_back(place);
    } else {
      by_globs[rule.tools].push_back(place);
    }
  }
  every_tool_ = make_part(every);
  unnamed_ = make_part(unnamed);
  all_reads_ = unnamed_.reads;

  std::vector<const Places*> lists;
  std::vector<std::vector<std::uint32_t>> lists_of(names.size());  // by Tool::index
  for (const auto& [globs, places] : by_globs) {
    const auto list = static_cast<std::uint32_t>(lists.size());
    lists.push_back(&places);
    for (const std::string& glob : globs) {
      names.each(glob, [&](const Tool& tool) {
        auto& own = lists_of[tool.index];
        if (own.empty() || own.back() != list) own.push_back(list);
      });
    }
  }
  std::map<std::vector<std::uint32_t>, std::uint32_t> known;
  std::size_t total = 0;
  for (const auto& own : lists_of) {
    const auto [entry, added] = known.emplace(own, static_cast<std::uint32_t>(parts_.size()));
    part_of_.push_back(entry->second);
    if (!added) continue;
    Places places;
    for (const std::uint32_t list : own)
      places.insert(places.end(), lists[list]->begin(), lists[list]->end());
    total += places.size();
    complete_ = total <= kMaxPlaces;
    if (!complete_) return;
    std::sort(places.begin(), places.end());
    parts_.push_back(make_part(places));
    tool_reads_.push_back(merge(parts_.back().reads, every_tool_.reads));
    all_reads_ = merge(all_reads_, tool_reads_.back());
  }
  std::uint32_t place = 0;
  for (std::size_t effect = 0; effect < kRuleEffects; ++effect) {
    begins_.at(effect) = place;
    while (place < rules_.size() && rules_[place].effect == static_cast<RuleEffect>(effect))
      ++place;
  }
  begins_.back() = place;
}

RuleIndex::Part RuleIndex::make_part(const Places& places) {
  Part part{.buckets = buckets_.add(rules_, places)};
  for (const std::uint32_t place : places) part.reads = merge(part.reads, reads_of(rules_[place]));
  return part;
}

const RuleIndex::Reads& RuleIndex::reads(const Tool* tool) const {
  return tool == nullptr ? unnamed_.reads : tool_reads_[part_of_[tool->index]];
}

MatchingRules RuleIndex::find(Evaluation& evaluation) const {
  constexpr auto kDeny = static_cast<std::size_t>(RuleEffect::kDeny);
  std::array<std::uint32_t, kRuleEffects> best = {};
  for (std::size_t effect = 0; effect < kRuleEffects; ++effect) {
    best.at(effect) = begins_.at(effect + 1);  // none
  }
  const ConditionMask failing = failing_conditions(evaluation);
  const auto look_through = [&](Buckets::Bucket bucket) {
    const auto* at = bucket.data();
    const auto* const end = at + bucket.size();
    std::size_t effect = 0;
    while (at != end) {
      const std::uint32_t place = at->place;
      while (place >= begins_.at(effect + 1)) ++effect;
      const bool denied = best[kDeny] != begins_[kDeny + 1];
      if (denied && evaluation.tool != nullptr && effect != kDeny) return;
      if (place >= best.at(effect)) {  // a rule of this effect that goes first is known
        at = std::lower_bound(
            at, end, begins_.at(effect + 1),
            [](const Buckets::Entry& entry, std::uint32_t begin) { return entry.place < begin; });
        continue;
      }
      ++at;
      if ((masks_[place] & failing) != 0) continue;
      const Truth truth = conditions_hold(rules_[place], masks_[place], evaluation);
      if (matches(static_cast<RuleEffect>(effect), truth, evaluation.input.provisional))
        best.at(effect) = place;
    }
  };
  each_bucket(evaluation, look_through);
  MatchingRules matching;
  for (std::size_t effect = 0; effect < kRuleEffects; ++effect) {
    if (best.at(effect) != begins_.at(effect + 1))
      matching.by_effect.at(effect) = &rules_[best.at(effect)];
  }
  return matching;
}

}  // namespace writ::policy
