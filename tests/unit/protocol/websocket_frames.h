// WebSocket frames written by hand, and what a reader tells of them as lines of text. Shared by the
// unit tests and the fuzzer.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event_log.h"
#include "protocol/websocket.h"

namespace writ::protocol {

// "81 05 48656c6c6f": hexadecimal, spaced at will; "2a*300" is a byte 300 times.
inline std::string from_hex(std::string_view text) {
  std::string bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ') {
      ++i;
    } else if (text[i] == '*') {
      const std::string count(text.substr(i + 1, text.find(' ', i) - i - 1));
      bytes.append(static_cast<std::size_t>(std::atol(count.c_str())) - 1, bytes.back());
      i += 1 + count.size();
    } else {
      bytes += static_cast<char>(digit(text[i]) * 16 + digit(text[i + 1]));
      i += 2;
    }
  }
  return bytes;
}

// A frame of a server.
inline std::string ws_frame(std::uint8_t first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  const std::uint64_t size = payload.size();
  const int more = size < 126 ? 0 : size <= 0xffff ? 2 : 8;
  frame += static_cast<char>(more == 0 ? size : more == 2 ? 126 : 127);
  for (int i = more - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i));
  return frame.append(payload);
}

// The same frames as a client sends them: each with a mask. What is cut stays so.
inline std::string masked(std::string_view frames, std::string_view key = "\x37\xfa\x21\x3d") {
  std::string out;
  while (frames.size() >= 2) {
    const std::size_t length = static_cast<std::uint8_t>(frames[1]) & 0x7f;
    const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    std::uint64_t size = length;
    if (more != 0) size = 0;
    for (std::size_t i = 0; i < more && 2 + i < frames.size(); ++i) {
      size = (size << 8) | static_cast<std::uint8_t>(frames[2 + i]);
    }
    std::string head(frames.substr(0, 2 + more));
    head[1] = static_cast<char>(head[1] | 0x80);
    out.append(head).append(key);
    frames.remove_prefix(head.size());
    const std::string_view payload = frames.substr(0, size);
    for (std::size_t i = 0; i < payload.size(); ++i) {
      out += static_cast<char>(payload[i] ^ key[i % key.size()]);
    }
    frames.remove_prefix(payload.size());
  }
  return out.append(frames);
}

// One line for each message and control frame.
class WebSocketLog : public WebSocketSink {
 public:
  explicit WebSocketLog(bool places) : places_(places) {}

  void on_message(const WebSocketMessage& message) override {
    message_ = message;
    content_.clear();
  }
  void on_message_bytes(std::string_view bytes) override {
    if (bytes.empty()) std::abort();
    content_ += bytes;
  }
  void on_message_end(std::uint64_t end) override {
    add(message_.text ? "text" : "binary", content_, message_.begin, end);
  }
  void on_control(const WebSocketControl& control) override {
    switch (control.opcode) {
      case WebSocketOpcode::kPing:
        add("ping", control.payload, control.begin, control.end);
        return;
      case WebSocketOpcode::kPong:
        add("pong", control.payload, control.begin, control.end);
        return;
      case WebSocketOpcode::kClose:
        if (control.payload.empty()) {
          add("close", "", control.begin, control.end);
        } else {
          const auto byte = [&](std::size_t i) {
            return static_cast<std::uint8_t>(control.payload[i]);
          };
          add(fmt::format("close {}", byte(0) * 256 + byte(1)), control.payload.substr(2),
              control.begin, control.end);
        }
        return;
      case WebSocketOpcode::kContinuation:
      case WebSocketOpcode::kText:
      case WebSocketOpcode::kBinary:
        std::abort();
    }
  }
  std::vector<std::string> lines;

 private:
  void add(std::string line, std::string_view payload, std::uint64_t begin, std::uint64_t end) {
    if (!payload.empty()) line += " " + shown(payload);
    if (places_) line += fmt::format(" @{}-{}", begin, end);
    lines.push_back(std::move(line));
  }
  // As it is, if it is short and plain; else in hexadecimal; else its length and a checksum.
  static std::string shown(std::string_view payload) {
    if (payload.size() > 40) {
      std::uint32_t sum = 0;
      for (const char c : payload) sum = sum * 31 + static_cast<std::uint8_t>(c);
      return fmt::format(
          "[{} bytes{}]", payload.size(),
          std::all_of(payload.begin(), payload.end(), [&](char c) { return c == payload[0]; })
              ? fmt::format(" {}", payload[0])
              : fmt::format(" {:08x}", sum));
    }
    if (std::all_of(payload.begin(), payload.end(), [](char c) { return c >= ' ' && c <= '~'; })) {
      return std::string(payload);
    }
    std::string hex;
    for (const char c : payload) hex += fmt::format("{:02x}", static_cast<std::uint8_t>(c));
    return hex;
  }

  bool places_;
  WebSocketMessage message_;
  std::string content_;
};

struct WebSocketReading {
  Side side = Side::kResponse;
  std::optional<DeflateTerms> deflate;
  std::uint64_t message_max = 1u << 20;
  bool places = true;
};

inline std::vector<std::string> websocket_events(std::string_view stream,
                                                 const std::vector<std::size_t>& cuts,
                                                 const WebSocketReading& how) {
  WebSocketReader reader(how.side, how.deflate, how.message_max);
  WebSocketLog log(how.places);
  feed_pieces(stream, cuts, [&](std::string_view piece) {
    const bool fine = reader.feed(piece, log);
    if (reader.boundary() > reader.offset() && fine) std::abort();
    return fine;
  });
  if (reader.problem()) {
    log.lines.push_back(how.places
                            ? fmt::format("problem {} @{}", reader.problem()->code, reader.offset())
                            : "problem " + reader.problem()->code);
  } else if (!reader.at_message_boundary()) {
    log.lines.push_back("unfinished");
  }
  if (how.places) log.lines.push_back(fmt::format("boundary {}", reader.boundary()));
  return log.lines;
}

}  // namespace writ::protocol
