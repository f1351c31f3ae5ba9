// From the fields of an HTTP/2 header block to the heads that HTTP/1.1 has too.
//
// RFC 9113 sections 8.1 to 8.3. Requests are read strictly: what a server behind a translating
// proxy could read in another way than the one in front is a Problem and no message.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/http1_types.h"

namespace writ::protocol {

// Fills all of `head` but `begin`. `ended`: the request has no body. The authority becomes the Host
// field that read_target() looks for, and `body` is kChunked where only the stream's end says how
// long it is. Problems, at head.begin:
//   bad_pseudo_header   unknown, twice, behind a field, missing, or of a value it cannot have
//   bad_field_name      not a token, or with capitals    control_byte, not_utf8, bad_field_value
//   connection_field    RFC 9113 section 8.2.2: of HTTP/1.1 only (Connection, Transfer-Encoding
//   ...) host_mismatch       :authority and Host name different servers tunnel CONNECT: what goes
//   through it cannot be read, and the connection is shared bad_method, bad_target,
//   ambiguous_field_name, and those of frame_request() (http1_head.h)
std::optional<Problem> read_request_head(Headers fields, bool ended, RequestHead& head);

// Trailers of a request: bad_pseudo_header, forbidden_trailer, and those of fields as above.
std::optional<Problem> check_trailers(const Headers& fields, std::uint64_t offset);

// As servers are: text that is not UTF-8 is read as Latin-1. bad_pseudo_header.
std::optional<Problem> read_response_head(Headers fields, ResponseHead& head);

}  // namespace writ::protocol
