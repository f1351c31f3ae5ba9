#include "identity/writ_codec.h"

#include <limits>

#include "state.pb.h"

namespace writ::identity {
namespace {

using std::chrono::milliseconds;

template <class From, class To>
void add_all(const From& from, To& to) {
  for (const std::string& each : from) *to.Add() = each;
}

template <class From>
std::vector<std::string> all_of(const From& from) {
  return {from.begin(), from.end()};
}

std::uint64_t to_ms(milliseconds duration) {
  return duration.count() < 0 ? 0 : static_cast<std::uint64_t>(duration.count());
}

milliseconds from_ms(std::uint64_t ms) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  return milliseconds(static_cast<std::int64_t>(std::min(ms, kMost)));
}

void write_limits(const Limits& from, v1::Limits& to) {
  if (from.max_tool_calls) to.set_max_tool_calls(*from.max_tool_calls);
  if (from.max_duration) to.set_max_duration_ms(to_ms(*from.max_duration));
  if (from.calls_per_minute) to.set_calls_per_minute(*from.calls_per_minute);
}

Limits read_limits(const v1::Limits& from) {
  Limits to;
  if (from.has_max_tool_calls()) to.max_tool_calls = from.max_tool_calls();
  if (from.has_max_duration_ms()) to.max_duration = from_ms(from.max_duration_ms());
  if (from.has_calls_per_minute()) to.calls_per_minute = from.calls_per_minute();
  return to;
}

v1::Mode write_mode(std::optional<Mode> mode) {
  if (!mode) return v1::MODE_UNSPECIFIED;
  return *mode == Mode::kEnforce ? v1::MODE_ENFORCE : v1::MODE_OBSERVE;
}

// A number of a later writd is taken for the strict one.
std::optional<Mode> read_mode(v1::Mode mode) {
  if (mode == v1::MODE_UNSPECIFIED) return std::nullopt;
  return mode == v1::MODE_OBSERVE ? Mode::kObserve : Mode::kEnforce;
}

void write_user(const Writ& writ, v1::StoredWrit& to) {
  v1::User& user = *to.mutable_user();
  user.set_id(writ.user.id);
  user.set_email(writ.user.email);
  add_all(writ.user.roles, *user.mutable_roles());
  add_all(writ.user.scopes, *user.mutable_scopes());
  user.set_via(writ.via);
  user.set_strength(std::string(to_text(writ.strength)));
  user.set_issuer(writ.issuer);
  user.set_token(writ.token_digest);
  to.set_user_admin(writ.user.admin);
  if (writ.user.calls_per_minute) to.set_user_calls_per_minute(*writ.user.calls_per_minute);
}

void write_agent(const Agent& agent, v1::StoredWrit& to) {
  to.mutable_agent()->set_id(agent.id);
  add_all(agent.scopes, *to.mutable_agent()->mutable_scopes());
  write_limits(agent.limits, *to.mutable_agent_limits());
  to.set_agent_mode(write_mode(agent.mode));
  if (agent.ttl) to.set_agent_ttl_ms(to_ms(*agent.ttl));
  to.set_agent_max_depth(agent.max_depth);
}

User read_user(const v1::StoredWrit& from) {
  User user{.id = from.user().id(),
            .tenant = from.tenant(),
            .email = from.user().email(),
            .roles = all_of(from.user().roles()),
            .scopes = all_of(from.user().scopes()),
            .admin = from.user_admin()};
  if (from.has_user_calls_per_minute()) user.calls_per_minute = from.user_calls_per_minute();
  return user;
}

Agent read_agent(const v1::StoredWrit& from) {
  Agent agent{.id = from.agent().id(),
              .tenant = from.tenant(),
              .scopes = all_of(from.agent().scopes()),
              .limits = read_limits(from.agent_limits()),
              .mode = read_mode(from.agent_mode()),
              .max_depth = from.agent_max_depth()};
  if (from.has_agent_ttl_ms()) agent.ttl = from_ms(from.agent_ttl_ms());
  return agent;
}

}  // namespace

std::int64_t to_unix_ns(TimePoint time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

TimePoint from_unix_ns(std::int64_t ns) {
  return TimePoint(std::chrono::duration_cast<TimePoint::duration>(std::chrono::nanoseconds(ns)));
}

Result<std::string> encode_writ(const Writ& writ) {
  if (Status checked = check_writ(writ); !checked) return tl::unexpected(checked.error());
  v1::StoredWrit to;
  to.set_id(writ.id);
  to.set_parent(writ.parent);
  to.set_tenant(writ.tenant);
  write_user(writ, to);
  write_agent(writ.agent, to);
  add_all(writ.chain, *to.mutable_chain());
  add_all(writ.chain_writs, *to.mutable_chain_writs());
  add_all(writ.effective, *to.mutable_effective());
  write_limits(writ.limits, *to.mutable_limits());
  to.set_task(writ.task);
  to.set_tier(std::string(to_text(writ.tier)));
  to.set_delegations_left(writ.delegations_left);
  to.set_not_before_unix_ns(to_unix_ns(writ.not_before));
  if (writ.not_after) to.set_not_after_unix_ns(to_unix_ns(*writ.not_after));
  return to.SerializeAsString();
}

Result<Writ> decode_writ(std::string_view bytes) {
  v1::StoredWrit from;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "the bytes of a writ are not one");
  const auto tier = tier_from_text(from.tier());
  const auto strength = strength_from_text(from.user().strength());
  if (!tier || !strength)
    return fail(ErrorCode::kCorrupt, "a writ has a tier or strength that nobody knows");
  Writ writ{.id = from.id(),
            .tenant = from.tenant(),
            .user = read_user(from),
            .agent = read_agent(from),
            .chain = all_of(from.chain()),
            .chain_writs = all_of(from.chain_writs()),
            .parent = from.parent(),
            .effective = all_of(from.effective()),
            .limits = read_limits(from.limits()),
            .task = from.task(),
            .tier = *tier,
            .delegations_left = from.delegations_left(),
            .via = from.user().via(),
            .strength = *strength,
            .issuer = from.user().issuer(),
            .token_digest = from.user().token(),
            .not_before = from_unix_ns(from.not_before_unix_ns())};
  if (from.has_not_after_unix_ns()) writ.not_after = from_unix_ns(from.not_after_unix_ns());
  if (Status checked = check_writ(writ); !checked)
    return fail(ErrorCode::kCorrupt, "{}", checked.error().message);
  return writ;
}

std::string encode_session(const SessionRow& session) {
  v1::StoredSession to;
  to.set_id(session.id);
  to.set_writ_id(session.writ);
  to.set_cgroup(session.cgroup);
  to.set_cgroup_inode(session.cgroup_inode);
  to.set_mode(write_mode(session.mode));
  to.set_uid(session.uid);
  to.set_started_unix_ns(to_unix_ns(session.started));
  add_all(session.command, *to.mutable_command());
  to.set_bound_by(session.bound_by);
  return to.SerializeAsString();
}

Result<SessionRow> decode_session(std::string_view bytes) {
  v1::StoredSession from;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return fail(ErrorCode::kCorrupt, "the bytes of a session are not one");
  return SessionRow{.id = from.id(),
                    .writ = from.writ_id(),
                    .cgroup = from.cgroup(),
                    .cgroup_inode = from.cgroup_inode(),
                    .mode = read_mode(from.mode()).value_or(Mode::kEnforce),
                    .uid = from.uid(),
                    .started = from_unix_ns(from.started_unix_ns()),
                    .command = all_of(from.command()),
                    .bound_by = from.bound_by()};
}

}  // namespace writ::identity
