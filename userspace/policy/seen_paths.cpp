#include "policy/seen_paths.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace writ::policy {
namespace {

using Segment = PathPattern::Segment;
using Segments = std::vector<Segment>;

constexpr std::size_t kLongWord = 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool uuid(std::string_view text) {
  constexpr std::string_view kShape =
      "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";  // RFC 9562, section 4
  return std::equal(text.begin(), text.end(), kShape.begin(), kShape.end(),
                    [](char c, char shape) { return shape == '-' ? c == '-' : is_hex(c); });
}

// Whatever a capture is called, it stands behind all literals, and is equal to any other: the order
// in which the catalog looks.
struct AsCatalog {
  bool operator()(const Segments& a, const Segments& b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [](const Segment& x, const Segment& y) {
                                          if (x.capture || y.capture)
                                            return !x.capture && y.capture;
                                          return x.text < y.text;
                                        });
  }
};
using Shapes = std::map<Segments, std::vector<std::string>, AsCatalog>;  // → paths

// Segments at `place`, where the rest is the same and there are enough of them, become one capture
// without a name.
void merge_at(Shapes& shapes, std::size_t place) {
  std::map<Segments, std::vector<Shapes::iterator>, AsCatalog> alike;
  for (auto one = shapes.begin(); one != shapes.end(); ++one) {
    if (one->first.size() <= place || one->first[place].capture) continue;
    Segments merged = one->first;
    merged[place] = {.capture = true};
    alike[std::move(merged)].push_back(one);
  }
  for (const auto& [merged, members] : alike) {
    if (members.size() < kManyValues) continue;
    std::vector<std::string>& paths = shapes[merged];
    for (const Shapes::iterator one : members) {
      std::move(one->second.begin(), one->second.end(), std::back_inserter(paths));
      shapes.erase(one);
    }
  }
}

void name_captures(Segments& segments) {
  std::set<std::string> taken;
  for (const Segment& segment : segments) {
    if (segment.capture && !segment.text.empty()) taken.insert(segment.text);
  }
  for (Segment& segment : segments) {
    if (!segment.capture || !segment.text.empty()) continue;
    std::string name = "id";
    for (std::size_t n = 2; !taken.insert(name).second; ++n) name = "id" + std::to_string(n);
    segment.text = std::move(name);
  }
}

std::vector<FoundPattern> patterns_of(Shapes shapes) {
  std::size_t longest = 0;
  for (const auto& [segments, paths] : shapes) longest = std::max(longest, segments.size());
  for (std::size_t place = longest; place > 0; --place) merge_at(shapes, place - 1);
  std::vector<FoundPattern> patterns;
  patterns.reserve(shapes.size());
  for (auto& [shape, paths] : shapes) {
    Segments segments = shape;
    name_captures(segments);
    patterns.push_back({.pattern = {.segments = std::move(segments)}, .paths = std::move(paths)});
  }
  return patterns;
}

// nullopt: a value stands in no place, or in more than one.
std::optional<Segments> with_captures(Segments segments,
                                      const std::map<std::string, std::string>& captures) {
  for (const auto& [name, value] : captures) {
    const auto holds = [&value = value](const Segment& segment) { return segment.text == value; };
    const auto found = std::find_if(segments.begin(), segments.end(), holds);
    if (found == segments.end() || std::find_if(found + 1, segments.end(), holds) != segments.end())
      return std::nullopt;
    found->capture = true;
  }
  // Named only now, so that no name was taken for a value.
  for (Segment& segment : segments) {
    if (!segment.capture) continue;
    const auto capture = std::find_if(captures.begin(), captures.end(), [&](const auto& entry) {
      return entry.second == segment.text;
    });
    segment.text = capture->first;
  }
  return segments;
}

}  // namespace

bool looks_like_id(std::string_view segment) {
  if (segment.empty()) return false;
  if (std::all_of(segment.begin(), segment.end(), is_digit)) return true;
  if (uuid(segment)) return true;
  if (segment.size() >= 8 && std::all_of(segment.begin(), segment.end(), is_hex)) return true;
  return segment.size() >= kLongWord && std::any_of(segment.begin(), segment.end(), letter) &&
         std::count_if(segment.begin(), segment.end(), is_digit) >= 2;
}

Result<PathPattern> exact_pattern(std::string_view path) {
  if (!plain_path(path))
    return fail(ErrorCode::kInvalid, "its path can be read in more than one way");
  if (path.find_first_of("{}*?%") != std::string_view::npos)
    return fail(ErrorCode::kInvalid, "no pattern can say the characters {{ }} * ? % of its path");
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return parse_path_pattern(path);
}

std::vector<FoundPattern> patterns_of_unnamed(const std::set<std::string>& paths) {
  Shapes shapes;
  for (const std::string& path : paths) {
    Segments segments = exact_pattern(path).value().segments;
    for (Segment& segment : segments) {
      if (looks_like_id(segment.text)) segment = {.capture = true};
    }
    shapes[std::move(segments)].push_back(path);
  }
  return patterns_of(std::move(shapes));
}

std::vector<FoundPattern> patterns_of_named(const std::set<SeenPath>& paths) {
  Shapes shapes;
  std::map<std::string, Segments> unclear;
  for (const SeenPath& seen : paths) {
    Segments segments = exact_pattern(seen.path).value().segments;
    if (auto captured = with_captures(segments, seen.captures)) {
      shapes[std::move(*captured)].push_back(seen.path);
    } else {
      unclear.emplace(seen.path, std::move(segments));
    }
  }
  Shapes rest;
  for (auto& [path, segments] : unclear) {
    const auto covering = std::find_if(shapes.begin(), shapes.end(), [&](const auto& shape) {
      return std::equal(shape.first.begin(), shape.first.end(), segments.begin(), segments.end(),
                        [](const Segment& a, const Segment& b) { return a.capture || a == b; });
    });
    (covering != shapes.end() ? covering->second : rest[std::move(segments)]).push_back(path);
  }
  shapes.merge(rest);
  return patterns_of(std::move(shapes));
}

}  // namespace writ::policy
