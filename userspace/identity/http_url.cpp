#include "identity/http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <memory>

#include "identity/printable.h"

namespace writ::identity {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part(CURLU* url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, 0) != CURLUE_OK || text == nullptr) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six{};
  return ::inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace

Result<HttpUrl> parse_http_url(const std::string& url) {
  // CR and LF, for one, would reach the request.
  for (const char c : url) {
    if (c <= ' ' || c > '~') {
      return fail(ErrorCode::kInvalid, "{} holds a blank or a character that is not ASCII",
                  printable(url));
    }
  }
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorCode::kInvalid, "{} is not an address (write https://host/path)",
                printable(url));
  }
  const std::string scheme = part(parsed.get(), CURLUPART_SCHEME);
  HttpUrl result{.host = part(parsed.get(), CURLUPART_HOST), .https = scheme == "https"};
  for (char& c : result.host) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (result.host.size() > 2 && result.host.front() == '[') {
    result.host = result.host.substr(1, result.host.size() - 2);
  }
  result.loopback = is_loopback(result.host);
  if (result.host.empty() || (!result.https && scheme != "http")) {
    return fail(ErrorCode::kInvalid, "{} is not an https address", printable(url));
  }
  if (url.find('@') < url.find('/', scheme.size() + 3) || url.find('#') != std::string::npos) {
    return fail(ErrorCode::kInvalid, "{} holds a user name or a fragment (leave it out)",
                printable(url));
  }
  if (!result.https && !result.loopback) {
    return fail(ErrorCode::kInvalid, "{} is not https (http is for this host only)",
                printable(url));
  }
  return result;
}

}  // namespace writ::identity
