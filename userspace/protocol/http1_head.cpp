#include "protocol/http1_head.h"

#include <algorithm>

#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

constexpr std::size_t kMaxLengthDigits = 18;  // less than 2^63 without a check for overflow

// What all fields together say about framing and the connection.
struct Framing {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  std::size_t expects = 0;
  std::uint64_t length = 0;
  bool continues = false;  // Expect: 100-continue
  bool close = false;
  bool keep_alive = false;
  bool upgrade_option = false;  // Connection: upgrade
  bool upgrade_field = false;   // Upgrade: something
  bool hides_framing = false;   // Connection names a field that a proxy must not remove
};

// "1.0" and "1.1" only: RFC 9112 section 2.3 has one digit each, and case matters.
std::optional<int> parse_version(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  return std::nullopt;
}

Problem unsupported_version(std::string_view version, std::uint64_t offset) {
  if (version.starts_with("HTTP/"))
    return {"unsupported_version", "an HTTP version other than 1.0 and 1.1", offset};
  return {"bad_start_line", "a first line that does not name HTTP", offset};
}

// RFC 9112 section 6.2: digits only. A leading zero is octal to some readers.
std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > kMaxLengthDigits) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    length = length * 10 + static_cast<unsigned>(c - '0');
  }
  return length;
}

void read_connection(std::string_view list, Framing& out) {
  while (true) {
    const std::size_t comma = list.find(',');
    const std::string_view option = trim(list.substr(0, comma));
    if (equals_ignoring_case(option, "close")) out.close = true;
    if (equals_ignoring_case(option, "keep-alive")) out.keep_alive = true;
    if (equals_ignoring_case(option, "upgrade")) out.upgrade_option = true;
    if (equals_ignoring_case(option, "content-length") ||
        equals_ignoring_case(option, "transfer-encoding") || equals_ignoring_case(option, "host"))
      out.hides_framing = true;
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

std::optional<Problem> read_framing(const Headers& headers, std::uint64_t end, Framing& out) {
  for (const Header& field : headers) {
    const std::string_view value = field.value;
    if (equals_ignoring_case(field.name, "host")) {
      ++out.hosts;
    } else if (equals_ignoring_case(field.name, "content-length")) {
      const auto length = parse_length(value);
      if (!length)
        return Problem{"bad_content_length", "a Content-Length that is not a plain number", end};
      if (out.lengths > 0 && out.length != *length)
        return Problem{"content_length_conflict", "two Content-Length fields that disagree", end};
      out.length = *length;
      ++out.lengths;
    } else if (equals_ignoring_case(field.name, "transfer-encoding")) {
      // Of all codings only chunked says where a message ends, and nobody sends another.
      if (!equals_ignoring_case(value, "chunked"))
        return Problem{"bad_transfer_encoding", "a Transfer-Encoding other than chunked", end};
      ++out.encodings;
    } else if (equals_ignoring_case(field.name, "connection")) {
      read_connection(value, out);
    } else if (equals_ignoring_case(field.name, "upgrade")) {
      out.upgrade_field = out.upgrade_field || !value.empty();
    } else if (equals_ignoring_case(field.name, "expect")) {
      ++out.expects;
      out.continues = equals_ignoring_case(value, "100-continue");
    }
  }
  if (out.encodings > 1)
    return Problem{"bad_transfer_encoding", "two Transfer-Encoding fields", end};
  if (out.encodings > 0 && out.lengths > 0) {
    return Problem{"length_and_transfer_encoding", "both Content-Length and Transfer-Encoding",
                   end};
  }
  return std::nullopt;
}

bool persists(const Framing& framing, int minor_version) {  // RFC 9112 section 9.3
  return !framing.close && (minor_version >= 1 || framing.keep_alive);
}

bool is_success(int status) { return status >= 200 && status < 300; }

// A response without body that says it has one: clients are known to differ.
Problem body_not_allowed(std::uint64_t end) {
  return {"body_not_allowed", "a response that announces a body where none may be", end};
}

}  // namespace

std::optional<Problem> parse_request_line(std::string_view line, std::uint64_t offset,
                                          RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return Problem{"bad_start_line", "a first line that is not method, target and version", offset};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const auto minor = parse_version(line.substr(last + 1));
  if (!minor) return unsupported_version(line.substr(last + 1), offset);
  if (!is_token(method) || std::any_of(method.begin(), method.end(), is_lower))
    return Problem{"bad_method", "a method that is not a token in upper case", offset};
  if (target.empty() || target.find_first_of(" \t") != std::string_view::npos)
    return Problem{"bad_target", "a request target that is empty or holds white space", offset};
  if (!is_utf8(target)) return Problem{"not_utf8", "a request target that is not UTF-8", offset};
  head.method = method;
  head.target = target;
  head.minor_version = *minor;
  head.connect = method == "CONNECT";
  return std::nullopt;
}

std::optional<Problem> parse_status_line(std::string_view line, std::uint64_t offset,
                                         ResponseHead& head) {
  const std::size_t space = line.find(' ');
  const auto minor = parse_version(line.substr(0, space));
  if (!minor) return unsupported_version(line.substr(0, space), offset);
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  // Some servers leave out the space before an empty reason.
  const bool well_formed = rest.size() >= 3 && is_digit(rest[0]) && rest[0] != '0' &&
                           is_digit(rest[1]) && is_digit(rest[2]) &&
                           (rest.size() == 3 || rest[3] == ' ');
  if (!well_formed) return Problem{"bad_status_line", "a status that is not three digits", offset};
  head.status = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
  head.reason = rest.size() > 4 ? to_utf8(rest.substr(4)) : std::string();
  head.minor_version = *minor;
  return std::nullopt;
}

std::optional<Problem> frame_request(RequestHead& head, std::uint64_t end) {
  Framing framing;
  if (auto problem = read_framing(head.headers, end, framing)) return problem;
  if (framing.hosts > 1) return Problem{"duplicate_host", "two Host fields", end};
  if (framing.hosts == 0 && head.minor_version >= 1)
    return Problem{"missing_host", "an HTTP/1.1 request without Host", end};
  if (framing.lengths > 1)
    return Problem{"duplicate_content_length", "two Content-Length fields", end};
  if (framing.encodings > 0 && head.minor_version == 0)
    return Problem{"transfer_encoding_in_1_0", "Transfer-Encoding in an HTTP/1.0 message", end};
  if (framing.hides_framing)
    return Problem{"bad_connection", "a Connection field that would have framing removed", end};
  // Variants of this field make a server wait, or not, where the client does the other.
  if (framing.expects > 1 || (framing.expects == 1 && !framing.continues))
    return Problem{"bad_expect", "an Expect field other than one 100-continue", end};
  if (head.connect && (framing.encodings > 0 || framing.length > 0))
    return Problem{"body_in_connect", "a CONNECT request that announces a body", end};

  if (framing.encodings > 0) {
    head.body = BodyKind::kChunked;
  } else if (framing.lengths > 0 && !head.connect) {
    head.body = BodyKind::kLength;
    head.content_length = framing.length;
  }
  const bool is_1_1 = head.minor_version >= 1;  // RFC 9110 sections 7.8 and 10.1.1 ignore 1.0's
  head.expect_continue = is_1_1 && framing.continues && head.body != BodyKind::kNone;
  head.upgrade = is_1_1 && framing.upgrade_field && framing.upgrade_option && !head.connect;
  head.keep_alive = persists(framing, head.minor_version);
  return std::nullopt;
}

std::optional<Problem> frame_response(const Expected& expected, ResponseHead& head,
                                      std::uint64_t end) {
  Framing framing;
  if (auto problem = read_framing(head.headers, end, framing)) return problem;
  if (framing.encodings > 0 && head.minor_version == 0)
    return Problem{"transfer_encoding_in_1_0", "Transfer-Encoding in an HTTP/1.0 message", end};
  head.content_length = framing.length;
  head.keep_alive = persists(framing, head.minor_version);
  const bool announces_body = framing.encodings > 0 || framing.length > 0;

  if (head.status == 101 && !expected.upgrade)
    return Problem{"unexpected_upgrade", "101 to a request that asked for no upgrade", end};
  const bool tunnel = head.status == 101 || (expected.connect && is_success(head.status));
  const bool may_announce_only = expected.head || head.status == 304;  // and has no body
  const bool bodyless = tunnel || head.status < 200 || head.status == 204;
  if (bodyless && announces_body) return body_not_allowed(end);

  head.upgrade = head.status == 101;
  head.interim = head.status < 200 && !head.upgrade;
  if (head.interim) head.keep_alive = true;  // the final response says
  if (tunnel) {
    head.body = BodyKind::kTunnel;
  } else if (bodyless || may_announce_only) {
    head.body = BodyKind::kNone;
  } else if (framing.encodings > 0) {
    head.body = BodyKind::kChunked;
  } else if (framing.lengths > 0) {
    head.body = BodyKind::kLength;
  } else {
    head.body = BodyKind::kUntilClose;
    head.keep_alive = false;
  }
  return std::nullopt;
}

}  // namespace writ::protocol
