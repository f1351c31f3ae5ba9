// What anyone may send to the token endpoint: up to the first line's end the Authorization header,
// behind it the form. What is read must be within its bounds, and what is refused must be a
// well-formed OAuth error that holds nothing of what was sent.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "identity/exchange_config.h"
#include "identity/token_exchange.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ::identity;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = all.find('\n');
  const std::string_view header = cut == all.npos ? "" : all.substr(0, cut);
  const std::string_view body = cut == all.npos ? all : all.substr(cut + 1);

  if (const auto basic = parse_basic(header)) {
    require(!basic->id.empty() && basic->id.size() <= kMaxCredential);
    require(basic->secret.size() <= kMaxCredential);
  }
  if (const auto form = parse_form(body)) {
    require(form->size() <= kMaxFormParameters);
    std::size_t bytes = 0;
    for (const auto& [name, value] : *form) bytes += name.size() + value.size();
    require(bytes <= body.size());
  }
  const auto parsed = parse_exchange_request(
      {.content_type = "application/x-www-form-urlencoded", .authorization = header, .body = body});
  if (const auto* error = std::get_if<OAuthError>(&parsed)) {
    const TokenResponse response = to_response(*error);
    require((response.status == 400 || response.status == 401) && !response.error.empty());
    for (const char c : response.body) require(c >= ' ' && c <= '~' && c != '\\');
    return 0;
  }
  const auto& request = std::get<ExchangeRequest>(parsed);
  require(!request.subject_token.empty());
  require(request.client || request.writ.size() == 32);
  require(request.targets.size() <= kMaxTargets);
  for (const std::string& target : request.targets) require(valid_audience(target));
  if (request.scopes) {
    require(!request.scopes->empty() && request.scopes->size() <= kMaxScopes);
    for (const std::string& scope : *request.scopes) require(valid_scope(scope));
  }
  return 0;
}
