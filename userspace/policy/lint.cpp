#include "policy/lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "policy/glob.h"

namespace writ::policy {
namespace {

Diagnostic warning(const Rule& rule, std::string message, std::string hint) {
  return {.severity = Severity::kWarning,
          .file = rule.file,
          .line = rule.line,
          .column = rule.column,
          .message = std::move(message),
          .hint = std::move(hint)};
}

// The tools of the catalog that a rule names, and whether it is for calls without a name.
struct Named {
  std::vector<std::size_t> tools;  // sorted; of a rule for every tool: empty, and `every`
  bool every = false;
  bool unnamed = false;
};

bool covers(const Named& wide, const Named& narrow) {
  if (narrow.unnamed && !wide.unnamed) return false;
  if (wide.every) return true;
  return !narrow.every && std::includes(wide.tools.begin(), wide.tools.end(), narrow.tools.begin(),
                                        narrow.tools.end());
}

bool matches_no_tool(const Named& named) {
  return !named.every && !named.unnamed && named.tools.empty();
}

// Whether `strong` matches and goes first whenever `weak` matches, so that `weak` is never named.
bool outdone(const Rule& strong, const Rule& weak) {
  if (strong.effect == weak.effect) return strong.id < weak.id;
  if (strong.effect > weak.effect) return false;
  // An allow rule is needed below whatever restricts it, but for a deny.
  return weak.effect != RuleEffect::kAllow || strong.effect == RuleEffect::kDeny;
}

class Lint {
 public:
  explicit Lint(const Policy& policy) : policy_(policy), names_(policy.catalog().tools()) {
    for (const Rule& rule : policy.rules()) {
      named_.push_back(named(rule));
      masks_.push_back(conditions_of(rule));
    }
  }

  Diagnostics run() {
    for (std::size_t i = 0; i < policy_.rules().size(); ++i) {
      if (matches_no_tool(named_[i])) continue;  // the reader has said so
      if (!says_why_impossible(i)) look_for_wider(i);
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] Named named(const Rule& rule) const {
    Named result{.unnamed = applies_to_unnamed(rule)};
    result.every = rule.tools.empty() ||
                   std::find(rule.tools.begin(), rule.tools.end(), "*") != rule.tools.end();
    if (result.every) return result;
    std::set<std::size_t> tools;
    for (const std::string& glob : rule.tools)
      names_.each(glob, [&](const Tool& tool) { tools.insert(tool.index); });
    result.tools.assign(tools.begin(), tools.end());
    return result;
  }

  bool says_why_impossible(std::size_t place) {
    const Rule& rule = policy_.rules()[place];
    const auto say = [&](std::string why) {
      out_.push_back(warning(rule, fmt::format("rule '{}' matches nothing: {}", rule.id, why),
                             "change its conditions, or remove it"));
      return true;
    };
    if (rule.at_least && rule.below && *rule.at_least >= *rule.below)
      return say("nobody is known at least so well and less well at once");
    if (!rule.effects.empty() && !named_[place].unnamed) {
      const auto& tools = policy_.catalog().tools();
      const auto fits = [&](const Tool& tool) {
        return std::find(rule.effects.begin(), rule.effects.end(), tool.effect) !=
               rule.effects.end();
      };
      const Named& named = named_[place];
      const bool any = named.every
                           ? std::any_of(tools.begin(), tools.end(), fits)
                           : std::any_of(named.tools.begin(), named.tools.end(),
                                         [&](std::size_t index) { return fits(tools[index]); });
      if (!any && !tools.empty()) return say("none of its tools has that effect");
    }
    return false;
  }

  // Rules that can be wider are found through the index, by one call that satisfies this rule's
  // subject and destination: whoever matches all of its calls matches that one.
  void look_for_wider(std::size_t place) {
    const Rule& rule = policy_.rules()[place];
    identity::Writ writ;
    if (!rule.users.empty()) writ.user.id = rule.users.front();
    if (!rule.agents.empty()) writ.agent.id = rule.agents.front();
    if (!rule.roles.empty()) writ.user.roles = {rule.roles.front()};
    if (!rule.tiers.empty()) writ.tier = rule.tiers.front();
    const ToolCall call{.path = "/"};
    const Tool* tool = nullptr;
    const Named& named = named_[place];
    if (!named.tools.empty()) {
      tool = &policy_.catalog().tools()[named.tools.front()];
    } else if (named.every && !policy_.catalog().tools().empty()) {
      tool = &policy_.catalog().tools().front();
    }
    const Rule* wider = nullptr;
    // Without host and address in it, the call matches the buckets of all hosts and networks.
    const Input input{.what = Input::What::kOpaque, .call = call, .writ = &writ};
    const Evaluation evaluation(input, tool);
    policy_.index().each_candidate(evaluation, [&](const Rule& other, ConditionMask mask) {
      if (++compared_ > kMaxCompared || &other == &rule || !outdone(other, rule)) return;
      if (wider != nullptr &&
          std::pair(wider->effect, wider->id) < std::pair(other.effect, other.id))
        return;
      const auto other_place = static_cast<std::size_t>(&other - policy_.rules().data());
      if ((mask & ~masks_[place]) != 0 || !covers(named_[other_place], named)) return;
      for (const ConditionKind& kind : condition_kinds()) {
        if (kind.present(other) && !kind.wider(other, rule)) return;
      }
      wider = &other;
    });
    if (wider == nullptr) return;
    const std::string where = fmt::format("{}:{}", wider->file, wider->line);
    if (rule.effect == RuleEffect::kAllow && wider->effect == RuleEffect::kDeny) {
      out_.push_back(
          warning(rule,
                  fmt::format("rule '{}' allows nothing: rule '{}' ({}) denies all of it", rule.id,
                              wider->id, where),
                  "narrow the deny rule, or remove this one"));
    } else {
      out_.push_back(warning(
          rule,
          fmt::format("rule '{}' is never reached: rule '{}' ({}) decides whenever it matches",
                      rule.id, wider->id, where),
          "narrow that rule, or remove this one"));
    }
  }

  const Policy& policy_;
  ToolNames names_;
  std::vector<Named> named_;
  std::vector<ConditionMask> masks_;
  Diagnostics out_;
  std::size_t compared_ = 0;
};

}  // namespace

Diagnostics find_idle_rules(const Policy& policy) {
  Diagnostics found = Lint(policy).run();
  std::stable_sort(found.begin(), found.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.file, a.line, a.column) < std::tie(b.file, b.line, b.column);
  });
  return found;
}

}  // namespace writ::policy
