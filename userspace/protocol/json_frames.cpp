#include "protocol/json_frames.h"

#include <algorithm>
#include <array>
#include <utility>

namespace writ::protocol {
namespace {

// Of stray bytes, as much as says what they were to be.
constexpr std::size_t kMaxStrayText = 4096;

bool is_line_break(char c) { return c == '\n' || c == '\r'; }

// The first byte of U+2028 and U+2029, which some readers of lines take for line breaks.
constexpr char kSeparator = '\xe2';

// Bytes that mean something within a text.
constexpr auto kInText = [] {
  std::array<bool, 256> table{};
  for (const char c : {'"', '\\', '\n', '\r', kSeparator}) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}();

std::size_t skip_text(std::string_view bytes, std::size_t at) {
  while (at < bytes.size() && !kInText[static_cast<unsigned char>(bytes[at])]) ++at;
  return at;
}

}  // namespace

void JsonFrames::feed(std::string_view bytes, JsonFrameSink& sink) {
  while (!bytes.empty()) {
    std::size_t used = 0;
    switch (state_) {
      case State::kBetween:
        used = read_between(bytes);
        break;
      case State::kMessage:
        used = read_message(bytes, sink);
        break;
      case State::kStray:
        used = read_stray(bytes, sink);
        break;
    }
    bytes.remove_prefix(used);
  }
}

std::size_t JsonFrames::read_between(std::string_view bytes) {
  std::size_t at = bytes.find_first_not_of(" \t\r\n");
  if (at == std::string_view::npos) at = bytes.size();
  offset_ += at;
  if (at == bytes.size()) return at;
  begin_ = offset_;
  depth_ = 0;
  quoted_ = escaped_ = false;
  separator_ = 0;
  state_ = bytes[at] == '{' || bytes[at] == '[' ? State::kMessage : State::kStray;
  return at;
}

std::size_t JsonFrames::read_message(std::string_view bytes, JsonFrameSink& sink) {
  const std::size_t room = max_ - kept_.size();
  const std::string_view looked_at = bytes.substr(0, room);
  for (std::size_t at = 0; at < looked_at.size(); ++at) {
    const char c = looked_at[at];
    if (is_line_break(c) || ends_separator(c)) {
      give_up(bytes, at, sink);
      return at;
    }
    if (quoted_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        quoted_ = false;
      } else if (separator_ == 0) {
        at = skip_text(looked_at, at + 1) - 1;  // most of a long message is the inside of texts
      }
      continue;
    }
    if (c == '"') {
      quoted_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      offset_ += at + 1;
      state_ = State::kBetween;
      if (kept_.empty()) {
        sink.on_message(bytes.substr(0, at + 1), begin_, offset_);
      } else {
        kept_.append(bytes.substr(0, at + 1));
        const std::string whole = std::move(kept_);
        kept_ = {};
        sink.on_message(whole, begin_, offset_);
      }
      return at + 1;
    }
  }
  if (looked_at.size() < bytes.size()) {
    give_up(bytes, looked_at.size(), sink);  // longer than a message may be
    return looked_at.size();
  }
  kept_.append(bytes);
  offset_ += bytes.size();
  return bytes.size();
}

// U+2028 or U+2029, as UTF-8.
bool JsonFrames::ends_separator(char c) {
  constexpr std::string_view kBefore = "\xe2\x80";
  if (separator_ == kBefore.size() && (c == '\xa8' || c == '\xa9')) return true;
  const bool goes_on = separator_ < kBefore.size() && c == kBefore[separator_];
  separator_ = goes_on ? separator_ + 1 : c == kSeparator ? 1 : 0;
  return false;
}

// The message that had begun is none. A line break ends the trouble; what else follows is stray.
void JsonFrames::give_up(std::string_view rest, std::size_t used, JsonFrameSink& sink) {
  kept_.append(rest.substr(0, used));
  kept_.resize(std::min(kept_.size(), kMaxStrayText));
  offset_ += used;
  const std::string text = std::move(kept_);
  kept_ = {};
  state_ = is_line_break(rest[used]) ? State::kBetween : State::kStray;
  const std::uint64_t begin = std::exchange(begin_, offset_);
  sink.on_stray(text, begin, offset_);
}

std::size_t JsonFrames::read_stray(std::string_view bytes, JsonFrameSink& sink) {
  std::size_t end = bytes.find_first_of("\r\n");
  if (end == std::string_view::npos) {
    end = bytes.size();
  } else {
    state_ = State::kBetween;
  }
  begin_ = offset_;
  offset_ += end;
  if (end != 0) sink.on_stray(bytes.substr(0, std::min(end, kMaxStrayText)), begin_, offset_);
  return end;
}

}  // namespace writ::protocol
