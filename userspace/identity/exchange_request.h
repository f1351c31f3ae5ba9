// The body of a token request (RFC 8693 section 2.1, RFC 6749 section 2.3) as values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "identity/scope.h"
#include "util/result.h"

namespace writ::identity {

inline constexpr std::size_t kMaxExchangeBody = 64u << 10;
inline constexpr std::size_t kMaxFormParameters = 64;
inline constexpr std::size_t kMaxTargets = 8;
inline constexpr std::size_t kMaxCredential = 512;  // bytes, of a client's id or secret

inline constexpr std::string_view kGrantTokenExchange =
    "urn:ietf:params:oauth:grant-type:token-exchange";
inline constexpr std::string_view kTypeAccessToken =
    "urn:ietf:params:oauth:token-type:access_token";
inline constexpr std::string_view kTypeIdToken = "urn:ietf:params:oauth:token-type:id_token";
inline constexpr std::string_view kTypeJwt = "urn:ietf:params:oauth:token-type:jwt";
inline constexpr std::string_view kTypeWrit = "urn:writ:token-type:writ";

// What a client is told (RFC 6749 section 5.2). The description says what to do and holds nothing
// of what was sent; to_response() makes it the characters that the RFC allows.
struct OAuthError {
  int status = 400;
  std::string code;  // "invalid_request", ...
  std::string description;
};

// Not yet checked against anything.
struct ClientCredential {
  std::string id;
  std::string secret;
};

struct ExchangeRequest {
  std::string subject_token;
  std::string writ;  // its id; empty: no actor_token
  std::optional<ClientCredential> client;
  std::vector<std::string> targets;  // resource and audience, each once
  std::optional<Scopes> scopes;      // absent: all there is
  bool as_jwt = false;               // requested_token_type is jwt
};

// What HTTP carries; the body may be of any length.
struct TokenRequest {
  std::string_view content_type;
  std::string_view authorization;  // the header's value; empty: none
  std::string_view body;
};

// Never fails for anything but what the request says.
std::variant<ExchangeRequest, OAuthError> parse_exchange_request(const TokenRequest& request);

// Names and values in order, decoded (application/x-www-form-urlencoded of the URL standard).
// kInvalid: a bad escape, a control character, not UTF-8, no name, or over kMaxFormParameters.
using Form = std::vector<std::pair<std::string, std::string>>;
Result<Form> parse_form(std::string_view body);

// The value of `Authorization: Basic …` (RFC 7617, form-encoded inside by RFC 6749 section 2.3.1).
// kInvalid: it is not one.
Result<ClientCredential> parse_basic(std::string_view header);

}  // namespace writ::identity
