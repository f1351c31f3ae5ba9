#include "cli/terms.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <optional>

#include "cli/output.h"
#include "cli/time_text.h"
#include "util/unique_fd.h"

namespace writ::cli {
namespace {

// An OIDC token is a few KiB; an Entra one with many groups has been seen at 30 KiB.
constexpr std::size_t kMaxTokenFile = 16u << 10;  // what writd takes: TokenVerifier::kMaxTokenBytes

Result<std::string> read_token(const std::string& path) {
  const UniqueFd file(path == "-" ? ::dup(STDIN_FILENO)
                                  : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fail_errno(errno, "open the token file {}", path);
  std::string text(kMaxTokenFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read the token file {}", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxTokenFile) {
    return fail(ErrorCode::kInvalid,
                "the token file {} holds more than {} bytes, which no token is", path,
                kMaxTokenFile);
  }
  text.resize(size);
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) {
    return fail(ErrorCode::kInvalid, "the token file {} is empty", path);
  }
  text = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  if (printable(text) != text) {
    return fail(ErrorCode::kInvalid, "the token file {} holds no token: tokens are plain ASCII",
                path);
  }
  return text;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Status set_limit(const std::string& text, v1::Limits& limits) {
  const auto equals = text.find('=');
  const std::string name = text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  if (name == "max_duration") {
    const auto ms = parse_duration_ms(value);
    if (!ms) return tl::unexpected(ms.error());
    limits.set_max_duration_ms(*ms);
    return {};
  }
  const auto count = number(value);
  if (name == "max_tool_calls" && count) {
    limits.set_max_tool_calls(*count);
    return {};
  }
  if (name == "calls_per_minute" && count && *count <= std::numeric_limits<std::uint32_t>::max()) {
    limits.set_calls_per_minute(static_cast<std::uint32_t>(*count));
    return {};
  }
  return fail(ErrorCode::kInvalid,
              "'{}' is no limit (max_tool_calls=N, calls_per_minute=N, max_duration=10m)",
              printable(text));
}

}  // namespace

std::shared_ptr<TermsOptions> add_terms(CLI::App& app) {
  auto options = std::make_shared<TermsOptions>();
  app.add_option("--agent", options->agent, "the agent that acts");
  auto* user = app.add_option("--user", options->user,
                              "the person it acts for (root only; default: the caller)");
  app.add_option("--token-file", options->token_file,
                 "the person's OIDC token, in a file ('-': standard input)")
      ->excludes(user);
  app.add_option("--tenant", options->tenant, "when a name exists in several tenants");
  app.add_option("--scopes", options->scopes, "only these of what user and agent have in common")
      ->delimiter(',');
  app.add_option("--task", options->task, "what it is for, in words; stands in every record");
  app.add_option("--ttl", options->ttl, "how long: 90s, 10m, 2h, 3d");
  app.add_option("--limits", options->limits,
                 "max_tool_calls=N, calls_per_minute=N, max_duration=10m")
      ->delimiter(',');
  app.add_option("--tier", options->tier, "what kind of session it is")
      ->check(CLI::IsMember({"interactive", "subagent", "background", "api"}));
  return options;
}

bool says_anything(const TermsOptions& o) {
  return !o.agent.empty() || !o.user.empty() || !o.tenant.empty() || !o.token_file.empty() ||
         !o.scopes.empty() || !o.task.empty() || !o.ttl.empty() || !o.limits.empty() ||
         !o.tier.empty();
}

Result<v1::WritTerms> read_terms(const TermsOptions& options) {
  v1::WritTerms terms;
  terms.set_agent(printable(options.agent));
  terms.set_user(printable(options.user));
  terms.set_tenant(printable(options.tenant));
  for (const std::string& scope : options.scopes) terms.add_scopes(printable(scope));
  terms.set_task(printable(options.task));
  terms.set_tier(options.tier);
  if (!options.ttl.empty()) {
    const auto ms = parse_duration_ms(options.ttl);
    if (!ms) return tl::unexpected(ms.error());
    terms.set_ttl_ms(*ms);
  }
  for (const std::string& limit : options.limits) {
    if (Status set = set_limit(limit, *terms.mutable_limits()); !set) {
      return tl::unexpected(set.error());
    }
  }
  if (!options.token_file.empty()) {
    auto token = read_token(options.token_file);
    if (!token) return tl::unexpected(token.error());
    terms.set_token(std::move(*token));
  }
  return terms;
}

v1::Mode mode_of(const std::string& text) {
  if (text == "observe") return v1::MODE_OBSERVE;
  if (text == "enforce") return v1::MODE_ENFORCE;
  return v1::MODE_UNSPECIFIED;  // writd's default
}

}  // namespace writ::cli
