#include "pdp/document.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <set>
#include <vector>

#include "pdp/text.h"
#include "util/json_text.h"

namespace writ::pdp {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::string text(std::string_view value) { return json_string(valid_utf8(value)); }

std::string list(Texts values) {
  std::string out = "[";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += text(value);
  }
  return out + ']';
}

bool has_nul(std::string_view value) { return value.find('\0') != std::string_view::npos; }

// Whether two readers could read what is below `value` differently: a name twice in one object, or
// a NUL. The parser has bounded the depth.
bool ambiguous(const element& value) {
  switch (value.type()) {
    case element_type::ARRAY: {
      const auto elements = simdjson::dom::array(value);
      return std::any_of(elements.begin(), elements.end(), ambiguous);
    }
    case element_type::OBJECT: {
      std::vector<std::string_view> names;
      for (const auto field : simdjson::dom::object(value)) {
        if (has_nul(field.key) || ambiguous(field.value)) return true;
        names.push_back(field.key);
      }
      std::sort(names.begin(), names.end());
      return std::adjacent_find(names.begin(), names.end()) != names.end();
    }
    case element_type::STRING:
      return has_nul(std::string_view(value));
    case element_type::INT64:
    case element_type::UINT64:
    case element_type::DOUBLE:
    case element_type::BOOL:
    case element_type::NULL_VALUE:
      return false;
  }
  return true;
}

struct Args {
  std::string json = "null";
  const char* state = "none";
};

// The arguments are the agent's: what stands in the document is what a parser has read whole, so
// that they cannot end their place in it and go on as something else.
Args read_args(const PdpTool& tool) {
  if (!tool.args_complete) return {.state = "truncated"};
  if (tool.args.empty()) return {};
  if (tool.args.size() > kMaxArgsBytes) return {.state = "too_large"};
  simdjson::dom::parser parser;
  element root;
  if (parser.allocate(tool.args.size(), kMaxArgsDepth) != simdjson::SUCCESS ||
      parser.parse(tool.args.data(), tool.args.size()).get(root) != simdjson::SUCCESS ||
      ambiguous(root)) {
    return {.state = "unreadable"};
  }
  // The text itself, without blanks: a number keeps the digits that it came with.
  std::string bytes(tool.args.size() + simdjson::SIMDJSON_PADDING, '\0');
  std::size_t used = 0;
  if (simdjson::minify(tool.args.data(), tool.args.size(), bytes.data(), used) !=
      simdjson::SUCCESS) {
    return {.state = "unreadable"};
  }
  bytes.resize(used);
  return {.json = std::move(bytes), .state = "complete"};
}

// The members of each object, without its braces.
std::string user_properties(const PdpUser& user) {
  return fmt::format(R"("email":{},"roles":{},"scopes":{},"tenant":{},"identity":{})",
                     text(user.email), list(user.roles), list(user.scopes), text(user.tenant),
                     text(user.identity));
}

std::string tool_properties(const PdpTool& tool) {
  const Args args = read_args(tool);
  return fmt::format(R"("effect":{},"args":{},"args_state":"{}")", text(tool.effect), args.json,
                     args.state);
}

std::string request_members(const PdpRequest& request) {
  return fmt::format(
      R"("method":{},"host":{},"path":{},"query":{},"protocol":{},"trace_id":{},"complete":{})",
      text(request.method), text(request.host), text(request.path), text(request.query),
      text(request.protocol), text(request.trace_id), request.complete);
}

std::string findings_list(std::span<const PdpFinding> findings) {
  std::string out = "[";
  for (const PdpFinding& finding : findings) {
    if (out.size() > 1) out += ',';
    out += fmt::format(R"({{"rule":{},"category":{},"count":{},"where":{}}})", text(finding.rule),
                       text(finding.category), finding.count, text(finding.where));
  }
  return out + ']';
}

std::string budget_members(std::span<const PdpBudget> budget) {
  std::string out;
  std::set<std::string_view> seen;
  for (const PdpBudget& entry : budget) {
    if (!seen.insert(entry.name).second) continue;  // a name twice has no single meaning
    if (!out.empty()) out += ',';
    out += fmt::format(R"({}:{{"left":{}}})", text(entry.name),
                       entry.left ? std::to_string(*entry.left) : "null");
  }
  return out;
}

// What both dialects say in the same words, from `agent` to `budget`.
std::string surroundings(const PdpInput& input) {
  const PdpAgent& agent = input.agent;
  const PdpSession& session = input.session;
  return fmt::format(
             R"("agent":{{"id":{},"scopes":{},"tier":{},"chain":{}}},"scopes":{{"effective":{}}})",
             text(agent.id), list(agent.scopes), text(agent.tier), list(agent.chain),
             list(input.effective_scopes)) +
         fmt::format(
             R"(,"findings":{},"session":{{"id":{},"calls":{},"tainted":{},"tools":{}}},"budget":{{{}}})",
             findings_list(input.findings), text(session.id), session.calls, session.tainted,
             list(session.tools), budget_members(input.budget));
}

std::string opa(const PdpInput& input) {
  return fmt::format(
      R"({{"input":{{"user":{{"id":{},{}}},"tool":{{"name":{},"server":{},{}}},"request":{{{}}},{}}}}})",
      text(input.user.id), user_properties(input.user), text(input.tool.name),
      text(input.tool.server), tool_properties(input.tool), request_members(input.request),
      surroundings(input));
}

std::string authzen(const PdpInput& input) {
  const PdpTool& tool = input.tool;
  return fmt::format(
             R"({{"subject":{{"type":"user","id":{},"properties":{{{}}}}},"action":{{"name":{},"properties":{{{}}}}})",
             text(input.user.id), user_properties(input.user),
             text(tool.name.empty() ? "?" : tool.name), tool_properties(tool)) +
         fmt::format(
             R"(,"resource":{{"type":"server","id":{},"properties":{{{}}}}},"context":{{{}}}}})",
             text(tool.server.empty() ? input.request.host : tool.server),
             request_members(input.request), surroundings(input));
}

std::size_t size_of(Texts values) {
  std::size_t bytes = 0;
  for (const std::string& value : values) bytes += value.size() + 3;
  return bytes;
}

// At least this long is what the document must hold; written first, it could be six times the size.
std::size_t least_size(const PdpInput& in) {
  std::size_t bytes = size_of(in.user.roles) + size_of(in.user.scopes) + size_of(in.agent.scopes) +
                      size_of(in.agent.chain) + size_of(in.effective_scopes) +
                      size_of(in.session.tools);
  for (const std::string_view one :
       {in.user.id, in.user.email, in.user.tenant, in.user.identity, in.agent.id, in.agent.tier,
        in.tool.name, in.tool.server, in.tool.effect, in.request.method, in.request.host,
        in.request.path, in.request.query, in.request.protocol, in.request.trace_id,
        in.session.id}) {
    bytes += one.size();
  }
  for (const PdpFinding& finding : in.findings) {
    bytes += finding.rule.size() + finding.category.size() + finding.where.size();
  }
  for (const PdpBudget& entry : in.budget) bytes += entry.name.size();
  return bytes;
}

}  // namespace

Result<std::string> write_document(Dialect dialect, const PdpInput& input) {
  std::string document;
  if (least_size(input) <= kMaxDocumentBytes) {
    document = dialect == Dialect::kOpa ? opa(input) : authzen(input);
  }
  if (document.empty() || document.size() > kMaxDocumentBytes) {
    return fail(ErrorCode::kInvalid, "the call is too large to be asked about: more than {} KiB",
                kMaxDocumentBytes >> 10);
  }
  return document;
}

}  // namespace writ::pdp
