// Which addresses Writ fetches keys from: https anywhere, http on this host only.
#pragma once

#include <string>

#include "util/result.h"

namespace writ::identity {

struct HttpUrl {
  std::string host;  // lower case; an IPv6 address without brackets
  bool https = false;
  // 127.0.0.0/8, ::1 and the name localhost.
  bool loopback = false;
};

// Parsed by libcurl, which also fetches: one reading of an address, not two. kInvalid: not an
// absolute http(s) address, has a user, a password or a fragment, or is http to another host.
Result<HttpUrl> parse_http_url(const std::string& url);

}  // namespace writ::identity
