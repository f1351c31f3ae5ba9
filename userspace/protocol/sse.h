// An incremental parser of text/event-stream (HTML Living Standard section 9.2, "Server-sent
// events"): bytes in pieces of any size go in, what the events say comes out.
//
//   SseParser parser;
//   parser.feed(bytes, sink);
//
// It fails for nothing: what is no field it knows is a line without a use, as the standard has it.
// Of an event nothing is kept but its type and the last id, each up to SseLimits; its data goes to
// the sink as it comes. So memory is bounded whatever is fed, also by an event that never ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ::protocol {

struct SseLimits {
  std::size_t type = 256;  // what is longer is cut
  std::size_t id = 1024;
};

struct SseEvent {
  std::string_view type;     // "message" when the event says nothing else
  std::string_view last_id;  // of this event, or of one before it
  std::uint64_t data = 0;    // bytes of its data
};

// Views are valid during the call only.
class SseSink {
 public:
  virtual ~SseSink() = default;
  // Of the data of the event that is being read: without field names, with one LF between lines.
  virtual void on_data(std::string_view piece) = 0;
  // Of what a client drops, or does not show: comments, and fields that are not data; each line as
  // it stands, with an LF behind it.
  virtual void on_aside(std::string_view piece) = 0;
  // The event is whole. None without a data line: a client drops it.
  virtual void on_event(const SseEvent& event) = 0;
};

class SseParser {
 public:
  explicit SseParser(const SseLimits& limits = {}) : limits_(limits) {}

  // What follows the last empty line is no event, and a client drops it.
  void feed(std::string_view bytes, SseSink& sink);

 private:
  enum class Field { kOther, kData, kType, kId };
  enum class At { kName, kSpace, kValue };

  std::string_view skip_mark(std::string_view bytes, SseSink& sink);
  void lines(std::string_view bytes, SseSink& sink);
  void take(std::string_view piece, SseSink& sink);
  void read_name(SseSink& sink, bool colon);
  void read_value(std::string_view piece, SseSink& sink);
  void end_line(SseSink& sink);
  void end_event(SseSink& sink);

  SseLimits limits_;
  bool started_ = false;   // what may be a byte order mark is behind
  std::size_t mark_ = 0;   // bytes of it that were read
  bool after_cr_ = false;  // an LF now belongs to the CR before it
  // The line that is being read.
  At at_ = At::kName;
  Field field_ = Field::kOther;
  bool blank_ = true;
  std::string name_;   // as far as it can be one that is known
  std::string value_;  // of a type or id
  // The event that is being read.
  bool any_data_ = false;
  std::uint64_t data_ = 0;
  std::string type_;
  std::string last_id_;
};

}  // namespace writ::protocol
