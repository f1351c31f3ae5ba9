#include "cli/suggestion_view.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <functional>

#include "cli/names.h"
#include "cli/output.h"
#include "cli/time_text.h"
#include "identity/directory.h"
#include "policy/mcp_traffic.h"
#include "policy/policy_set.h"
#include "util/json_text.h"

namespace writ::cli {
namespace {

using policy::LeftOut;
using policy::SuggestedTool;

constexpr std::size_t kMaxListed = 40;    // lines of what was left out
constexpr std::size_t kMaxComment = 400;  // characters of a line
constexpr std::size_t kMaxRuleId = 110;   // with "observed-" in front still a name

// One line, whatever the text holds.
std::string comment(std::string_view text) {
  std::string line = printable(text);
  if (line.size() > kMaxComment) line = printable(line.substr(0, kMaxComment)) + " ...";
  return "# " + line + "\n";
}

// A mapping on one line. The emitter escapes whatever is not ASCII, and line breaks.
std::string mapping(const std::function<void(YAML::Emitter&)>& fill) {
  YAML::Emitter out;
  out.SetOutputCharset(YAML::EscapeNonAscii);
  out << YAML::Flow << YAML::BeginMap;
  fill(out);
  out << YAML::EndMap;
  return {out.c_str(), out.size()};
}

// Names are plain words and read better without quotes, unless YAML takes them for something else.
void put_name(YAML::Emitter& out, const char* key, const std::string& value) {
  out << YAML::Key << key << YAML::Value << value;
}

void put_names(YAML::Emitter& out, const char* key, const std::vector<std::string>& values) {
  out << YAML::Key << key << YAML::Value << YAML::Flow << values;
}

void put_texts(YAML::Emitter& out, const char* key, const std::vector<std::string>& values) {
  out << YAML::Key << key << YAML::Value;
  if (values.size() == 1) {
    out << YAML::DoubleQuoted << values.front();
    return;
  }
  out << YAML::Flow << YAML::BeginSeq;
  for (const std::string& value : values) out << YAML::DoubleQuoted << value;
  out << YAML::EndSeq;
}

template <class Values>
std::vector<std::string> texts(const Values& values) {
  std::vector<std::string> all;
  all.reserve(values.size());
  for (const auto& value : values) all.push_back(to_text(value));
  return all;
}

std::string tool_line(const SuggestedTool& made) {
  return mapping([&](YAML::Emitter& out) {
    std::vector<std::string> addresses;
    addresses.reserve(made.shape.addresses.size());
    for (const policy::AddressRange& range : made.shape.addresses)
      addresses.push_back(to_text(range.base));
    put_name(out, "name", made.tool.name);
    put_texts(out, "host", texts(made.shape.hosts));
    put_names(out, "method", made.shape.methods);
    put_texts(out, "path", texts(made.shape.paths));
    put_names(out, "scopes", made.tool.scopes);
    put_name(out, "effect", made.tool.effect == policy::Effect::kRead ? "read" : "write");
    put_texts(out, "addresses", addresses);
  });
}

std::string tool_comment(const SuggestedTool& made) {
  std::string text =
      fmt::format("{} of {}", count_of(made.calls, "call"), count_of(made.paths, "path"));
  if (made.made_up) text += "; name and scope are made up";
  if (made.combined) text += "; LOOK: combinations of its lists that were not seen pass too";
  if (!made.findings.empty()) {
    text += "; LOOK: findings: " + join({made.findings.begin(), made.findings.end()}, ", ");
  }
  return "  " + comment(text);
}

std::string left_out_text(const LeftOut& one) {
  const ToolCall& request = one.call.request;
  std::string what = request.method.empty() ? request.protocol : request.method;
  if (!request.host.empty() || request.protocol == kCommandProtocol)
    what += " " + request.host + request.path;
  if (!request.destination.address.empty())
    what += fmt::format(" at {} port {}", request.destination.address, request.destination.port);
  return fmt::format("{} of {}: {}", count_of(one.calls, "call"), what, one.why);
}

std::string session_text(const ObservedSession& session) {
  return fmt::format("session {}: {} from {} to {}, agent {} for {}, mode {}", session.id,
                     count_of(session.calls, "call"), time_text(session.first_unix_ns),
                     time_text(session.last_unix_ns), session.agent, session.user,
                     mode_name(session.mode));
}

std::string head(const policy::Suggestion& suggestion,
                 const std::vector<ObservedSession>& sessions) {
  std::string text =
      comment("Suggested by `writ policy suggest`; nobody has checked it. Made from");
  for (const ObservedSession& session : sessions) text += comment("  " + session_text(session));
  if (suggestion.cut)
    text += comment("INCOMPLETE: there was more than a suggestion holds; the rest is denied.");
  text += comment("Before you use it:");
  text += comment("- It goes in place of the policy under which this was observed, not beside it.");
  text += comment(
      "- A {capture} takes any value. Where LOOK stands below, decide whether that may go on.");
  const auto made_up = static_cast<std::size_t>(
      std::count_if(suggestion.tools.begin(), suggestion.tools.end(),
                    [](const SuggestedTool& made) { return made.made_up; }));
  if (made_up > 0) {
    text += comment(
        fmt::format("- {} got a made-up name and scope: rename them, and give the scopes to the "
                    "people (users.yaml) and agents (agents.yaml) that need them.",
                    count_of(made_up, "tool")));
  }
  text += comment(
      "- Rules that flag or deny, settings and `untrusted` are not in the record: add yours.");
  if (suggestion.left_out.empty()) return text;
  text += comment(
      "Left out, so denied (observe under policies/observe-everything.yaml to have "
      "everything named):");
  for (std::size_t i = 0; i < std::min(suggestion.left_out.size(), kMaxListed); ++i)
    text += comment("- " + left_out_text(suggestion.left_out[i]));
  if (suggestion.left_out.size() > kMaxListed)
    text += comment(fmt::format("- and {} more", suggestion.left_out.size() - kMaxListed));
  return text;
}

std::string policy_text(const policy::Suggestion& suggestion,
                        const std::vector<ObservedSession>& sessions) {
  std::string text = head(suggestion, sessions);
  text += fmt::format("version: 1\ntenant: {}\non_opaque: deny\non_inbound: deny\n\n",
                      json_string(sessions.front().tenant));
  text += suggestion.tools.empty() ? "tools: []\n" : "tools:\n";
  for (const SuggestedTool& made : suggestion.tools)
    text += tool_comment(made) + "  - " + tool_line(made) + "\n";
  text += suggestion.agents.empty() ? "\nrules: []\n" : "\nrules:\n";
  for (std::size_t i = 0; i < suggestion.agents.size(); ++i) {
    const policy::SuggestedAgent& agent = suggestion.agents[i];
    text += "  - " + mapping([&](YAML::Emitter& out) {
              put_name(out, "id",
                       agent.id.size() <= kMaxRuleId ? "observed-" + agent.id
                                                     : fmt::format("observed-{}", i + 1));
              put_name(out, "effect", "allow");
              put_names(out, "agents", {agent.id});
              put_names(out, "tools", {agent.tools.begin(), agent.tools.end()});
            }) +
            "\n";
  }
  return text;
}

std::string agents_text(const policy::Suggestion& suggestion,
                        const std::vector<ObservedSession>& sessions) {
  std::string text = suggestion.agents.empty() ? "agents: []\n" : "agents:\n";
  for (const policy::SuggestedAgent& agent : suggestion.agents) {
    std::uint64_t most = 0;
    for (const ObservedSession& session : sessions) {
      if (session.agent == agent.id) most = std::max(most, session.calls);
    }
    text +=
        "  " + comment(fmt::format("Its longest session made {}: limits: {{max_tool_calls: {}}}",
                                   count_of(most, "call"), most));
    text += "  - " + mapping([&](YAML::Emitter& out) {
              put_name(out, "id", agent.id);
              if (sessions.front().tenant != identity::kDefaultTenant)
                put_name(out, "tenant", sessions.front().tenant);
              put_names(out, "scopes", agent.scopes);
              put_name(out, "mode", "enforce");
            }) +
            "\n";
  }
  return text;
}

}  // namespace

void ObservedSession::add(const v1::Record& decision) {
  const v1::Decision& d = decision.decision();
  const std::uint64_t when = decision.time_unix_ns();
  if (calls == 0) {
    tenant = d.tenant();
    user = d.user().id();
    agent = d.agent().id();
    mode = d.mode();
    first_unix_ns = when;
  }
  first_unix_ns = std::min(first_unix_ns, when);
  last_unix_ns = std::max(last_unix_ns, when);
  ++calls;
}

policy::ObservedCall observed_call(const v1::Call& call) {
  const v1::Decision& d = call.decision().decision();
  const std::string& result = call.outcome().outcome().result();
  policy::ObservedCall seen{
      .request = {.protocol = d.request().protocol(),
                  .method = d.request().method(),
                  .host = d.destination().host(),
                  .path = d.request().path(),
                  .destination = {.address = d.destination().address(),
                                  .port = static_cast<std::uint16_t>(d.destination().port())}},
      .agent = d.agent().id(),
      .tool = d.tool().name(),
      .effect =
          d.tool().effect() == v1::EFFECT_READ ? policy::Effect::kRead : policy::Effect::kWrite,
      .scopes = {d.scopes().required().begin(), d.scopes().required().end()},
      .captures = {d.tool().captures().begin(), d.tool().captures().end()}};
  if (d.code() == "inbound") {
    seen.left_out = "the agent answered a peer";
  } else if (seen.request.protocol == "opaque" || seen.request.protocol == "unparseable") {
    seen.left_out = seen.request.protocol;
  } else if (d.verdict() != v1::VERDICT_ALLOW && d.verdict() != v1::VERDICT_FLAG) {
    seen.left_out = "denied: " + d.code();
  } else if (d.tool().has_mcp() || policy::names_traffic(d.tool().name())) {
    seen.left_out = "said to an MCP server, whose tools are named by hand";
  } else if (result == "refused" || result == "aborted" || result == "held") {
    seen.left_out = "denied after it began";
  } else if (seen.request.protocol == kCommandProtocol) {
    seen.left_out = "a command: name it as a tool yourself, program: " + seen.request.path;
  }
  return seen;
}

std::set<std::string> rules_that_found(const v1::Call& call) {
  std::set<std::string> rules;
  for (const v1::Finding& f : call.decision().decision().findings()) rules.insert(f.rule());
  for (const v1::Finding& f : call.outcome().outcome().findings()) rules.insert(f.rule());
  return rules;
}

Result<SuggestionText> text_of(const policy::Suggestion& suggestion,
                               const std::vector<ObservedSession>& sessions) {
  SuggestionText text{.policy = policy_text(suggestion, sessions),
                      .agents = agents_text(suggestion, sessions)};
  Diagnostics found;
  if (!policy::PolicySet::load_from_text({{"suggestion", text.policy}}, found) || !found.empty()) {
    return fail(ErrorCode::kInternal, "the suggestion is no policy: {}",
                found.empty() ? "" : to_string(found.front()));
  }
  return text;
}

std::string commented(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines += "# " + text.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return lines;
}

google::protobuf::Struct document_of(const policy::Suggestion& suggestion,
                                     const SuggestionText& text) {
  google::protobuf::Struct document;
  auto& fields = *document.mutable_fields();
  fields["policy"].set_string_value(text.policy);
  fields["agents"].set_string_value(text.agents);
  fields["complete"].set_bool_value(!suggestion.cut);
  auto& left_out = *fields["leftOut"].mutable_list_value();
  for (const LeftOut& one : suggestion.left_out) {
    auto& entry = *left_out.add_values()->mutable_struct_value()->mutable_fields();
    entry["call"].set_string_value(printable(left_out_text(one)));
    entry["why"].set_string_value(printable(one.why));
  }
  return document;
}

}  // namespace writ::cli
