// The content of one message, a request's or a response's, looked at while it passes: its codings
// undone, scanned, digested and, where somebody will read it, kept. Every protocol feeds it the
// same way:
//
//   content.open(scanner, digests.copy(), head.headers, options);
//   content.scan_beside(query);           // what is said outside the body, before and behind it
//   content.feed(bytes); ...              // the body as it was sent, without its framing
//   content.end();                        // digest() and complete() stand
//   content.look();                       // findings() are those of what was fed
//
// A coded body is scanned decoded, and as it was sent too: what a coding carries beside its content
// (a gzip member's name, brotli metadata) is not hidden, and neither is a text that says it is
// coded and is not. Of an event stream the data is scanned without its framing, and what stands
// between it by itself. Of gRPC the messages are scanned, each by itself.
//
// Memory: a few KiB for each stream that is scanned, the decoder's windows (content_coding.h), and
// the kept body. Owner: the Call; loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/mac.h"
#include "protocol/content_coding.h"
#include "protocol/grpc.h"
#include "protocol/sse.h"
#include "scan/scanner.h"

namespace writ::daemon {

struct ContentOptions {
  std::uint64_t message_max = 16u << 20;  // what a coded body may decode to
  bool keep = false;                      // the body is read as arguments, until it is dropped
  bool events = false;                    // it may be a text/event-stream
  bool grpc = false;                      // it may be gRPC's messages
  protocol::SseSink* watch = nullptr;     // is told its events too; must outlive the content
  protocol::DecodedSink* also = nullptr;  // gets the body too, its codings undone; outlives it
};

class Content {
 public:
  void open(scan::Scanner& scanner, audit::DigestStream digest, const protocol::Headers& headers,
            const ContentOptions& options);

  // Scanned, and no part of the body. Of a query before the first feed(), of trailers behind the
  // last one: a word never goes on from the one into the other.
  void scan_beside(std::string_view text);
  // REQUIRES: open().
  void feed(std::string_view body);
  void end();
  // What was fed ends here, and something else follows: no word goes on from the one into the
  // other. REQUIRES: open().
  void end_part() { scan_->feed("\n"); }

  // Brings findings() up to what was fed. True: there are more than at the last look.
  bool look();
  // The same, as if nothing more came: a match that the next bytes may still change counts. For
  // what is about to leave without a tail behind it.
  bool look_as_if_ended();
  // The body is not read any more.
  void drop_body();

  [[nodiscard]] bool opened() const { return scan_.has_value(); }
  // All of it has come.
  [[nodiscard]] bool complete() const { return complete_; }
  // Why the body cannot be read, or not all of it: its content coding (content_coding.h, and
  // content_coding_ambiguous: arguments that read as JSON without their coding too, as a server
  // that ignores the field would read them), or its messages (grpc.h). Known at open() where the
  // head says enough; a message without a body has none at its end.
  [[nodiscard]] const std::optional<protocol::Problem>& problem() const { return problem_; }
  // It is an event stream, of which options.events let the framing be read.
  [[nodiscard]] bool events() const { return events_.has_value(); }
  // As the head names it; whatever it holds.
  [[nodiscard]] const std::string& encoding() const { return encoding_; }
  // Of the body, as sent.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // Of the body, its codings undone.
  [[nodiscard]] std::uint64_t decoded() const { return decoded_; }
  // All that was read by the scanner, but for what was read as it was sent: offsets of findings
  // count in it.
  [[nodiscard]] std::uint64_t scanned() const;
  // Keyed, of the body as sent; empty until end().
  [[nodiscard]] const std::string& digest() const { return digest_; }
  [[nodiscard]] const std::vector<scan::Finding>& findings() const { return findings_; }
  void forget_findings() { findings_.clear(); }
  // What was found by other means than the scan. REQUIRES: complete(), and look() was called, which
  // does not look again then.
  void add_finding(scan::Finding finding) { findings_.push_back(std::move(finding)); }
  // Decoded; of gRPC the message, when it is one. nullopt: body_missing() says why, as half a
  // sentence.
  [[nodiscard]] std::optional<std::string_view> body() const;
  [[nodiscard]] const std::string& body_missing() const { return body_missing_; }

 private:
  struct Decoded;   // the sink of decoder_
  struct Events;    // the sink of events_
  struct Messages;  // the sink of grpc_

  // Whether bytes may be a JSON object or list; fed piece by piece.
  struct JsonLook {
    bool text = true;  // no byte that JSON allows nowhere
    char first = 0;    // that is no white space
    char last = 0;
    void feed(std::string_view bytes);
    [[nodiscard]] bool may_be() const;
  };

  bool read(std::string_view body);
  void take(std::string_view decoded);
  void end_message();
  void drop_messages();
  void keep(std::string_view decoded);
  bool look(bool as_if_ended);
  void add_findings(std::optional<scan::Stream>& stream, bool as_if_ended,
                    std::vector<scan::Finding>& to);

  std::optional<scan::Stream> scan_;     // the content
  std::optional<scan::Stream> as_sent_;  // of a coded one, and of gRPC
  std::optional<scan::Stream> asides_;   // of an event stream
  std::optional<protocol::ContentDecoder> decoder_;
  std::optional<protocol::SseParser> events_;
  protocol::SseSink* watch_ = nullptr;
  std::optional<protocol::GrpcReader> grpc_;
  bool message_ended_ = false;  // of gRPC, one at least
  protocol::DecodedSink* also_ = nullptr;
  JsonLook as_sent_look_;
  std::optional<audit::DigestStream> digesting_;  // until end()
  std::optional<protocol::Problem> problem_;
  std::string encoding_;
  std::uint64_t bytes_ = 0;
  std::uint64_t decoded_ = 0;
  std::uint64_t before_ = 0;  // bytes that were scanned before the body
  bool complete_ = false;
  bool looked_ = false;  // at all of it
  std::string digest_;
  std::vector<scan::Finding> findings_;
  std::string body_;
  std::string body_missing_ = "the body was not kept";
};

}  // namespace writ::daemon
