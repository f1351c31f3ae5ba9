// What is known of a message to an MCP server beyond its tool's name, and what its answer tells.
#include "daemon/judge.h"
#include "daemon/mcp_call.h"
#include "daemon/question.h"

namespace writ::daemon {
namespace {

constexpr std::string_view kListTools = "tools/list";

// Tenants may mean different servers by one address.
std::string server_key(const Session& session, const Call& call) {
  return session.writ.tenant + " " + mcp_server(call.request);
}

// The tool is not what it was when it was first listed. Where: at what names it.
scan::Finding tool_changed(const std::string& name) {
  return {.rule = "mcp.tool_changed",
          .category = "mcp",
          .count = 1,
          .offset = 0,
          .sample = printable(name)};
}

}  // namespace

void Judge::look_at_message(const Session& session, Call& call) const {
  if (!call.request.mcp || !call.mcp_arguments.empty()) return;  // none, or it was looked at
  const McpMessage& message = *call.request.mcp;
  // What the agent answers has none: the body's digest is all there is of it.
  if (message.kind != McpMessage::Kind::kResponse)
    call.mcp_arguments = digests_.copy().hex_of(message.arguments);
  if (message.method == "tools/call" && tools_.changed(server_key(session, call), message.name))
    call.arguments.add_finding(tool_changed(message.name));
}

void Judge::take_result(Session& session, Call& call) {
  hand_out_answers(call);
  for (Call* one : calls_in(call)) {
    const auto settings = session.policy->settings(
        session.writ.user.id, one->tool ? &*one->tool : nullptr, session.writ.tier);
    if (settings.results == policy::ResultAction::kOff) one->result.forget_findings();
    read_answer(session, *one);
    if (one->message) continue;
    session.facts.note_result(tool_name(*one), !one->tool || one->tool->tool->untrusted,
                              finding_views(one->result.findings(), 0));
  }
}

void Judge::read_answer(const Session& session, Call& call) {
  const auto result = read_mcp_answer(call);
  if (!result) return;
  call.mcp_answer = digests_of(*result);
  if (call.request.mcp->method != kListTools) return;
  for (scan::Finding& changed : note_tools(server_key(session, call), *result))
    call.result.add_finding(std::move(changed));
}

McpAnswer Judge::digests_of(const protocol::McpResult& result) const {
  audit::DigestStream digests = digests_.copy();
  McpAnswer answer{.error = result.error, .error_text = result.error_text};
  if (!result.result.empty()) answer.result = digests.hex_of(result.result);
  if (!result.structured.empty()) answer.structured = digests.hex_of(result.structured);
  return answer;
}

std::vector<scan::Finding> Judge::note_tools(const std::string& server,
                                             const protocol::McpResult& result) {
  std::vector<scan::Finding> changed;
  for (const protocol::McpTool& tool : protocol::listed_tools(result.result)) {
    if (!tools_.note(server, tool.name, digests_.hex_of(tool.definition)))
      changed.push_back(tool_changed(tool.name));
  }
  return changed;
}

void Judge::await_answer(const Session& session, Call& call, McpStream& stream,
                         std::string detail) {
  McpStream::Waiting waiting{
      .outcome = outcome_record(call, session, "completed", std::move(detail), context_),
      .decided_ns = call.decided_ns};
  if (call.request.mcp->method == kListTools) waiting.lists = server_key(session, call);
  call.stage = Stage::kDone;
  if (auto unable = stream.wait(call.request.mcp->id, std::move(waiting)))
    append_outcome(std::move(unable->outcome));
}

bool Judge::take_answer(McpStream& stream, const protocol::McpResult& result) {
  auto waiting = stream.take(result.id);
  if (!waiting) return false;
  v1::Outcome& outcome = *waiting->outcome.mutable_outcome();
  fill_answer(digests_of(result), *outcome.mutable_mcp());
  if (!waiting->lists.empty())
    fill_findings(note_tools(waiting->lists, result), "result", *outcome.mutable_findings());
  outcome.set_duration_ns(monotonic_ns() - waiting->decided_ns);
  append_outcome(std::move(waiting->outcome));
  return true;
}

}  // namespace writ::daemon
