// A policy decides what becomes of a call. Text → checked, immutable Policy; any number of threads
// may ask it.
//
//   version: 1
//   tenant: acme               # optional, see policy_set.h
//   on_opaque: deny            # or allow, hold: bytes without plaintext behind them
//   on_inbound: deny           # or allow: the agent answers a peer that connected to it
//   tools:
//     - name: crm.contact.read
//       host: crm.example.test         # or a list; *.suffix and * are fine, :port is optional
//       method: GET                    # or a list; * is any
//       path: /contacts/{id}           # or a list; see path_pattern.h
//       scopes: [crm.contacts.read]    # all of them are required
//       effect: read                   # or write
//       addresses: [127.0.0.0/8]       # optional: only calls that really go there
//   rules:
//     - id: sales-reads-crm
//       effect: allow                  # or flag, deny
//       tools: [crm.*]                 # globs; "?" is a call that no tool names; none: every call
//       users: [sarah]
//       roles: [sales]
//       agents: [sales-assistant]
//       tiers: [interactive]           # interactive, subagent, background, api
//       identity: token                # known at least so well; see identity/standing.h
//       identity_below: login          # known less well than that
//       findings: [pii.*, injection]   # in the arguments: finding rules (globs) or categories
//       reason: "{user} reads {tool}"  # optional; {user} {agent} {tool} {findings}
//
// How a call is judged, in the order in which it is explained; the first that applies decides:
//   1. nobody is known behind it                   deny   no_identity
//   2. it cannot be parsed                         deny   unparseable
//   3. no plaintext was seen / the agent serves    by on_opaque, on_inbound; where they allow, deny
//                                                  and flag rules for calls without a name count
//   4. no tool names it, no allow rule with "?"    deny   tool_unknown
//   5. the writ lacks a scope the tool requires    deny   scope_missing
//   6. a deny rule matches                         deny   rule_denied
//   7. no allow rule matches                       deny   no_rule
//   8. a flag rule matches                         flag   flagged
//   9.                                             allow  allowed
// A flag rule marks what is allowed and allows nothing by itself: otherwise adding a finding to a
// call would open a door. The order of files, tools and rules never matters; of several rules the
// one whose id sorts first is named.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/catalog.h"
#include "policy/decision.h"
#include "policy/rule_index.h"
#include "policy/source_text.h"
#include "util/diagnostic.h"

namespace writ::policy {

enum class OnOpaque { kDeny, kAllow, kHold };
enum class OnInbound { kDeny, kAllow };

// What the files say, checked and put together, before it is compiled.
struct Document {
  Catalog catalog;
  std::vector<Rule> rules;
  OnOpaque on_opaque = OnOpaque::kDeny;
  OnInbound on_inbound = OnInbound::kDeny;
};

class Policy {
 public:
  // Several files are one policy. nullptr when any of them holds an error; `out` lists warnings
  // too.
  static std::shared_ptr<const Policy> load(const std::vector<std::string>& files,
                                            Diagnostics& out);
  static std::shared_ptr<const Policy> load_from_text(const std::vector<SourceText>& sources,
                                                      Diagnostics& out);

  Policy(Document document, std::string version);

  // The tool that the catalog calls this by.
  [[nodiscard]] std::optional<ToolMatch> match(const ToolCall& call) const {
    return catalog_.match(call);
  }

  // Pure: no I/O, no clock, no state.
  [[nodiscard]] Decision decide(const Input& input) const;

  // Whether findings in the arguments can change the verdict of such calls; if not, a call can be
  // decided before its body is there.
  [[nodiscard]] bool reads_findings(const ToolMatch* tool) const;

  // 16 hex digits over the contents of all files, whatever their order and names.
  [[nodiscard]] const std::string& version() const { return version_; }

  [[nodiscard]] const Catalog& catalog() const { return catalog_; }
  [[nodiscard]] const std::vector<Rule>& rules() const { return rules_.rules(); }
  [[nodiscard]] OnOpaque on_opaque() const { return on_opaque_; }
  [[nodiscard]] OnInbound on_inbound() const { return on_inbound_; }

 private:
  [[nodiscard]] const Tool* own(const ToolMatch* match) const;
  [[nodiscard]] Decision decide_unread(const Input& input) const;
  [[nodiscard]] Decision decide_call(const Input& input) const;

  Catalog catalog_;
  RuleIndex rules_;
  OnOpaque on_opaque_;
  OnInbound on_inbound_;
  std::string version_;
};

}  // namespace writ::policy
