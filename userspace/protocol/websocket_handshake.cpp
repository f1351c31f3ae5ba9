#include "protocol/websocket_handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

constexpr std::string_view kWebSocketGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kSha1Bytes = 20;

// The base64 text of 16 bytes (RFC 6455 section 4.1): 22 characters and "==".
bool is_websocket_key(std::string_view text) {
  if (text.size() != 24 || !text.ends_with("==")) return false;
  return std::all_of(text.begin(), text.end() - 2, [](char c) {
    return is_digit(c) || is_upper(c) || is_lower(c) || c == '+' || c == '/';
  });
}

// Empty: OpenSSL has no SHA-1 (a FIPS provider), and then nobody's handshake can be checked.
std::string accept_of(std::string_view key) {
  const std::string text = std::string(key) + std::string(kWebSocketGuid);
  std::array<unsigned char, kSha1Bytes> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1) {
    return {};
  }
  std::array<unsigned char, 4 * ((kSha1Bytes + 2) / 3) + 1> encoded{};
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), kSha1Bytes);
  return {encoded.begin(), encoded.begin() + size};
}

// The value of the one field of that name; nullopt: none, or more than one.
std::optional<std::string_view> only_value(const Headers& headers, std::string_view name) {
  std::optional<std::string_view> found;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, name)) continue;
    if (found) return std::nullopt;
    found = header.value;
  }
  return found;
}

bool is_upgrade_to_websocket(const Headers& headers) {
  const auto protocol = only_value(headers, "upgrade");
  return protocol && equals_ignoring_case(*protocol, "websocket");
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(separator);
    parts.push_back(trim(text.substr(0, at)));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// The extensions that are listed, each with its parameters: "permessage-deflate; a; b=10" is one.
// No value that is known here holds a comma or semicolon, so a quoted one that does is simply
// unknown.
std::vector<std::vector<std::string_view>> read_extensions(const Headers& headers) {
  std::vector<std::vector<std::string_view>> all;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, "sec-websocket-extensions")) continue;
    for (const std::string_view extension : split_at(header.value, ',')) {
      if (!extension.empty()) all.push_back(split_at(extension, ';'));
    }
  }
  return all;
}

constexpr std::string_view kPermessageDeflate = "permessage-deflate";

// RFC 7692 section 7.1.2: 8 to 15, without a leading zero.
bool is_window_bits(std::string_view value) {
  if (value == "8" || value == "9") return true;
  return value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5';
}

// What the server accepted of permessage-deflate.
std::optional<WebSocketTerms> read_deflate_terms(const std::vector<std::string_view>& extension,
                                                 const WebSocketOffer& offer) {
  DeflateTerms client;
  DeflateTerms server;
  std::vector<std::string_view> seen;
  for (std::size_t i = 1; i < extension.size(); ++i) {
    const std::size_t at = extension[i].find('=');
    const std::string_view name = trim(extension[i].substr(0, at));
    const bool valued = at != std::string_view::npos;
    const bool bits = valued && is_window_bits(trim(extension[i].substr(at + 1)));
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) return std::nullopt;
    seen.push_back(name);
    if (name == "client_no_context_takeover" && !valued) {
      client.context_takeover = false;
    } else if (name == "server_no_context_takeover" && !valued) {
      server.context_takeover = false;
    } else if (!bits || (name != "server_max_window_bits" &&
                         (name != "client_max_window_bits" || !offer.client_max_window_bits))) {
      return std::nullopt;
    }
  }
  return WebSocketTerms{.client = client, .server = server};
}

}  // namespace

std::optional<WebSocketOffer> read_websocket_offer(const RequestHead& request) {
  if (!request.upgrade || request.method != "GET") return std::nullopt;
  if (request.body != BodyKind::kNone || !is_upgrade_to_websocket(request.headers)) {
    return std::nullopt;
  }
  const auto version = only_value(request.headers, "sec-websocket-version");
  const auto key = only_value(request.headers, "sec-websocket-key");
  if (!version || *version != "13" || !key || !is_websocket_key(*key)) return std::nullopt;
  WebSocketOffer offer{.accept = accept_of(*key)};
  if (offer.accept.empty()) return std::nullopt;
  for (const auto& extension : read_extensions(request.headers)) {
    if (extension[0] != kPermessageDeflate) continue;
    offer.deflate = true;
    for (const std::string_view parameter : extension) {
      if (trim(parameter.substr(0, parameter.find('='))) == "client_max_window_bits") {
        offer.client_max_window_bits = true;
      }
    }
  }
  return offer;
}

std::optional<WebSocketTerms> agree_on_websocket(const WebSocketOffer& offer,
                                                 const ResponseHead& response) {
  const auto accept = only_value(response.headers, "sec-websocket-accept");
  if (!is_upgrade_to_websocket(response.headers) || !accept || *accept != offer.accept) {
    return std::nullopt;
  }
  const auto extensions = read_extensions(response.headers);
  if (extensions.empty()) return WebSocketTerms{};
  if (extensions.size() != 1 || extensions[0][0] != kPermessageDeflate || !offer.deflate) {
    return std::nullopt;
  }
  return read_deflate_terms(extensions[0], offer);
}

}  // namespace writ::protocol
