#include "protocol/http1_fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/http1_text.h"

namespace writ::protocol {
// Gateways that hand fields on as variables (CGI, WSGI) make one of '-' and '_': to them
// "Transfer_Encoding" is the framing field that the parser in front of them did not see.
bool reads_as_framing_field(std::string_view name) {
  if (name.find('_') == std::string_view::npos) return false;
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  return equals_ignoring_case(dashed, "content-length") ||
         equals_ignoring_case(dashed, "transfer-encoding");
}

bool forbidden_in_trailer(std::string_view name) {
  constexpr std::array<std::string_view, 11> kForbidden = {
      "transfer-encoding", "content-length", "host",       "trailer",
      "content-encoding",  "content-type",   "connection", "upgrade",
      "authorization",     "expect",         "set-cookie"};
  return std::any_of(kForbidden.begin(), kForbidden.end(),
                     [&](std::string_view f) { return equals_ignoring_case(name, f); });
}

const Header* find_header(const Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const Header& h) {
    return equals_ignoring_case(h.name, name);
  });
  return found == headers.end() ? nullptr : &*found;
}

bool FieldReader::read(Cursor& in, LineReader& lines, std::optional<Problem>& problem) {
  while (!in.rest.empty()) {
    const LineLimit rest{size_.bytes - used_, size_.code, size_.message};
    const auto line = lines.next(in, rest, problem);
    if (!line) return false;
    used_ += lines.length();
    if (line->empty()) return true;
    problem = add(*line, lines.begin());
    if (problem) return false;
  }
  return false;
}

Headers FieldReader::take() {
  used_ = 0;
  return std::exchange(fields_, {});
}

std::optional<Problem> FieldReader::add(std::string_view line, std::uint64_t offset) {
  if (line.front() == ' ' || line.front() == '\t')
    return Problem{"obs_fold", "a header line that continues the one before it", offset};
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos)
    return Problem{"bad_field_line", "a header line without a colon", offset};
  const std::string_view name = line.substr(0, colon);
  if (!name.empty() && (name.back() == ' ' || name.back() == '\t')) {
    return Problem{"space_before_colon", "white space between a header's name and its colon",
                   offset};
  }
  if (!is_token(name))
    return Problem{"bad_field_name", "a header name that is empty or not a token", offset};
  const std::string_view value = trim(line.substr(colon + 1));
  if (fields_.size() == max_fields_)
    return Problem{"too_many_headers", "more header fields than allowed", offset};
  if (side_ == Side::kResponse) {
    fields_.push_back({std::string(name), to_utf8(value)});
    return std::nullopt;
  }
  if (!is_utf8(value)) return Problem{"not_utf8", "a header value that is not UTF-8", offset};
  if (reads_as_framing_field(name)) {
    return Problem{"ambiguous_field_name",
                   "a header name that some servers read as Content-Length or Transfer-Encoding",
                   offset};
  }
  fields_.push_back({std::string(name), std::string(value)});
  return std::nullopt;
}

}  // namespace writ::protocol
