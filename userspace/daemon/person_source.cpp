#include "daemon/person_source.h"

#include <fmt/format.h>

#include "identity/name.h"
#include "identity/private_file.h"
#include "identity/unit_file.h"

namespace writ::daemon {
namespace {

using Found = Result<std::optional<FoundPerson>>;
using identity::IdentityStrength;

constexpr std::size_t kMaxTokenFile =
    (16u << 10) + 2;  // TokenVerifier::kMaxTokenBytes, and a line end

Found from_token(const PersonQuestion& question) {
  if (question.unit.empty()) return std::nullopt;
  const std::string path = question.tokens_dir + "/" + question.unit;
  auto token = identity::read_private_file(path, kMaxTokenFile);
  if (!token && token.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!token) return tl::unexpected(token.error());
  while (!token->empty() && std::string_view(" \t\r\n").find(token->back()) != std::string::npos) {
    token->pop_back();
  }
  if (token->empty()) return fail(ErrorCode::kInvalid, "{} is empty", path);
  return FoundPerson{.token = std::move(*token),
                     .user = nullptr,
                     .via = "token-file",
                     .strength = IdentityStrength::kToken,
                     .task = {}};
}

Found user_named(const PersonQuestion& question, const std::string& id, const char* via,
                 std::string task) {
  const identity::User* user = question.directory.user(question.rule.tenant, id);
  if (user == nullptr) {
    return fail(ErrorCode::kNotFound, "{} names user '{}', whom tenant {} does not have", via,
                identity::valid_name(id) ? id : "?", question.rule.tenant);
  }
  return FoundPerson{.token = {},
                     .user = user,
                     .via = via,
                     .strength = IdentityStrength::kAsserted,
                     .task = std::move(task)};
}

Found from_unit(const PersonQuestion& question) {
  if (question.unit.empty()) return std::nullopt;
  auto said = identity::read_unit_person(question.root, question.unit);
  if (!said) return tl::unexpected(said.error());
  if (!*said) return std::nullopt;
  return user_named(question, (*said)->user, "unit", std::move((*said)->task));
}

Found from_account(const PersonQuestion& question, std::optional<uid_t> uid, const char* via,
                   IdentityStrength strength) {
  if (!uid) return std::nullopt;
  const identity::User* user = question.directory.user_of_uid(*uid);
  if (user == nullptr || user->tenant != question.rule.tenant) {
    return fail(ErrorCode::kNotFound, "{}: uid {} is no user of tenant {}", via, *uid,
                question.rule.tenant);
  }
  return FoundPerson{.token = {}, .user = user, .via = via, .strength = strength, .task = {}};
}

// The kernel lets a process that has none write its own loginuid, so the number alone is anybody's
// word. It is real where systemd-logind put the process: in that user's slice, into which nobody
// else comes. sudo and su stay there.
std::optional<uid_t> real_login(const kernel::ProcessFacts* process) {
  if (process == nullptr || !process->login_uid) return std::nullopt;
  const std::string slice = fmt::format("/user.slice/user-{}.slice/", *process->login_uid);
  return process->cgroup.starts_with(slice) ? process->login_uid : std::nullopt;
}

Found ask(const PersonQuestion& question, identity::PersonSource source) {
  const kernel::ProcessFacts* process = question.process;
  switch (source) {
    case identity::PersonSource::kToken:
      return from_token(question);
    case identity::PersonSource::kUnit:
      return from_unit(question);
    case identity::PersonSource::kLogin:
      return from_account(question, real_login(process), "login", IdentityStrength::kLogin);
    case identity::PersonSource::kAccount:
      return from_account(question,
                          process == nullptr ? std::nullopt : std::optional<uid_t>(process->uid),
                          "account", IdentityStrength::kUnixPeer);
  }
  return std::nullopt;
}

}  // namespace

Found find_person(const PersonQuestion& question) {
  for (const identity::PersonSource source : question.rule.person) {
    Found found = ask(question, source);
    if (!found || *found) return found;
    // Which account it is, only a process can say: what is declared behind must wait for it.
    const bool of_process =
        source == identity::PersonSource::kLogin || source == identity::PersonSource::kAccount;
    if (of_process && question.process == nullptr) return std::nullopt;
  }
  if (question.rule.user.empty()) return std::nullopt;
  return user_named(question, question.rule.user, "agents.yaml", {});
}

}  // namespace writ::daemon
