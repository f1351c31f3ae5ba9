// The grammar of start lines, and the rules by which a head says where its message ends.
//
// RFC 9112 sections 3, 4 and 6.3. Where the RFC lets a recipient repair a message, this refuses it:
// two readers that repair in two ways are how requests are smuggled (RFC 9112 section 11.2).
#pragma once

#include <optional>
#include <string_view>

#include "protocol/http1_types.h"

namespace writ::protocol {

// What is known of the request that a response answers.
struct Expected {
  bool head = false;
  bool connect = false;
  bool upgrade = false;
};

// Reads one line into `head`: bad_start_line, bad_method, bad_target, unsupported_version,
// not_utf8.
std::optional<Problem> parse_request_line(std::string_view line, std::uint64_t offset,
                                          RequestHead& head);
// bad_start_line, bad_status_line, unsupported_version.
std::optional<Problem> parse_status_line(std::string_view line, std::uint64_t offset,
                                         ResponseHead& head);

// From head.headers to everything else in `head`. `end`: position behind the header section.
std::optional<Problem> frame_request(RequestHead& head, std::uint64_t end);
std::optional<Problem> frame_response(const Expected& expected, ResponseHead& head,
                                      std::uint64_t end);

}  // namespace writ::protocol
