// Cuts a byte stream into JSON messages, as MCP sends them over stdio: one a line, no line break
// within (modelcontextprotocol.io/specification, transports). Bytes in pieces of any size go in.
//
//   JsonFrames frames(message_max);
//   frames.feed(bytes, sink);
//
// A message ends with the brace that closes it, not with its line: whoever is told of it then still
// has its last byte in hand. It is found by nesting and quotes alone; whether it is JSON is for its
// reader. What no message can begin with, and a message with a line break within it (or U+2028,
// U+2029, which some take for one) or that is longer than the bound, are stray: readers of lines
// would take their parts for messages of their own.
//
// Memory: of a message that comes in several pieces, what has come of it, up to `max`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace writ::protocol {

// Positions count from the first byte that was fed.
class JsonFrameSink {
 public:
  virtual ~JsonFrameSink() = default;
  // A whole object or array. `text` is valid during the call only.
  virtual void on_message(std::string_view text, std::uint64_t begin, std::uint64_t end) = 0;
  // Bytes [begin, end) are part of no message. `text`: what is known of what they were to be, cut;
  // valid during the call only.
  virtual void on_stray(std::string_view text, std::uint64_t begin, std::uint64_t end) = 0;
};

class JsonFrames {
 public:
  explicit JsonFrames(std::size_t max) : max_(max) {}

  void feed(std::string_view bytes, JsonFrameSink& sink);

  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // No message has begun that has not ended.
  [[nodiscard]] bool between_messages() const { return state_ == State::kBetween; }

 private:
  enum class State { kBetween, kMessage, kStray };

  std::size_t read_between(std::string_view bytes);
  std::size_t read_message(std::string_view bytes, JsonFrameSink& sink);
  bool ends_separator(char c);
  std::size_t read_stray(std::string_view bytes, JsonFrameSink& sink);
  void give_up(std::string_view rest, std::size_t used, JsonFrameSink& sink);

  std::size_t max_;
  std::uint64_t offset_ = 0;  // of the next byte
  std::uint64_t begin_ = 0;   // of the message or the stray bytes
  State state_ = State::kBetween;
  std::uint32_t depth_ = 0;
  bool quoted_ = false;
  bool escaped_ = false;
  std::size_t separator_ = 0;  // bytes of U+2028 or U+2029 that have come
  std::string kept_;           // of a message, from pieces before
};

}  // namespace writ::protocol
