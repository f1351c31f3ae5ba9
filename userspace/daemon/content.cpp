#include "daemon/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "policy/arguments.h"
#include "protocol/http1_text.h"

namespace writ::daemon {
namespace {

// Of a Content-Encoding, for the record.
constexpr std::size_t kMaxEncoding = 100;

std::string encoding_of(const protocol::Headers& headers) {
  std::string text;
  for (const protocol::Header& header : headers) {
    if (!protocol::equals_ignoring_case(header.name, "content-encoding")) continue;
    if (!text.empty()) text += ", ";
    text += header.value.substr(0, kMaxEncoding);
    if (text.size() > kMaxEncoding) break;
  }
  return text;
}

bool is_event_stream(const protocol::Headers& headers) {
  const protocol::Header* type = protocol::find_header(headers, "content-type");
  if (type == nullptr) return false;
  const std::string_view value = type->value;
  return protocol::equals_ignoring_case(protocol::trim(value.substr(0, value.find(';'))),
                                        "text/event-stream");
}

}  // namespace

struct Content::Decoded : protocol::DecodedSink {
  explicit Decoded(Content& to) : content(to) {}
  void on_decoded(std::string_view bytes) override { content.take(bytes); }
  Content& content;
};

struct Content::Events : protocol::SseSink {
  explicit Events(Content& to) : content(to) {}
  void on_data(std::string_view piece) override {
    content.scan_->feed(piece);
    if (content.watch_ != nullptr) content.watch_->on_data(piece);
  }
  void on_aside(std::string_view piece) override { content.asides_->feed(piece); }
  // No word goes on from one event into the next.
  void on_event(const protocol::SseEvent& event) override {
    content.scan_->feed("\n");
    if (content.watch_ != nullptr) content.watch_->on_event(event);
  }
  Content& content;
};

struct Content::Messages : protocol::GrpcSink {
  explicit Messages(Content& to) : content(to) {}
  void on_message_bytes(std::string_view bytes) override { content.take(bytes); }
  void on_message_end() override { content.end_message(); }
  Content& content;
};

void Content::open(scan::Scanner& scanner, audit::DigestStream digest,
                   const protocol::Headers& headers, const ContentOptions& options) {
  scan_.emplace(scanner.open());
  digesting_.emplace(std::move(digest));
  encoding_ = encoding_of(headers);
  std::vector<protocol::Coding> codings;
  if (options.grpc && protocol::is_grpc(headers)) {
    grpc_.emplace(headers, protocol::CodingLimits{.decoded_bytes = options.message_max});
    problem_ = grpc_->problem();
    as_sent_.emplace(scanner.open());
  } else {
    problem_ = protocol::read_codings(headers, codings);
  }
  if (problem_ || !codings.empty()) as_sent_.emplace(scanner.open());
  if (!problem_ && !codings.empty()) {
    decoder_.emplace(codings, protocol::CodingLimits{.decoded_bytes = options.message_max});
  }
  if (options.events && is_event_stream(headers)) {
    events_.emplace();
    asides_.emplace(scanner.open());
    watch_ = options.watch;
  }
  if (options.keep) body_missing_.clear();
  also_ = options.also;
}

void Content::scan_beside(std::string_view text) {
  if (!scan_ || text.empty()) return;
  if (bytes_ != 0) scan_->feed("\n");
  scan_->feed(text);
  scan_->feed("\n");
  if (bytes_ == 0) before_ = scan_->bytes();
}

void Content::feed(std::string_view body) {
  digesting_->update(body);
  bytes_ += body.size();
  if (!as_sent_) {
    take(body);
    return;
  }
  as_sent_->feed(body);
  as_sent_look_.feed(body);
  if (!problem_ && !read(body)) {
    problem_ = grpc_ ? grpc_->problem() : decoder_->problem();
    decoder_.reset();
  }
}

bool Content::read(std::string_view body) {
  if (grpc_) {
    Messages sink(*this);
    return grpc_->feed(body, sink);
  }
  Decoded sink(*this);
  return decoder_->feed(body, sink);
}

void Content::take(std::string_view decoded) {
  decoded_ += decoded.size();
  if (message_ended_) drop_messages();
  keep(decoded);
  if (also_ != nullptr) also_->on_decoded(decoded);
  if (events_) {
    Events sink(*this);
    events_->feed(decoded, sink);
  } else {
    scan_->feed(decoded);
  }
}

// No word goes on from one message into the next.
void Content::end_message() {
  scan_->feed("\n");
  if (message_ended_) drop_messages();
  message_ended_ = true;
}

void Content::drop_messages() {
  if (!body_missing_.empty()) return;
  drop_body();
  body_missing_ = "the body is more than one gRPC message";
}

void Content::keep(std::string_view decoded) {
  if (!body_missing_.empty()) return;
  if (body_.size() + decoded.size() > policy::Arguments::kMaxBytes) {
    drop_body();
    body_missing_ = fmt::format("the body is over {} bytes", policy::Arguments::kMaxBytes);
    return;
  }
  // Twice as large each time, as it would be by itself, but never beyond what it may be.
  if (body_.size() + decoded.size() > body_.capacity()) {
    body_.reserve(std::min(std::max(2 * body_.capacity(), body_.size() + decoded.size()),
                           policy::Arguments::kMaxBytes));
  }
  body_.append(decoded);
}

void Content::JsonLook::feed(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size() && text; ++i) {
    const char c = bytes[i];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    text = static_cast<unsigned char>(c) >= 0x20;
    if (first == 0) first = c;
    last = c;
  }
}

bool Content::JsonLook::may_be() const {
  return text && ((first == '{' && last == '}') || (first == '[' && last == ']'));
}

void Content::end() {
  if (!digesting_) return;
  digest_ = digesting_->finish_hex();
  digesting_.reset();
  if (decoder_ && !decoder_->finish()) problem_ = decoder_->problem();
  decoder_.reset();
  if (grpc_ && !grpc_->finish()) problem_ = grpc_->problem();
  if (!problem_ && as_sent_ && body() && as_sent_look_.may_be()) {
    problem_ = protocol::Problem{"content_coding_ambiguous",
                                 "the content reads as JSON without its coding too", 0};
  }
  if (bytes_ == 0) problem_.reset();
  complete_ = true;
}

bool Content::look() { return look(false); }

bool Content::look_as_if_ended() { return look(true); }

bool Content::look(bool as_if_ended) {
  if (!scan_ || looked_) return false;
  looked_ = complete_;
  std::vector<scan::Finding> found;
  add_findings(scan_, as_if_ended, found);
  add_findings(asides_, as_if_ended, found);
  add_findings(as_sent_, as_if_ended, found);
  const bool more = found.size() > findings_.size();
  findings_ = std::move(found);
  return more;
}

// Those of rules that have found nothing yet: what is seen in two ways is one thing.
void Content::add_findings(std::optional<scan::Stream>& stream, bool as_if_ended,
                           std::vector<scan::Finding>& to) {
  if (!stream) return;
  for (scan::Finding& finding : complete_     ? stream->finish()
                                : as_if_ended ? stream->if_ended()
                                              : stream->so_far()) {
    const bool known = std::any_of(to.begin(), to.end(),
                                   [&](const scan::Finding& f) { return f.rule == finding.rule; });
    if (known) continue;
    if (&stream != &scan_) finding.offset += before_;  // it is in the body
    to.push_back(std::move(finding));
  }
}

std::uint64_t Content::scanned() const {
  return (scan_ ? scan_->bytes() : 0) + (asides_ ? asides_->bytes() : 0);
}

void Content::drop_body() {
  body_ = {};
  if (body_missing_.empty()) body_missing_ = "the body is not kept any more";
}

std::optional<std::string_view> Content::body() const {
  if (!body_missing_.empty()) return std::nullopt;
  return body_;
}

}  // namespace writ::daemon
