// The HTTP/2 conversation on a channel: each stream becomes a call of the exchange.
//
// Owner: the exchange, which must outlive it; loop thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "daemon/call.h"
#include "protocol/http2.h"

namespace writ::daemon {

class Exchange;

class Http2Conversation {
 public:
  // `offset`: of the channel, where the preface begins.
  Http2Conversation(Exchange& exchange, std::uint64_t offset)
      : exchange_(exchange), offset_(offset) {}

  // What cannot be read ends as a call with a problem.
  void feed_out(std::string_view bytes);
  // False: results cannot be read any more.
  [[nodiscard]] bool feed_in(std::string_view bytes);
  void lose_in() { connection_.lose_in(); }
  // Nothing more is expected of a call that has not ended.
  void forget(const Call& call) { connection_.forget(call.stream); }

  // Up to here the channel's bytes were read.
  [[nodiscard]] std::uint64_t boundary() const { return offset_ + connection_.boundary(); }
  // How much more body the server takes of the call now.
  [[nodiscard]] std::int64_t window(const Call& call) const {
    return connection_.window(call.stream);
  }

 private:
  struct Requests : protocol::Http2RequestSink {
    explicit Requests(Http2Conversation& c) : conversation(c) {}
    void on_head(std::uint32_t stream, const protocol::RequestHead& head,
                 std::uint64_t end) override;
    void on_body(std::uint32_t stream, std::string_view bytes, std::uint64_t end) override;
    void on_trailers(std::uint32_t stream, const protocol::Headers& trailers,
                     std::uint64_t end) override;
    void on_message_end(std::uint32_t stream, std::uint64_t end) override;
    void on_reset(std::uint32_t stream, std::uint32_t error, std::uint64_t end) override;
    Http2Conversation& conversation;
  };
  struct Responses : protocol::Http2ResponseSink {
    explicit Responses(Http2Conversation& c) : conversation(c) {}
    void on_head(std::uint32_t stream, const protocol::ResponseHead& head,
                 std::uint64_t end) override;
    void on_body(std::uint32_t stream, std::string_view bytes, std::uint64_t end) override;
    void on_trailers(std::uint32_t stream, const protocol::Headers& trailers,
                     std::uint64_t end) override;
    void on_message_end(std::uint32_t stream, std::uint64_t end) override;
    void on_reset(std::uint32_t stream, std::uint32_t error, std::uint64_t end) override;
    Http2Conversation& conversation;
  };

  // nullptr: the call is over.
  [[nodiscard]] Call* call_of(std::uint32_t stream) const;

  Exchange& exchange_;
  std::uint64_t offset_;
  protocol::Http2Connection connection_;
  Requests request_sink_{*this};
  Responses response_sink_{*this};
};

}  // namespace writ::daemon
