#include "daemon/call.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <time.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "daemon/mcp_call.h"

namespace writ::daemon {
namespace {

// Of a command line, in a record.
constexpr std::size_t kMaxShownWords = 64;

void fill_scan(const Content& content, const RecordContext& context, v1::Scan& out) {
  out.set_ruleset(context.ruleset_version);
  for (const std::string& category : context.categories) out.add_categories(category);
  out.set_bytes(content.scanned());
  out.set_complete(content.complete() && !content.problem());
}

// Words in which something was found are not for the record, and where it was is known of the first
// one only.
void fill_command(const Call& call, v1::Decision& out) {
  const Command& command = *call.command;
  v1::Command& to = *out.mutable_command();
  const std::size_t shown =
      call.arguments.findings().empty() ? std::min(command.argv.size(), kMaxShownWords) : 1;
  bool whole = !command.cut && shown >= command.argv.size();
  for (std::size_t i = 0; i < std::min(shown, command.argv.size()); ++i) {
    to.add_argv(printable(command.argv[i]));
    whole = whole && to.argv(static_cast<int>(i)) == command.argv[i];
  }
  to.set_whole(whole);
  to.set_cwd(printable(command.cwd));
  to.set_file(printable(command.file));
  to.set_script(command.script);
  to.set_digest(command.digest);
  to.mutable_parent()->set_pid(command.parent);
  to.mutable_parent()->set_exe(command.parent_executable);
}

}  // namespace

std::string new_call_id() {
  std::uint64_t random[2] = {};
  if (getrandom(random, sizeof random, 0) != sizeof random) std::abort();  // never, once booted
  return fmt::format("{:016x}{:016x}", random[0], random[1]);
}

std::uint64_t monotonic_ns() {
  timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail with this clock
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t unix_ns() {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count());
}

void name(const Session& session, Call& call) {
  call.policy = session.policy;
  read_mcp_call(session.policy->catalog(), call);
  call.tool = call.claim ? session.policy->match_name(call.claim->tool, call.claim->captures)
                         : session.policy->match(call.request);
}

std::string_view tool_name(const Call& call) {
  return call.tool ? std::string_view(call.tool->tool->name) : policy::kUnnamed;
}

void fill_user(const identity::Writ& writ, v1::User& out) {
  out.set_id(writ.user.id);
  out.set_email(writ.user.email);
  for (const std::string& role : writ.user.roles) out.add_roles(role);
  for (const std::string& scope : writ.user.scopes) out.add_scopes(scope);
  out.set_via(writ.via);
  out.set_issuer(writ.issuer);
  out.set_token(writ.token_digest);
  out.set_strength(std::string(identity::to_text(writ.strength)));
}

void fill_agent(const identity::Writ& writ, v1::Agent& out) {
  out.set_id(writ.agent.id);
  for (const std::string& scope : writ.agent.scopes) out.add_scopes(scope);
}

v1::Mode to_mode(identity::Mode mode) {
  return mode == identity::Mode::kEnforce ? v1::MODE_ENFORCE : v1::MODE_OBSERVE;
}

std::string printable(std::string_view text, std::size_t max) {
  std::string out(text.substr(0, max));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return out;
}

std::string executable_link(std::uint32_t pid, const std::string& proc) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("{}/{}/exe", proc, pid), error).native();
}

audit::DigestStream make_digest(const audit::Key& key) {
  auto digest = key.digest_stream();
  if (!digest) std::abort();  // OpenSSL without HMAC-SHA256: the audit could not have been opened
  return std::move(*digest);
}

v1::Verdict to_verdict(policy::Verdict verdict) {
  switch (verdict) {
    case policy::Verdict::kAllow:
      return v1::VERDICT_ALLOW;
    case policy::Verdict::kFlag:
      return v1::VERDICT_FLAG;
    case policy::Verdict::kDeny:
      return v1::VERDICT_DENY;
  }
  return v1::VERDICT_UNSPECIFIED;
}

void fill_findings(const std::vector<scan::Finding>& from, const char* where,
                   google::protobuf::RepeatedPtrField<v1::Finding>& to) {
  for (const scan::Finding& finding : from) {
    v1::Finding& out = *to.Add();
    out.set_rule(finding.rule);
    out.set_category(finding.category);
    out.set_where(where);
    out.set_count(finding.count);
    out.set_offset(finding.offset);
    out.set_sample(finding.sample);
  }
}

namespace {

void fill_mcp(const Call& call, v1::Tool& out) {
  const McpMessage& message = *call.request.mcp;
  out.set_server(mcp_server(call.request));
  v1::McpRequest& mcp = *out.mutable_mcp();
  mcp.set_method(message.method);
  mcp.set_name(message.name);
  mcp.set_id(message.id);
  mcp.set_arguments(call.mcp_arguments);
  mcp.set_version(message.version);
}

}  // namespace

void fill_answer(const McpAnswer& answer, v1::McpAnswer& out) {
  out.set_is_error(answer.error);
  out.set_error(printable(answer.error_text));
  out.set_result(answer.result);
  out.set_structured(answer.structured);
}

v1::Record decision_record(const Call& call, const Session& session, std::uint32_t pid,
                           const std::string& executable, const RecordContext& context) {
  v1::Record record;
  record.set_trace_id(call.id);
  v1::Decision& d = *record.mutable_decision();
  d.set_call_id(call.id);
  d.set_session_id(session.id);
  d.set_tenant(session.writ.tenant);
  d.set_writ_id(session.writ.id);
  fill_user(session.writ, *d.mutable_user());
  fill_agent(session.writ, *d.mutable_agent());
  for (const std::string& agent : session.writ.chain) d.add_chain(agent);
  for (const std::string& writ : session.writ.chain_writs) d.add_chain_writs(writ);
  d.set_tier(std::string(identity::to_text(session.writ.tier)));
  d.set_task(session.writ.task);
  for (const std::string& scope : session.writ.effective) d.mutable_scopes()->add_effective(scope);
  for (const std::string& scope : call.decision.missing) d.mutable_scopes()->add_missing(scope);
  if (call.tool) {
    d.mutable_tool()->set_name(call.tool->tool->name);
    d.mutable_tool()->set_effect(
        call.tool->tool->effect == policy::Effect::kWrite ? v1::EFFECT_WRITE : v1::EFFECT_READ);
    for (const auto& [name, value] : call.tool->captures) {
      (*d.mutable_tool()->mutable_captures())[name] = value;
    }
    for (const std::string& scope : call.tool->tool->scopes) {
      d.mutable_scopes()->add_required(scope);
    }
  }
  if (call.request.mcp) fill_mcp(call, *d.mutable_tool());
  d.mutable_destination()->set_address(call.request.destination.address);
  d.mutable_destination()->set_port(call.request.destination.port);
  d.mutable_destination()->set_host(call.request.host);
  d.mutable_destination()->set_tls(call.request.tls);
  for (const std::string& name : call.request.destination.names) {
    d.mutable_destination()->add_dns_names(name);
  }
  d.mutable_request()->set_protocol(call.request.protocol);
  d.mutable_request()->set_method(call.request.method);
  // A path of Linux, and a command line, is any bytes.
  const std::string& path = call.request.path;
  const bool local = call.command || call.request.protocol == kStdioProtocol;
  d.mutable_request()->set_path(local ? printable(path, path.size()) : path);
  d.mutable_request()->set_bytes(call.request.bytes);
  d.mutable_request()->set_digest(call.arguments.digest());
  d.mutable_request()->set_complete(call.arguments.complete());
  d.mutable_request()->set_content_encoding(printable(call.arguments.encoding()));
  if (call.command) fill_command(call, d);
  d.mutable_process()->set_pid(pid);
  d.mutable_process()->set_exe(executable);
  d.set_mode(to_mode(session.mode));
  d.set_verdict(to_verdict(call.decision.verdict));
  d.set_rule(call.decision.rule);
  d.set_reason(call.decision.reason);
  d.set_code(call.decision.code);
  d.set_policy_version(session.policy->version());
  if (call.llm) call.llm->fill(*d.mutable_llm());
  if (call.asked) fill_asked(*call.asked, d);
  fill_findings(call.arguments.findings(), "args", *d.mutable_findings());
  fill_scan(call.arguments, context, *d.mutable_scan());
  if (session.enforced() && call.first_seen_ns != 0) {
    d.set_held_ns(call.decided_ns - call.first_seen_ns);
  }
  return record;
}

v1::Record outcome_record(const Call& call, const Session& session, const char* result,
                          std::string detail, const RecordContext& context) {
  v1::Record record;
  record.set_trace_id(call.id);
  v1::Outcome& o = *record.mutable_outcome();
  o.set_call_id(call.id);
  o.set_session_id(session.id);
  o.set_result(result);
  o.set_status(static_cast<std::uint32_t>(call.status));
  o.set_bytes(call.result.bytes());
  o.set_digest(call.result.digest());
  o.set_content_encoding(printable(call.result.encoding()));
  fill_findings(call.result.findings(), "result", *o.mutable_findings());
  if (call.result.opened()) fill_scan(call.result, context, *o.mutable_scan());
  o.set_duration_ns(monotonic_ns() - call.decided_ns);
  o.set_detail(std::move(detail));
  if (call.mcp_answer) fill_answer(*call.mcp_answer, *o.mutable_mcp());
  if (call.llm && call.status != 0) call.llm->fill(context.prices, *o.mutable_llm());
  return record;
}

}  // namespace writ::daemon
