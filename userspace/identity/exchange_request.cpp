#include "identity/exchange_request.h"

#include <algorithm>
#include <array>
#include <map>

#include "identity/exchange_config.h"

namespace writ::identity {
namespace {

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::array<std::string_view, 3> kSubjectTypes = {kTypeAccessToken, kTypeIdToken,
                                                           kTypeJwt};
constexpr std::size_t kWritIdDigits = 32;

OAuthError invalid(std::string description) {
  return {.status = 400, .code = "invalid_request", .description = std::move(description)};
}

// `; charset=` and others are let be: the escapes are UTF-8 in any case.
bool is_form(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
  return std::equal(type.begin(), type.end(), kFormType.begin(), kFormType.end(),
                    [](char a, char b) { return a == b || (a >= 'A' && a <= 'Z' && a + 32 == b); });
}

// RFC 8707 section 2: an absolute URI without a fragment.
bool valid_resource(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (!valid_audience(uri) || colon == uri.npos || colon == 0 || uri.find('#') != uri.npos)
    return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return letter(uri[0]) &&
         std::all_of(uri.begin(), uri.begin() + static_cast<long>(colon), [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
         });
}

// The parameters of one request; take() hands each out once.
class Parameters {
 public:
  // An empty value counts as absent (RFC 6749 section 3.2).
  std::optional<OAuthError> fill(Form&& form) {
    std::map<std::string, int, std::less<>> seen;
    for (auto& [name, value] : form) {
      const bool several = name == "resource" || name == "audience";
      if (!several && ++seen[name] > 1)
        return invalid("a parameter is there twice; only resource and audience may be");
      if (value.empty()) continue;
      if (!several) {
        single_[name] = std::move(value);
        continue;
      }
      if (name == "resource" ? !valid_resource(value) : !valid_audience(value)) {
        return OAuthError{.code = "invalid_target",
                          .description =
                              "a resource is an absolute URI without a fragment, an "
                              "audience a name without blanks"};
      }
      if (std::find(targets_.begin(), targets_.end(), value) != targets_.end()) continue;
      if (targets_.size() == kMaxTargets) {
        return OAuthError{
            .code = "invalid_target",
            .description = fmt::format("at most {} targets in one request", kMaxTargets)};
      }
      targets_.push_back(std::move(value));
    }
    return std::nullopt;
  }

  std::optional<std::string> take(std::string_view name) {
    const auto found = single_.find(name);
    if (found == single_.end()) return std::nullopt;
    return std::move(single_.extract(found).mapped());
  }
  std::vector<std::string> take_targets() { return std::move(targets_); }

 private:
  std::map<std::string, std::string, std::less<>> single_;
  std::vector<std::string> targets_;
};

std::optional<OAuthError> read_subject(Parameters& parameters, ExchangeRequest& out) {
  auto token = parameters.take("subject_token");
  const auto type = parameters.take("subject_token_type");
  if (!token) return invalid("subject_token is missing: send the person's token");
  if (!type) return invalid("subject_token_type is missing");
  if (std::find(kSubjectTypes.begin(), kSubjectTypes.end(), *type) == kSubjectTypes.end()) {
    return invalid(
        "subject_token_type must be access_token, id_token or jwt, as the whole "
        "urn:ietf:params:oauth:token-type:...");
  }
  out.subject_token = std::move(*token);
  return std::nullopt;
}

std::optional<OAuthError> read_actor(Parameters& parameters, ExchangeRequest& out) {
  auto token = parameters.take("actor_token");
  const auto type = parameters.take("actor_token_type");
  if (!token && type) return invalid("actor_token_type is there without an actor_token");
  if (!token) return std::nullopt;
  if (!type) return invalid("actor_token_type is missing: it is urn:writ:token-type:writ");
  if (*type != kTypeWrit) {
    return invalid(
        "actor_token_type must be urn:writ:token-type:writ; a client proves itself by "
        "HTTP Basic or client_secret instead");
  }
  const bool id =
      token->size() == kWritIdDigits && token->find_first_not_of("0123456789abcdef") == token->npos;
  if (!id) return invalid("actor_token is not the id of a writ: 32 hex digits, as writ grant says");
  out.writ = std::move(*token);
  return std::nullopt;
}

std::optional<OAuthError> read_client(std::string_view authorization, Parameters& parameters,
                                      ExchangeRequest& out) {
  auto id = parameters.take("client_id");
  auto secret = parameters.take("client_secret");
  if (!authorization.empty()) {
    auto basic = parse_basic(authorization);
    if (!basic) {
      return OAuthError{
          .status = 401, .code = "invalid_client", .description = basic.error().message};
    }
    if (secret) return invalid("the client authenticates twice: by Basic and by client_secret");
    if (id && *id != basic->id) return invalid("client_id is another than the one of Basic");
    out.client = std::move(*basic);
    return std::nullopt;
  }
  if (!id && !secret) return std::nullopt;
  if (!id) return invalid("client_secret is there without a client_id");
  if (!secret || id->size() > kMaxCredential || secret->size() > kMaxCredential) {
    return OAuthError{.status = 401,
                      .code = "invalid_client",
                      .description =
                          "the client does not authenticate: send its secret by Basic or "
                          "as client_secret"};
  }
  out.client = ClientCredential{std::move(*id), std::move(*secret)};
  return std::nullopt;
}

std::optional<OAuthError> read_scope(Parameters& parameters, ExchangeRequest& out) {
  const auto text = parameters.take("scope");
  if (!text) return std::nullopt;
  Scopes scopes;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view scope = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (scope.empty()) continue;
    if (!valid_scope(scope) || scopes.size() == kMaxScopes) {
      return OAuthError{.code = "invalid_scope",
                        .description =
                            "scope holds a value that is none: words with dots, a * only "
                            "as the whole last word, blanks between scopes"};
    }
    scopes.emplace_back(scope);
  }
  if (!scopes.empty()) out.scopes = minimal(std::move(scopes));
  return std::nullopt;
}

std::optional<OAuthError> read_requested_type(Parameters& parameters, ExchangeRequest& out) {
  const auto type = parameters.take("requested_token_type");
  if (type && *type != kTypeAccessToken && *type != kTypeJwt)
    return invalid("requested_token_type can be access_token or jwt; Writ issues no other");
  out.as_jwt = type == kTypeJwt;
  return std::nullopt;
}

}  // namespace

std::variant<ExchangeRequest, OAuthError> parse_exchange_request(const TokenRequest& request) {
  if (!is_form(request.content_type))
    return invalid("Content-Type must be application/x-www-form-urlencoded");
  if (request.body.size() > kMaxExchangeBody) return invalid("the body is longer than 64 KiB");
  auto form = parse_form(request.body);
  if (!form) return invalid(form.error().message);
  Parameters parameters;
  if (auto error = parameters.fill(std::move(*form))) return *error;

  const auto grant = parameters.take("grant_type");
  if (!grant) return invalid("grant_type is missing");
  if (*grant != kGrantTokenExchange) {
    return OAuthError{.code = "unsupported_grant_type",
                      .description =
                          "grant_type must be "
                          "urn:ietf:params:oauth:grant-type:token-exchange"};
  }
  ExchangeRequest out;
  if (auto error = read_client(request.authorization, parameters, out)) return *error;
  if (auto error = read_subject(parameters, out)) return *error;
  if (auto error = read_actor(parameters, out)) return *error;
  if (out.writ.empty() && !out.client)
    return invalid("nobody acts: send a writ as actor_token, or authenticate as a client");
  if (auto error = read_scope(parameters, out)) return *error;
  if (auto error = read_requested_type(parameters, out)) return *error;
  out.targets = parameters.take_targets();
  return out;
}

}  // namespace writ::identity
