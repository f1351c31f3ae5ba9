#include "protocol/sse.h"

#include <algorithm>
#include <utility>

namespace writ::protocol {
namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf";  // one byte order mark is skipped

constexpr std::size_t kLongestName = 5;  // "event"

void append_up_to(std::string& text, std::string_view more, std::size_t limit) {
  text += more.substr(0, limit - std::min(limit, text.size()));
}

}  // namespace

void SseParser::feed(std::string_view bytes, SseSink& sink) {
  if (!started_) bytes = skip_mark(bytes, sink);
  lines(bytes, sink);
}

// What is left of `bytes`; what only began as a mark is text.
std::string_view SseParser::skip_mark(std::string_view bytes, SseSink& sink) {
  while (!bytes.empty() && mark_ < kMark.size()) {
    if (bytes.front() != kMark[mark_]) {
      started_ = true;
      take(kMark.substr(0, mark_), sink);
      return bytes;
    }
    bytes.remove_prefix(1);
    ++mark_;
  }
  started_ = mark_ == kMark.size();
  return bytes;
}

void SseParser::lines(std::string_view bytes, SseSink& sink) {
  // The next of each at or behind `at`, looked for once: find() of one character is many times as
  // fast as find_first_of().
  std::size_t lf = std::min(bytes.find('\n'), bytes.size());
  std::size_t cr = std::min(bytes.find('\r'), bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    if (std::exchange(after_cr_, false) && bytes[at] == '\n') {
      ++at;
      continue;
    }
    if (lf < at) lf = std::min(bytes.find('\n', at), bytes.size());
    if (cr < at) cr = std::min(bytes.find('\r', at), bytes.size());
    const std::size_t end = std::min(lf, cr);
    take(bytes.substr(at, end - at), sink);
    if (end == bytes.size()) return;
    after_cr_ = end == cr;
    at = end + 1;
    end_line(sink);
  }
}

// A piece of a line.
void SseParser::take(std::string_view piece, SseSink& sink) {
  if (piece.empty()) return;
  blank_ = false;
  if (at_ == At::kName) {
    const std::size_t more = kLongestName + 1 - name_.size();
    const std::size_t colon = piece.substr(0, more).find(':');
    name_ += piece.substr(0, std::min(colon, more));
    if (colon == std::string_view::npos && name_.size() <= kLongestName) return;
    read_name(sink, colon != std::string_view::npos);
    piece.remove_prefix(std::min(colon == std::string_view::npos ? more : colon + 1, piece.size()));
  }
  read_value(piece, sink);
}

// The name is known, or known to be none of ours.
void SseParser::read_name(SseSink& sink, bool colon) {
  field_ = name_ == "data"    ? Field::kData
           : name_ == "event" ? Field::kType
           : name_ == "id"    ? Field::kId
                              : Field::kOther;
  if (field_ == Field::kData) {
    if (any_data_) {
      sink.on_data("\n");
      ++data_;
    }
    any_data_ = true;
  } else {
    if (!name_.empty()) sink.on_aside(name_);
    if (colon) sink.on_aside(":");
  }
  at_ = colon ? At::kSpace : At::kValue;
}

void SseParser::read_value(std::string_view piece, SseSink& sink) {
  if (piece.empty()) return;
  if (field_ != Field::kData) sink.on_aside(piece);
  if (at_ == At::kSpace) {
    at_ = At::kValue;
    if (piece.front() == ' ') piece.remove_prefix(1);
  }
  switch (field_) {
    case Field::kData:
      data_ += piece.size();
      if (!piece.empty()) sink.on_data(piece);
      break;
    case Field::kType:
      append_up_to(value_, piece, limits_.type);
      break;
    case Field::kId:
      append_up_to(value_, piece, limits_.id);
      break;
    case Field::kOther:
      break;
  }
}

void SseParser::end_line(SseSink& sink) {
  if (blank_) {
    end_event(sink);
    return;
  }
  if (at_ == At::kName) read_name(sink, false);
  if (field_ != Field::kData) sink.on_aside("\n");
  if (field_ == Field::kType) type_ = value_;
  // A client ignores an id with a NUL in it.
  if (field_ == Field::kId && value_.find('\0') == std::string::npos) last_id_ = value_;
  at_ = At::kName;
  blank_ = true;
  name_.clear();
  value_.clear();
}

void SseParser::end_event(SseSink& sink) {
  if (any_data_) {
    sink.on_event({.type = type_.empty() ? std::string_view("message") : std::string_view(type_),
                   .last_id = last_id_,
                   .data = data_});
  }
  any_data_ = false;
  data_ = 0;
  type_.clear();
}

}  // namespace writ::protocol
