#include "policy/case_reader.h"

#include "policy/condition_reader.h"
#include "policy/instant.h"
#include "policy/number_text.h"
#include "util/json_text.h"

namespace writ::policy {
namespace {

// A node as JSON: what stands without quotes and looks like a number, true, false or null is one.
std::string json_of(const YAML::Node& node) {
  if (node.IsMap()) {
    std::string text;
    for (const auto& entry : node) {
      text += (text.empty() ? "" : ",") + json_string(entry.first.Scalar()) + ":" +
              json_of(entry.second);
    }
    return "{" + text + "}";
  }
  if (node.IsSequence()) {
    std::string text;
    for (const auto& one : node) text += (text.empty() ? "" : ",") + json_of(one);
    return "[" + text + "]";
  }
  if (!node.IsScalar()) return "null";
  const std::string& text = node.Scalar();
  const bool plain = node.Tag() == "?";
  if (plain && (text == "true" || text == "false" || parse_number(text))) return text;
  return json_string(text);
}

class CaseReader {
 public:
  CaseReader(const YAML::Node& node, const std::string& file, const identity::Directory* directory,
             Diagnostics& out)
      : map_(node, file, out), directory_(directory), out_(out) {
    case_.file = file;
    case_.line = node.Mark().line + 1;
  }

  Case read() {
    case_.name = map_.required_string("name");
    read_person();
    read_agent();
    if (const auto tier = map_.one_of("tier", {"interactive", "subagent", "background", "api"}))
      case_.writ.tier = *identity::tier_from_text(*tier);
    const auto strength = map_.one_of("identity", {"asserted", "unix_peer", "login", "token"});
    case_.writ.strength = *identity::strength_from_text(strength.value_or("login"));
    identity::Writ& writ = case_.writ;
    writ.effective = map_.has("scopes") ? identity::minimal(map_.strings("scopes"))
                                        : identity::intersect(writ.user.scopes, writ.agent.scopes);
    (void)map_.strings("scopes");  // the key is known
    writ.chain = {writ.agent.id};
    read_request();
    read_body();
    case_.findings = read_findings_of(map_, "findings");
    read_session();
    read_budget();
    if (const auto at = map_.string("at")) {
      const auto instant = parse_instant(*at);
      if (!instant || instant->date_only)
        map_.error("at", "'at' is no moment", "write 2026-01-31T08:00:00Z");
      if (instant) case_.at.emplace(std::chrono::seconds(instant->seconds));
    }
    read_expectation();
    map_.finish();
    return std::move(case_);
  }

 private:
  void read_person() {
    identity::User& user = case_.writ.user;
    user.scopes = {"*"};
    const YAML::Node node = map_.child("user");
    if (node.IsDefined() && node.IsMap()) {
      YamlMap keys(node, map_.file(), out_);
      user.id = keys.required_string("id");
      user.tenant = keys.string("tenant").value_or(identity::kDefaultTenant);
      user.roles = keys.strings("roles");
      if (keys.has("scopes")) user.scopes = identity::minimal(keys.strings("scopes"));
      (void)keys.strings("scopes");
      keys.finish();
    } else {
      user.id = map_.required_string("user");
      user.tenant = map_.string("tenant").value_or(identity::kDefaultTenant);
      if (const auto* known = directory_ ? directory_->user(user.tenant, user.id) : nullptr) {
        user = *known;
      } else if (directory_ != nullptr && !user.id.empty()) {
        map_.error("user", fmt::format("the directory has no user '{}'", user.id));
      }
    }
    (void)map_.string("tenant");
    case_.writ.tenant = user.tenant;
  }

  void read_agent() {
    identity::Agent& agent = case_.writ.agent;
    agent.tenant = case_.writ.tenant;
    agent.scopes = {"*"};
    const YAML::Node node = map_.child("agent");
    if (node.IsDefined() && node.IsMap()) {
      YamlMap keys(node, map_.file(), out_);
      agent.id = keys.required_string("id");
      if (keys.has("scopes")) agent.scopes = identity::minimal(keys.strings("scopes"));
      (void)keys.strings("scopes");
      keys.finish();
      return;
    }
    agent.id = map_.string("agent").value_or("agent");
    if (directory_ == nullptr || !map_.has("agent")) return;
    if (const auto* known = directory_->agent(agent.tenant, agent.id)) {
      agent = *known;
    } else {
      map_.error("agent", fmt::format("the directory has no agent '{}'", agent.id));
    }
  }

  void read_request() {
    case_.tool = map_.string("tool").value_or("");
    const YAML::Node captures = map_.child("captures");
    if (captures.IsDefined()) {
      YamlMap keys(captures, map_.file(), out_);
      for (const auto& entry : keys.node()) {
        const std::string& name = entry.first.Scalar();
        case_.captures[name] = keys.string(name).value_or("");
      }
      if (case_.tool.empty()) map_.error("captures", "'captures' goes with 'tool'");
    }
    const YAML::Node request = map_.child("request");
    if (request.IsDefined() == !case_.tool.empty()) {
      map_.error("request", "a case is about a 'tool' or a 'request'", "write one of them");
      return;
    }
    if (!request.IsDefined()) return;
    YamlMap keys(request, map_.file(), out_);
    ToolCall& call = case_.call;
    call.protocol = keys.string("protocol").value_or(call.protocol);
    call.method = keys.required_string("method");
    call.host = keys.required_string("host");
    call.path = keys.required_string("path");
    call.query = keys.string("query").value_or("");
    call.destination.address = keys.string("address").value_or("");
    call.destination.port =
        static_cast<std::uint16_t>(keys.integer("port", 1, 65535).value_or(443));
    const auto name = keys.string("mcp");
    const auto method = keys.string("mcp_method");
    if (name || method)
      call.mcp = McpMessage{.method = method.value_or("tools/call"), .name = name.value_or("")};
    keys.finish();
  }

  void read_body() {
    const YAML::Node args = map_.child("args");
    if (args.IsDefined()) case_.body = json_of(args);
    if (auto body = map_.string("body")) {
      if (case_.body) map_.error("body", "'args' is the body already", "write one of them");
      case_.body = std::move(*body);
    }
  }

  std::vector<AskedFinding> read_findings_of(YamlMap& map, const std::string& key) {
    std::vector<AskedFinding> all;
    if (!map.child(key).IsDefined()) return all;
    each_of(map, key, [&](const YAML::Node& node) {
      AskedFinding finding;
      if (node.IsMap()) {
        YamlMap keys(node, map.file(), out_);
        finding.rule = keys.required_string("rule");
        finding.category = keys.string("category").value_or("");
        finding.count = static_cast<std::uint32_t>(keys.integer("count", 1, 1'000'000).value_or(1));
        finding.where = keys.string("where").value_or("");
        keys.finish();
      } else if (node.IsScalar()) {
        finding.rule = node.Scalar();
      } else {
        map.error(key, fmt::format("'{}' must hold plain values", key));
      }
      if (finding.category.empty()) finding.category = category_of(finding.rule);
      all.push_back(std::move(finding));
    });
    return all;
  }

  void read_session() {
    const YAML::Node node = map_.child("session");
    if (!node.IsDefined()) return;
    YamlMap keys(node, map_.file(), out_);
    for (const std::string& tool : keys.strings("used"))
      case_.session.note_call(tool, kAnotherCall);
    case_.repeated = static_cast<int>(keys.integer("repeated", 0, 10'000).value_or(0));
    keys.each("results", [&](const YAML::Node& result) {
      YamlMap one(result, map_.file(), out_);
      const std::string tool = one.required_string("tool");
      const bool untrusted = one.boolean("untrusted").value_or(false);
      const std::vector<AskedFinding> found = read_findings_of(one, "findings");
      std::vector<FindingView> views;
      views.reserve(found.size());
      for (const AskedFinding& finding : found)
        views.push_back({.rule = finding.rule, .category = finding.category});
      case_.session.note_result(tool, untrusted, views);
      one.finish();
    });
    keys.finish();
  }

  void read_budget() {
    const YAML::Node node = map_.child("budget");
    if (!node.IsDefined()) return;
    YamlMap keys(node, map_.file(), out_);
    for (const auto& entry : keys.node()) {
      const std::string& name = entry.first.Scalar();
      if (const auto left = keys.integer(name, 0, 1'000'000'000'000))
        case_.budget.emplace_back(name, *left);
    }
  }

  void read_expectation() {
    const std::vector<std::string> kVerdicts = {"allow", "flag", "redact", "hold", "deny"};
    const YAML::Node node = map_.child("expect");
    if (node.IsDefined() && node.IsMap()) {
      YamlMap keys(node, map_.file(), out_);
      if (!keys.has("verdict")) keys.error("verdict", "'verdict' is missing");
      case_.verdict = keys.one_of("verdict", kVerdicts).value_or("");
      case_.rule = keys.string("rule").value_or("");
      case_.code = keys.string("code").value_or("");
      keys.finish();
    } else if (node.IsDefined()) {
      case_.verdict = map_.one_of("expect", kVerdicts).value_or("");
    } else {
      map_.error("expect", "'expect' is missing", "write allow, flag, redact, hold or deny");
    }
  }

  YamlMap map_;
  const identity::Directory* directory_;
  Diagnostics& out_;
  Case case_;
};

}  // namespace

Case read_case(const YAML::Node& node, const std::string& file,
               const identity::Directory* directory, Diagnostics& out) {
  return CaseReader(node, file, directory, out).read();
}

}  // namespace writ::policy
