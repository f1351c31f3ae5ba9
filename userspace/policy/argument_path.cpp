#include "policy/argument_path.h"

#include <algorithm>
#include <charconv>

namespace writ::policy {
namespace {

bool plain(char c) {
  return static_cast<unsigned char>(c) > ' ' && c != '.' && c != '[' && c != ']' && c != '"' &&
         c != '\x7f';
}

// What is written before the first ':', if that is a source.
ArgumentPath::Source take_source(std::string_view& text) {
  using Source = ArgumentPath::Source;
  constexpr std::pair<std::string_view, Source> kSources[] = {
      {"body:", Source::kBody}, {"query:", Source::kQuery}, {"path:", Source::kCapture}};
  for (const auto& [name, source] : kSources) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return source;
  }
  return Source::kAny;
}

// "[3]" or "[\"odd key\"]".
Result<ArgumentPath::Step> take_bracket(std::string_view& text) {
  text.remove_prefix(1);
  ArgumentPath::Step step;
  if (text.starts_with('"')) {
    const std::size_t end = text.find("\"]", 1);
    if (end == std::string_view::npos || end == 1)
      return fail(ErrorCode::kInvalid, "a key in brackets is [\"key\"], and not empty");
    step.name = text.substr(1, end - 1);
    text.remove_prefix(end + 2);
    return step;
  }
  step.is_index = true;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), step.index);
  const auto length = static_cast<std::size_t>(stop - text.data());
  if (code != std::errc() || length >= text.size() || text[length] != ']' || length > 9)
    return fail(ErrorCode::kInvalid, "an index is [0], [1] and so on");
  text.remove_prefix(length + 1);
  return step;
}

Result<ArgumentPath::Step> take_name(std::string_view& text) {
  const auto* const end = std::find_if_not(text.begin(), text.end(), plain);
  const auto length = static_cast<std::size_t>(end - text.begin());
  if (length == 0) return fail(ErrorCode::kInvalid, "a name is missing");
  ArgumentPath::Step step{.name = std::string(text.substr(0, length))};
  text.remove_prefix(length);
  return step;
}

}  // namespace

Result<ArgumentPath> parse_argument_path(std::string_view text) {
  using Source = ArgumentPath::Source;
  constexpr std::size_t kMaxText = 512;
  ArgumentPath path{.text = std::string(text)};
  if (text.empty() || text.size() > kMaxText)
    return fail(ErrorCode::kInvalid, "it is empty or over {} bytes", kMaxText);
  path.source = take_source(text);
  bool first = true;
  if (text.starts_with('$') && path.source != Source::kQuery && path.source != Source::kCapture &&
      (text.size() == 1 || text[1] == '.' || text[1] == '[')) {
    text.remove_prefix(1);
    path.source = Source::kBody;
    first = false;
  } else if (text.empty()) {
    return fail(ErrorCode::kInvalid, "a name is missing behind the source");
  }
  while (!text.empty()) {
    const bool bracket = text.front() == '[';
    if (!first && !bracket) {
      if (text.front() != '.') return fail(ErrorCode::kInvalid, "a '.' is missing at '{}'", text);
      text.remove_prefix(1);
    }
    first = false;
    Result<ArgumentPath::Step> step = bracket ? take_bracket(text) : take_name(text);
    if (!step) return tl::unexpected(step.error());
    path.steps.push_back(std::move(*step));
    if (path.steps.size() > ArgumentPath::kMaxSteps)
      return fail(ErrorCode::kInvalid, "it has more than {} steps", ArgumentPath::kMaxSteps);
  }
  const bool flat = path.source == Source::kQuery || path.source == Source::kCapture;
  if (flat && (path.steps.size() != 1 || path.steps.front().is_index))
    return fail(ErrorCode::kInvalid, "query and path hold plain names only");
  if (path.source == Source::kAny && path.steps.front().is_index) path.source = Source::kBody;
  return path;
}

}  // namespace writ::policy
