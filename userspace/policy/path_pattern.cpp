#include "policy/path_pattern.h"

#include <algorithm>

namespace writ::policy {
namespace {

constexpr std::size_t kMaxSegments = 64;  // bounds the matcher's recursion

bool control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

bool capture_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<PathPattern::Segment> parse_segment(std::string_view text) {
  if (text.empty())
    return fail(ErrorCode::kInvalid, "it has an empty segment (a doubled or trailing slash)");
  if (text == "." || text == "..")
    return fail(ErrorCode::kInvalid, "'{}' cannot be a segment", text);
  if (text.front() == '{' && text.back() == '}') {
    const std::string_view name = text.substr(1, text.size() - 2);
    if (!capture_name(name))
      return fail(ErrorCode::kInvalid, "a capture is {{name}}, of letters, digits and '_'");
    return PathPattern::Segment{.capture = true, .text = std::string(name)};
  }
  if (text.find_first_of("{}") != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "a capture {{name}} must be a whole segment");
  if (text.find('*') != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "'*' stands only in '/**' at the end");
  if (text.find('?') != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "the query is not part of the path");
  if (text.find('%') != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "paths are matched percent-decoded, write the character");
  if (text.find('\\') != std::string_view::npos || std::any_of(text.begin(), text.end(), control))
    return fail(ErrorCode::kInvalid, "it holds a backslash or control character");
  return PathPattern::Segment{.text = std::string(text)};
}

}  // namespace

Result<PathPattern> parse_path_pattern(std::string_view text) {
  if (text.empty() || text.front() != '/')
    return fail(ErrorCode::kInvalid, "it does not begin with '/'");
  PathPattern pattern;
  text.remove_prefix(1);
  while (!text.empty()) {
    if (text == "**") {
      pattern.tail = true;
      break;
    }
    const std::size_t slash = text.find('/');
    Result<PathPattern::Segment> segment = parse_segment(text.substr(0, slash));
    if (!segment) return tl::unexpected(segment.error());
    for (const PathPattern::Segment& earlier : pattern.segments) {
      if (segment->capture && earlier.capture && earlier.text == segment->text)
        return fail(ErrorCode::kInvalid, "it captures '{}' twice", segment->text);
    }
    pattern.segments.push_back(std::move(*segment));
    if (pattern.segments.size() > kMaxSegments)
      return fail(ErrorCode::kInvalid, "it has more than {} segments", kMaxSegments);
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
    if (text.empty()) return fail(ErrorCode::kInvalid, "it ends with a slash, leave that out");
  }
  return pattern;
}

std::string to_text(const PathPattern& pattern) {
  std::string text;
  for (const PathPattern::Segment& segment : pattern.segments)
    text += segment.capture ? "/{" + segment.text + "}" : "/" + segment.text;
  if (pattern.tail) text += "/**";
  return text.empty() ? "/" : text;
}

bool path_matches(const PathPattern& pattern, std::string_view path) {
  path.remove_prefix(std::min<std::size_t>(path.size(), 1));
  if (path.ends_with('/')) path.remove_suffix(1);
  for (const PathPattern::Segment& segment : pattern.segments) {
    const std::size_t slash = path.find('/');
    const std::string_view here = path.substr(0, slash);
    if (here.empty() || (!segment.capture && here != segment.text)) return false;
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return path.empty() || pattern.tail;
}

bool plain_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  path.remove_prefix(1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (segment.find('\\') != std::string_view::npos ||
        std::any_of(segment.begin(), segment.end(), control))
      return false;
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return true;
}

}  // namespace writ::policy
