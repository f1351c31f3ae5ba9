#include "protocol/request_target.h"

#include <utility>

#include "protocol/authority.h"
#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

using Failure = std::optional<Problem>;

// "." and "..", also with parameters behind, which some servers cut off before they resolve dots.
bool is_dot_segment(std::string_view segment) {
  const std::string_view name = segment.substr(0, segment.find(';'));
  return name == "." || name == "..";
}

bool has_dot_segment(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    if (is_dot_segment(path.substr(0, slash))) return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

// Whether a second decoding, which some servers do, would change the structure of the path.
bool has_structural_escape(std::string_view path) {
  for (std::size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    const std::string_view digits = path.substr(at + 1, 2);
    for (const char* escape : {"2e", "2f", "5c", "00"})
      if (equals_ignoring_case(digits, escape)) return true;
  }
  return false;
}

Failure decode_path(std::string_view raw, std::uint64_t offset, std::string& out) {
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const int high = i + 2 < raw.size() ? hex_value(raw[i + 1]) : -1;
      const int low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : -1;
      if (high < 0 || low < 0)
        return Problem{"bad_escape", "a path with a '%' that begins no escape", offset};
      c = static_cast<char>(high << 4 | low);
      i += 2;
      if (c == '/') return Problem{"encoded_separator", "a path with an escaped slash", offset};
      if ((c >= 0 && c < 0x20) || c == 0x7f)
        return Problem{"control_in_path", "a path with an escaped control character", offset};
    }
    if (c == '\\') return Problem{"encoded_separator", "a path with a backslash", offset};
    out.push_back(c);
  }
  if (has_structural_escape(out))
    return Problem{"double_escape", "a path that is escaped twice", offset};
  if (has_dot_segment(out))
    return Problem{"dot_segment", "a path with a '.' or '..' segment", offset};
  if (!is_utf8(out)) return Problem{"not_utf8", "a path that is not UTF-8", offset};
  return std::nullopt;
}

// `text` is a path with its query, or empty.
Failure read_path(std::string_view text, std::uint64_t offset, RequestTarget& out) {
  const std::size_t mark = text.find('?');
  if (mark != std::string_view::npos) out.query = text.substr(mark + 1);
  const std::string_view path = text.substr(0, mark);
  if (path.empty()) {  // RFC 9110 section 4.2.3: the same as "/"
    out.path = "/";
    return std::nullopt;
  }
  return decode_path(path, offset, out.path);
}

Failure read_authority(std::string_view text, const char* what, std::uint64_t offset,
                       Authority& out) {
  auto parsed = parse_authority(text);
  if (!parsed) return Problem{"bad_host", std::string(what) + parsed.error(), offset};
  out = std::move(*parsed);
  return std::nullopt;
}

// Host, when there is one, names the same host; and the same port, `implied` standing for none.
Failure check_host(const RequestHead& head, const Authority& target, std::uint16_t implied) {
  const Header* field = find_header(head.headers, "host");
  if (field == nullptr) return std::nullopt;  // HTTP/1.0
  Authority host;
  if (auto failure = read_authority(field->value, "Host: ", head.begin, host)) return failure;
  const std::uint16_t target_port = target.port != 0 ? target.port : implied;
  const std::uint16_t host_port = host.port != 0 ? host.port : implied;
  if (host.host != target.host || host_port != target_port) {
    return Problem{"host_mismatch", "the target and the Host field name different servers",
                   head.begin};
  }
  return std::nullopt;
}

Failure read_origin(const RequestHead& head, RequestTarget& out) {
  const Header* field = find_header(head.headers, "host");
  if (field == nullptr) return Problem{"missing_host", "a request that names no host", head.begin};
  Authority host;
  if (auto failure = read_authority(field->value, "Host: ", head.begin, host)) return failure;
  out.host = std::move(host.host);
  out.port = host.port;
  if (out.form == TargetForm::kAsterisk) {
    out.path = "/";
    return std::nullopt;
  }
  return read_path(head.target, head.begin, out);
}

Failure read_connect(const RequestHead& head, RequestTarget& out) {
  out.form = TargetForm::kAuthority;
  Authority target;
  if (auto failure = read_authority(head.target, "target: ", head.begin, target)) return failure;
  if (target.port == 0) return Problem{"bad_target", "a CONNECT target without a port", head.begin};
  // Clients differ in whether Host repeats the port; the target has one, and it decides.
  if (auto failure = check_host(head, target, target.port)) return failure;
  out.host = std::move(target.host);
  out.port = target.port;
  out.path = "/";
  return std::nullopt;
}

Failure read_absolute(const RequestHead& head, RequestTarget& out) {
  const std::string_view target = head.target;
  const std::size_t colon = target.find("://");
  const std::string_view scheme = target.substr(0, colon);
  if (colon == std::string_view::npos ||
      !(equals_ignoring_case(scheme, "http") || equals_ignoring_case(scheme, "https")))
    return Problem{"bad_target", "a target that is neither a path nor an http(s) URL", head.begin};
  out.form = TargetForm::kAbsolute;
  const bool https = scheme.size() == 5;
  out.scheme = https ? "https" : "http";
  const std::string_view rest = target.substr(colon + 3);
  const std::size_t path = rest.find_first_of("/?");
  Authority authority;
  if (auto failure = read_authority(rest.substr(0, path), "target: ", head.begin, authority))
    return failure;
  if (auto failure = check_host(head, authority, https ? kHttpsPort : kHttpPort)) return failure;
  out.host = std::move(authority.host);
  out.port = authority.port;
  return read_path(path == std::string_view::npos ? std::string_view() : rest.substr(path),
                   head.begin, out);
}

}  // namespace

tl::expected<RequestTarget, Problem> read_target(const RequestHead& head) {
  RequestTarget out;
  Failure failure;
  if (head.target.find('#') != std::string::npos) {
    failure = Problem{"bad_target", "a target with a fragment", head.begin};
  } else if (head.connect) {
    failure = read_connect(head, out);
  } else if (head.target.starts_with('/')) {
    failure = read_origin(head, out);
  } else if (head.target == "*" && head.method == "OPTIONS") {
    out.form = TargetForm::kAsterisk;
    failure = read_origin(head, out);
  } else {
    failure = read_absolute(head, out);
  }
  if (failure) return tl::unexpected(std::move(*failure));
  return out;
}

std::optional<Problem> fill_call(const RequestHead& head, ToolCall& call) {
  call.protocol = head.major_version == 2   ? "http/2"
                  : head.minor_version == 0 ? "http/1.0"
                                            : "http/1.1";
  call.method = head.method;
  call.host.clear();
  call.path.clear();
  call.query.clear();
  auto target = read_target(head);
  if (!target) return std::move(target.error());
  call.host = std::move(target->host);
  call.path = std::move(target->path);
  call.query = std::move(target->query);
  return std::nullopt;
}

}  // namespace writ::protocol
