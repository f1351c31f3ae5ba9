// The least that calls which were seen need: from observed calls to the tools, scopes and rules
// under which these calls pass, and of what was not seen as little as can be said.
//
//   Observations seen;                      // of one tenant
//   seen.add({.session = ..., ...});        // any number of calls, in any order
//   auto suggestion = suggest(seen, {});
//
// What is in a call was written by an agent, and stands in the suggestion as data only.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "identity/scope.h"
#include "policy/catalog.h"
#include "protocol/tool_call.h"
#include "util/result.h"

namespace writ::policy {

struct ObservedCall {
  ToolCall request;  // method, host, path, destination
  std::string agent;
  std::string tool;  // empty: no tool of the catalog named it
  Effect effect = Effect::kWrite;
  identity::Scopes scopes;  // that the tool required
  std::map<std::string, std::string> captures;
  // Why it may not be suggested, as a person would say it ("denied: scope_missing", "opaque");
  // empty: it was allowed.
  std::string left_out;

  friend bool operator<(const ObservedCall& a, const ObservedCall& b);
};

// Distinct calls with what was counted of each. Bounded: an agent cannot fill the memory.
class Observations {
 public:
  static constexpr std::size_t kMaxDistinct = 20'000;
  static constexpr std::size_t kMaxPath = 2048;  // calls with a longer one are left out

  struct Count {
    std::uint64_t calls = 0;
    std::set<std::string> findings;
  };

  // `findings`: the rules that found something in its arguments or result.
  void add(ObservedCall call, const std::set<std::string>& findings);

  [[nodiscard]] const std::map<ObservedCall, Count>& calls() const { return calls_; }
  [[nodiscard]] std::uint64_t forgotten() const { return forgotten_; }  // there were too many

 private:
  std::map<ObservedCall, Count> calls_;
  std::uint64_t forgotten_ = 0;
};

struct SuggestedTool {
  Tool tool;
  ToolShape shape;
  bool made_up = false;     // its name, and the scope of that name
  bool combined = false;    // it also takes combinations of its lists that were not seen
  std::uint64_t calls = 0;  // that it was made from
  std::size_t paths = 0;    // different ones among them
  std::set<std::string> findings;
};

struct SuggestedAgent {
  std::string id;
  std::set<std::string> tools;
  identity::Scopes scopes;  // that these tools require
};

struct LeftOut {
  std::string why;
  ObservedCall call;
  std::uint64_t calls = 0;
};

struct Suggestion {
  std::vector<SuggestedTool> tools;  // by name
  std::vector<SuggestedAgent> agents;
  std::vector<LeftOut> left_out;  // the most frequent first
  bool cut = false;               // there was more than a suggestion holds
};

struct SuggestOptions {
  std::string name_prefix;  // of made-up names: "acme" gives "acme.crm.contacts.read"
  std::size_t max_tools = 200;
};

// kInvalid: the prefix is none.
Result<Suggestion> suggest(const Observations& seen, const SuggestOptions& options);

}  // namespace writ::policy
