// A policy decides what becomes of a call. Text → checked, immutable Policy; any number of threads
// may ask it.
//
//   version: 1
//   on_opaque: deny            # or allow, hold: bytes without plaintext behind them
//   on_inbound: deny           # or allow: the agent answers a peer that connected to it
//   network: {quic: deny, dns: host}    # or allow, any: what leaves unread
//   tools: [...]               # the catalog: what a call is called
//   rules: [...]               # who may do what, see rule.h
//   settings: [...]            # see settings.h
//
// LANGUAGE.md is the grammar, with examples; json_schema() the same for editors.
//
// How a call is judged, in the order in which it is explained; the first that applies decides:
//   1. nobody is known behind it                   deny   no_identity
//   2. it cannot be parsed                         deny   unparseable
//   3. no plaintext was seen / the agent serves    by on_opaque, on_inbound; where they allow,
//                                                  all but allow rules for unnamed calls count
//   4. no tool names it, no allow rule with "?"    deny   tool_unknown
//   5. the writ lacks a scope the tool requires    deny   scope_missing
//   6. a deny rule matches                         deny   rule_denied
//   7. the settings deny it                        deny   permission_denied
//   8. no allow rule matches                       deny   no_rule, but for MCP's own traffic
//   9. a hold rule or the settings hold            deny   hold_unavailable, until it can be held
//  10. a redact rule matches                       deny   redact_unavailable, until it can be
//  11. a flag rule matches                         flag   flagged
//  12.                                             allow  allowed
// Only an allow rule allows: otherwise adding a finding to a call would open a door. A condition
// that has no answer (an argument that is not there, a body that is no JSON) counts against the
// call: a rule that allows does not match then, any other does. The order of files, tools, rules
// and settings never matters; of several rules the one whose id sorts first is named.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/catalog.h"
#include "policy/decision.h"
#include "policy/rule_index.h"
#include "policy/settings.h"
#include "policy/source_text.h"
#include "policy/tool_names.h"
#include "util/diagnostic.h"

namespace writ::policy {

enum class OnOpaque { kDeny, kAllow, kHold };
enum class OnInbound { kDeny, kAllow };
enum class Quic { kDeny, kAllow };
enum class Dns { kHost, kAny };

// Which datagrams leave; nothing else than these does.
struct Network {
  Quic quic = Quic::kDeny;  // to UDP port 443, unread
  Dns dns = Dns::kHost;     // to port 53: of the host's resolvers only, or of anybody
};

// What the files say, checked and put together, before it is compiled.
struct Document {
  Catalog catalog;
  std::vector<Rule> rules;
  std::vector<SettingsEntry> settings;
  OnOpaque on_opaque = OnOpaque::kDeny;
  OnInbound on_inbound = OnInbound::kDeny;
  Network network;
  Place on_opaque_place;
};

class Policy {
 public:
  // Several files are one policy. nullptr when any of them holds an error; `out` lists warnings
  // too.
  static std::shared_ptr<const Policy> load(const std::vector<std::string>& files,
                                            Diagnostics& out);
  static std::shared_ptr<const Policy> load_from_text(const std::vector<SourceText>& sources,
                                                      Diagnostics& out);
  static std::shared_ptr<const Policy> load_from_trees(const std::vector<SourceTree>& sources,
                                                       Diagnostics& out);

  Policy(Document document, std::string version);

  // The tool that the catalog calls this by.
  [[nodiscard]] std::optional<ToolMatch> match(const ToolCall& call) const {
    return catalog_.match(call);
  }

  // The tool that a caller names itself; nullopt: the catalog has none of that name.
  [[nodiscard]] std::optional<ToolMatch> match_name(
      std::string_view name, std::map<std::string, std::string> captures) const {
    const Tool* tool = names_.find(name);
    if (tool == nullptr) return std::nullopt;
    return ToolMatch{.tool = tool, .captures = std::move(captures)};
  }

  // The tool of a match; nullptr when it is of another policy.
  [[nodiscard]] const Tool* tool_of(const ToolMatch* match) const { return own(match); }

  // Pure: no I/O, no clock, no state.
  [[nodiscard]] Decision decide(const Input& input) const;

  // What of the Input can change what is decided of such calls, or stand in its reason. Where that
  // is neither findings nor arguments nor digest, a call can be decided before its body is there.
  [[nodiscard]] const RuleIndex::Reads& reads(const ToolMatch* tool) const {
    return rules_.reads(own(tool));
  }
  [[nodiscard]] bool reads_findings(const ToolMatch* tool) const { return reads(tool).findings; }
  [[nodiscard]] bool reads_arguments(const ToolMatch* tool) const { return reads(tool).arguments; }
  // Of some call, named or not.
  [[nodiscard]] bool reads_arguments() const { return rules_.reads_of_any_call().arguments; }

  // Whether all calls of one path and one writ are decided alike, whatever is in them and whenever
  // they come.
  [[nodiscard]] bool settled(const ToolMatch* tool) const {
    const RuleIndex::Reads& read = reads(tool);
    return !read.findings && !read.arguments && !read.digest && !read.session && !read.budget &&
           !read.time;
  }
  // Whether commands are calls: some tool is a program's.
  [[nodiscard]] bool governs_commands() const { return catalog_.knows_programs(); }
  // Whether messages to MCP servers over stdio are: some tool is one's.
  [[nodiscard]] bool governs_stdio() const { return catalog_.knows_servers(); }

  // What holds for this user's calls of the tool (nullptr: calls without a name). Of `permission`
  // the decision knows already; the rest is the caller's to do.
  [[nodiscard]] Settings settings(std::string_view user, const ToolMatch* tool,
                                  identity::Tier tier) const;

  // 16 hex digits over the contents of all files, whatever their order and names.
  [[nodiscard]] const std::string& version() const { return version_; }

  // Warnings of load(): what the files say and this version cannot do.
  [[nodiscard]] const Diagnostics& not_in_force() const { return not_in_force_; }

  [[nodiscard]] const Catalog& catalog() const { return catalog_; }
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_.rules(); }
  [[nodiscard]] const RuleIndex& index() const { return rules_; }
  [[nodiscard]] OnOpaque on_opaque() const { return on_opaque_; }
  [[nodiscard]] OnInbound on_inbound() const { return on_inbound_; }
  [[nodiscard]] const Network& network() const { return network_; }

 private:
  [[nodiscard]] const Tool* own(const ToolMatch* match) const;
  [[nodiscard]] Decision decide_unread(const Input& input) const;
  [[nodiscard]] Decision decide_call(const Input& input) const;

  Diagnostics not_in_force_;  // first: made of the whole document
  Catalog catalog_;
  ToolNames names_;
  RuleIndex rules_;
  SettingsBook settings_;
  OnOpaque on_opaque_;
  OnInbound on_inbound_;
  Network network_;
  std::string version_;
};

}  // namespace writ::policy
