#include "pdp/transfer.h"

#include <string_view>

namespace writ::pdp {
namespace {

using How = HttpPost::Done::How;

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.too_large = transfer.too_large || transfer.body.size() + size > transfer.max_body;
  if (transfer.too_large) return 0;  // ends the transfer
  transfer.body.append(bytes, size);
  return size;
}

std::size_t on_header(char* line, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  // Fields behind the body (RFC 9112 section 7.1.2) are no part of the head.
  if (transfer.body.empty()) transfer.head_whole = std::string_view(line, size) == "\r\n";
  transfer.head_bytes += size;
  transfer.too_large = transfer.too_large || transfer.head_bytes > HttpPost::kMaxHeaderBytes;
  return transfer.too_large ? 0 : size;
}

How how_of(const Transfer& transfer, CURLcode code) {
  if (transfer.too_large) return How::kTooLarge;
  switch (code) {
    case CURLE_OK:
      return transfer.head_whole ? How::kAnswer : How::kLost;
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9, or no HTTP at all
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return How::kMalformed;
    default:  // curl's own list, most of it about protocols that are not used
      return How::kLost;
  }
}

}  // namespace

bool prepare(Transfer& transfer, const HttpPost::Options& options, curl_slist* headers) {
  if (!transfer.easy) transfer.easy.reset(curl_easy_init());
  CURL* easy = transfer.easy.get();
  if (easy == nullptr) return false;
  // For every request anew: a handle counts how often it found a kept connection ended, and gives
  // up at the sixth time, also when those were six requests.
  curl_easy_reset(easy);
  transfer.max_body = options.max_body;
  const auto set = [easy](CURLoption option, auto value) {
    return curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  const auto size = static_cast<curl_off_t>(transfer.request.size());
  return set(CURLOPT_URL, options.url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "http") &&
         set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1)) &&
         set(CURLOPT_HTTP09_ALLOWED, 0L) && set(CURLOPT_FOLLOWLOCATION, 0L) &&
         set(CURLOPT_PATH_AS_IS, 1L) && set(CURLOPT_PROXY, "") && set(CURLOPT_NOSIGNAL, 1L) &&
         set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED)) && set(CURLOPT_POST, 1L) &&
         set(CURLOPT_POSTFIELDS, transfer.request.c_str()) &&
         set(CURLOPT_POSTFIELDSIZE_LARGE, size) && set(CURLOPT_HTTPHEADER, headers) &&
         set(CURLOPT_USERAGENT, "writ") && set(CURLOPT_WRITEFUNCTION, &on_body) &&
         set(CURLOPT_WRITEDATA, &transfer) && set(CURLOPT_HEADERFUNCTION, &on_header) &&
         set(CURLOPT_HEADERDATA, &transfer) && set(CURLOPT_ERRORBUFFER, transfer.error.data()) &&
         set(CURLOPT_PRIVATE, &transfer) &&
         (options.unix_socket.empty() ||
          set(CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str()));
}

HttpPost::Done outcome(Transfer& transfer, CURLcode code) {
  HttpPost::Done done{.id = transfer.id, .how = how_of(transfer, code)};
  if (done.how == How::kAnswer) {
    if (curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &done.status) != CURLE_OK) {
      done.status = 0;
    }
    done.body.swap(transfer.body);
  } else {
    done.body = transfer.error[0] != '\0' ? transfer.error.data()
                : code == CURLE_OK        ? "the connection ended within the answer's head"
                                          : curl_easy_strerror(code);
  }
  return done;
}

void clear(Transfer& transfer) {
  transfer.request = {};
  transfer.body = {};
  transfer.head_bytes = 0;
  transfer.head_whole = false;
  transfer.too_large = false;
  transfer.error[0] = '\0';
}

}  // namespace writ::pdp
