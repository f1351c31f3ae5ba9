#include "protocol/http2_head.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/authority.h"
#include "protocol/http1_fields.h"
#include "protocol/http1_head.h"
#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

using Failure = std::optional<Problem>;

struct Pseudo {
  std::optional<std::string> method, scheme, authority, path, protocol, status;
};

Problem bad_pseudo(const char* message, std::uint64_t offset) {
  return {"bad_pseudo_header", message, offset};
}

// RFC 9113 section 8.3: in front of all fields, and each once. Takes them out of `fields`.
Failure take_pseudo(Headers& fields, bool request, std::uint64_t offset, Pseudo& out) {
  const auto is_pseudo = [](const Header& field) { return field.name.starts_with(':'); };
  const auto end = std::find_if_not(fields.begin(), fields.end(), is_pseudo);
  if (std::any_of(end, fields.end(), is_pseudo))
    return bad_pseudo("a pseudo-header behind a field", offset);
  for (auto field = fields.begin(); field != end; ++field) {
    std::optional<std::string>* place = nullptr;
    if (request) {
      if (field->name == ":method") place = &out.method;
      if (field->name == ":scheme") place = &out.scheme;
      if (field->name == ":authority") place = &out.authority;
      if (field->name == ":path") place = &out.path;
      if (field->name == ":protocol") place = &out.protocol;
    } else if (field->name == ":status") {
      place = &out.status;
    }
    if (place == nullptr) return bad_pseudo("a pseudo-header that does not exist", offset);
    if (*place) return bad_pseudo("a pseudo-header that stands twice", offset);
    *place = std::move(field->value);
  }
  fields.erase(fields.begin(), end);
  return std::nullopt;
}

bool is_control(char c) { return (c >= 0 && c < 0x20 && c != '\t') || c == 0x7f; }

Failure check_value(std::string_view value, std::uint64_t offset) {
  if (std::any_of(value.begin(), value.end(), is_control))
    return Problem{"control_byte", "a control character in a header value", offset};
  if (value != trim(value))
    return Problem{"bad_field_value", "a header value with white space around it", offset};
  if (!is_utf8(value)) return Problem{"not_utf8", "a header value that is not UTF-8", offset};
  return std::nullopt;
}

// RFC 9113 section 8.2.
Failure check_fields(const Headers& fields, std::uint64_t offset) {
  constexpr std::array<std::string_view, 5> kOfConnection = {
      "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"};
  for (const auto& [name, value] : fields) {
    if (!is_token(name) || std::any_of(name.begin(), name.end(), is_upper)) {
      return Problem{"bad_field_name", "a header name that is no token in lower case", offset};
    }
    if (std::find(kOfConnection.begin(), kOfConnection.end(), name) != kOfConnection.end() ||
        (name == "te" && value != "trailers")) {
      return Problem{"connection_field", "a field that HTTP/2 does not have", offset};
    }
    if (reads_as_framing_field(name)) {
      return Problem{"ambiguous_field_name",
                     "a header name that some servers read as Content-Length or Transfer-Encoding",
                     offset};
    }
    if (auto failure = check_value(value, offset)) return failure;
  }
  return std::nullopt;
}

Failure check_pseudo(const Pseudo& pseudo, std::uint64_t offset) {
  if (!pseudo.method) return bad_pseudo("a request without :method", offset);
  if (!is_token(*pseudo.method) ||
      std::any_of(pseudo.method->begin(), pseudo.method->end(), is_lower))
    return Problem{"bad_method", "a method that is not a token in upper case", offset};
  if (*pseudo.method == "CONNECT" || pseudo.protocol)
    return Problem{"tunnel", "a tunnel on a connection that other calls share", offset};
  if (!pseudo.scheme || (*pseudo.scheme != "http" && *pseudo.scheme != "https"))
    return bad_pseudo("a :scheme that is not http or https", offset);
  if (!pseudo.path) return bad_pseudo("a request without :path", offset);
  if (auto failure = check_value(*pseudo.path, offset)) return failure;
  const bool asterisk = *pseudo.path == "*" && *pseudo.method == "OPTIONS";
  if (!asterisk && !pseudo.path->starts_with('/'))
    return Problem{"bad_target", "a :path that does not begin with a slash", offset};
  if (pseudo.path->find_first_of(" \t") != std::string::npos)
    return Problem{"bad_target", "a :path that holds white space", offset};
  return std::nullopt;
}

// RFC 9113 section 8.3.1: one of the two may be left out, and they must not differ.
Failure settle_authority(const Pseudo& pseudo, RequestHead& head) {
  if (!pseudo.authority) return std::nullopt;
  const Header* host = find_header(head.headers, "host");
  if (host != nullptr) {
    const std::uint16_t implied = *pseudo.scheme == "https" ? 443 : 80;
    const auto a = parse_authority(*pseudo.authority);
    const auto b = parse_authority(host->value);
    const auto port = [&](const Authority& of) { return of.port != 0 ? of.port : implied; };
    if (!a || !b || a->host != b->host || port(*a) != port(*b)) {
      return Problem{"host_mismatch", ":authority and Host name different servers", head.begin};
    }
    return std::nullopt;
  }
  head.headers.insert(head.headers.begin(), {"host", *pseudo.authority});
  return std::nullopt;
}

}  // namespace

std::optional<Problem> read_request_head(Headers fields, bool ended, RequestHead& head) {
  Pseudo pseudo;
  if (auto failure = take_pseudo(fields, true, head.begin, pseudo)) return failure;
  if (auto failure = check_pseudo(pseudo, head.begin)) return failure;
  if (auto failure = check_fields(fields, head.begin)) return failure;
  head.major_version = 2;
  head.method = std::move(*pseudo.method);
  head.target = std::move(*pseudo.path);
  head.headers = std::move(fields);
  if (auto failure = settle_authority(pseudo, head)) return failure;
  if (auto failure = frame_request(head, head.begin)) return failure;
  if (ended) {
    if (head.content_length > 0) {
      return Problem{"content_length_mismatch", "a Content-Length, and no body", head.begin};
    }
    head.body = BodyKind::kNone;
  } else if (head.body == BodyKind::kNone) {
    head.body = BodyKind::kChunked;
  }
  head.expect_continue = !ended && find_header(head.headers, "expect") != nullptr;
  return std::nullopt;
}

std::optional<Problem> check_trailers(const Headers& fields, std::uint64_t offset) {
  for (const Header& field : fields) {
    if (field.name.starts_with(':')) return bad_pseudo("a pseudo-header in a trailer", offset);
    if (forbidden_in_trailer(field.name)) {
      return Problem{"forbidden_trailer", "a trailer that may only stand in the header section",
                     offset};
    }
  }
  return check_fields(fields, offset);
}

std::optional<Problem> read_response_head(Headers fields, ResponseHead& head) {
  Pseudo pseudo;
  if (auto failure = take_pseudo(fields, false, head.begin, pseudo)) return failure;
  const std::string status = pseudo.status.value_or("");
  if (status.size() != 3 || !std::all_of(status.begin(), status.end(), is_digit) ||
      status[0] == '0') {
    return bad_pseudo("a :status that is not three digits", head.begin);
  }
  head.status = (status[0] - '0') * 100 + (status[1] - '0') * 10 + (status[2] - '0');
  head.interim = head.status < 200;
  for (Header& field : fields) field.value = to_utf8(field.value);
  head.headers = std::move(fields);
  return std::nullopt;
}

}  // namespace writ::protocol
