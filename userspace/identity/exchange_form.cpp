// Form bodies and Basic credentials, as strict as it gets.
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <optional>

#include "identity/exchange_request.h"

namespace writ::identity {
namespace {

constexpr std::size_t kMaxBasic = 4 * kMaxCredential;  // two of them, base64, with some escapes

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// nullopt: a bad escape, or a control character in the result.
std::optional<std::string> decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+') {
      c = ' ';
    } else if (c == '%') {
      const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

// RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF.
bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80   ? 0
                     : lead < 0xc2 ? -1
                     : lead < 0xe0 ? 1
                     : lead < 0xf0 ? 2
                     : lead < 0xf5 ? 3
                                   : -1;
    if (more < 0 || text.size() - i <= static_cast<std::size_t>(more)) return false;
    for (int k = 1; k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      unsigned char low = 0x80;
      unsigned char high = 0xbf;
      if (k == 1 && lead == 0xe0) low = 0xa0;
      if (k == 1 && lead == 0xed) high = 0x9f;
      if (k == 1 && lead == 0xf0) low = 0x90;
      if (k == 1 && lead == 0xf4) high = 0x8f;
      if (next < low || next > high) return false;
    }
    i += static_cast<std::size_t>(more) + 1;
  }
  return true;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; };
    return lower(x) == lower(y);
  });
}

// The one way to write its bytes (RFC 4648 section 3.5): decoding and encoding must agree.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::string out(text.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes,
                      static_cast<int>(text.size())) < 0)
    return std::nullopt;
  out.resize(out.size() - static_cast<std::size_t>(text.ends_with("==")  ? 2
                                                   : text.ends_with('=') ? 1
                                                                         : 0));
  std::string again(text.size() + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(again.data()),
                  reinterpret_cast<const unsigned char*>(out.data()), static_cast<int>(out.size()));
  again.pop_back();
  if (again != text) return std::nullopt;
  return out;
}

}  // namespace

Result<Form> parse_form(std::string_view body) {
  Form form;
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (pair.empty()) continue;
    if (form.size() == kMaxFormParameters)
      return fail(ErrorCode::kInvalid, "the body has more than {} parameters", kMaxFormParameters);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) {
      return fail(ErrorCode::kInvalid,
                  "the body has a bad escape or a control character (write each value "
                  "percent-encoded, on one line)");
    }
    if (name->empty()) return fail(ErrorCode::kInvalid, "the body has a parameter without a name");
    if (!is_utf8(*name) || !is_utf8(*value))
      return fail(ErrorCode::kInvalid, "the body is not UTF-8 below its escapes");
    form.emplace_back(std::move(*name), std::move(*value));
  }
  return form;
}

Result<ClientCredential> parse_basic(std::string_view header) {
  const std::size_t blank = header.find(' ');
  if (blank == header.npos || !equal_ignoring_case(header.substr(0, blank), "Basic")) {
    return fail(ErrorCode::kInvalid,
                "the Authorization header is not HTTP Basic (authenticate with the client's id and "
                "secret)");
  }
  header.remove_prefix(blank);
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  constexpr const char* kBad =
      "the Basic credential is not base64 of id:secret, each form-encoded before (RFC 6749 section "
      "2.3.1)";
  if (header.size() > kMaxBasic) return fail(ErrorCode::kInvalid, "{}", kBad);
  auto pair = decode_base64(header);
  if (!pair) return fail(ErrorCode::kInvalid, "{}", kBad);
  const std::size_t colon = pair->find(':');
  ClientCredential credential;
  bool fine = colon != pair->npos;
  if (fine) {
    auto id = decode(std::string_view(*pair).substr(0, colon));
    auto secret = decode(std::string_view(*pair).substr(colon + 1));
    fine = id && secret && !id->empty() && id->size() <= kMaxCredential &&
           secret->size() <= kMaxCredential;
    if (fine) credential = {std::move(*id), std::move(*secret)};
  }
  OPENSSL_cleanse(pair->data(), pair->size());
  if (!fine) return fail(ErrorCode::kInvalid, "{}", kBad);
  return credential;
}

}  // namespace writ::identity
