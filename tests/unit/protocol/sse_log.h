// What an SseParser says of a stream, as lines that do not depend on how the stream was cut.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/sse.h"

namespace writ::protocol {

class SseLog : public SseSink {
 public:
  void on_data(std::string_view piece) override { data += piece; }
  void on_aside(std::string_view piece) override { aside += piece; }
  void on_event(const SseEvent& event) override {
    events.push_back(std::string(event.type) + " #" + std::string(event.last_id) + " " +
                     std::to_string(event.data) + " " + data.substr(told_));
    counts_hold = counts_hold && event.data == data.size() - told_;
    told_ = data.size();
  }
  bool operator==(const SseLog& other) const {
    return events == other.events && data == other.data && aside == other.aside;
  }

  std::vector<std::string> events;  // "type #id bytes data"
  std::string data;                 // of all events
  std::string aside;
  bool counts_hold = true;  // SseEvent::data was what had come

 private:
  std::size_t told_ = 0;
};

// `cuts`: where the bytes are cut, ascending.
inline SseLog sse_log(std::string_view bytes, const std::vector<std::size_t>& cuts = {},
                      const SseLimits& limits = {}) {
  SseLog log;
  SseParser parser(limits);
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    parser.feed(bytes.substr(from, cut - from), log);
    from = cut;
  }
  parser.feed(bytes.substr(from), log);
  return log;
}

}  // namespace writ::protocol
