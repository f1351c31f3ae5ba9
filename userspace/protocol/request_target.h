// Where a request goes, read from its target and Host into the one spelling that policies match.
//
// RFC 9112 section 3.2 (the four forms), RFC 9110 section 7.2 (Host). A path that a matcher here
// and a server there could read as two different paths is a Problem:
//   bad_target        none of the four forms; '#'; "*" with a method other than OPTIONS
//   bad_host          the Host field, or the target's authority, is no host (protocol/authority.h)
//   missing_host      no host at all, in an HTTP/1.0 request
//   host_mismatch     the target names another host or port than Host does
//   bad_escape        '%' without two hexadecimal digits behind it
//   control_in_path   an escaped NUL or other control character
//   encoded_separator '%2f', '\' or '%5c'
//   double_escape     an escape that yields another one of '.', '/', '\' or NUL ("%252e")
//   dot_segment       "." or ".." as a segment, escaped or not, also with parameters ("..;a=b")
//   not_utf8          the path, decoded, is not UTF-8
// Kept as they are: empty segments ("//") and parameters (";a=b").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "protocol/http1_types.h"
#include "protocol/tool_call.h"

namespace writ::protocol {

enum class TargetForm { kOrigin, kAbsolute, kAuthority, kAsterisk };

struct RequestTarget {
  TargetForm form = TargetForm::kOrigin;
  std::string scheme;      // of kAbsolute: "http" or "https"; else empty
  std::string host;        // as Authority::host
  std::uint16_t port = 0;  // as given in target or Host; 0: not given
  std::string path;        // percent-decoded once; "/" for the forms without a path
  std::string query;       // as sent, without '?'
};

// Problem::offset is head.begin.
tl::expected<RequestTarget, Problem> read_target(const RequestHead& head);

// Fills method, host, path, query and protocol of `call`; leaves the connection's fields alone.
// With a Problem, method and protocol are filled and the rest is empty.
std::optional<Problem> fill_call(const RequestHead& head, ToolCall& call);

}  // namespace writ::protocol
