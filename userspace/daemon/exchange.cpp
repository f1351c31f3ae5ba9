#include "daemon/exchange.h"

#include <algorithm>
#include <utility>

#include "daemon/http2_conversation.h"
#include "daemon/mcp_call.h"
#include "daemon/websocket_conversation.h"
#include "flow/flow_table.h"
#include "protocol/request_target.h"

namespace writ::daemon {
namespace {

// What a server may say before the agent's first byte: more than any server's SETTINGS.
constexpr std::size_t kMaxFirstIn = 16u << 10;

constexpr int kSwitchingProtocols = 101;

}  // namespace

Exchange::Exchange(flow::Channel& on, scan::Scanner& scanner, const audit::Key& key,
                   std::uint64_t message_max)
    : channel(on),
      scanner_(scanner),
      digests_(make_digest(key)),
      message_max_(message_max),
      offset_(0) {}

Exchange::~Exchange() = default;

Call* Exchange::arriving() {
  if (!multiplexed())
    return !calls.empty() && !calls.back()->received() ? calls.back().get() : nullptr;
  Call* oldest = nullptr;
  for (const auto& call : calls) {
    if (call->received()) continue;
    if (call->undecided()) return call.get();
    if (oldest == nullptr) oldest = call.get();
  }
  return oldest;
}

Call* Exchange::answering() {
  const auto found =
      std::find_if(calls.begin(), calls.end(), [](const auto& call) { return !call->answered; });
  return found == calls.end() ? nullptr : found->get();
}

void Exchange::erase(std::size_t index) {
  if (http2_ && !calls[index]->received()) http2_->forget(*calls[index]);
  calls.erase(calls.begin() + static_cast<std::ptrdiff_t>(index));
}

Call& Exchange::problem_call(protocol::Problem problem, Call* of) {
  Call* call = of != nullptr ? of : arriving();
  if (call == nullptr) {
    calls.push_back(std::make_unique<Call>());
    call = calls.back().get();
    call->id = new_call_id();
    call->begin = call->held_from = released;
    call->first_seen_ns = channel.first_out_ns;
    call->request.protocol = "unparseable";
    call->request.tls = channel.tls;
  }
  if (!call->problem) call->problem = std::move(problem);
  return *call;
}

bool Exchange::between_requests() const {
  if (http2_) return http2_->boundary() == channel.out;
  if (websocket_) return websocket_->boundary() == channel.out;
  return first_out_.empty() && requests_.at_message_boundary();
}

std::uint64_t Exchange::readable() const {
  if (websocket_) return websocket_->boundary();
  return http2_ ? http2_->boundary() : released;
}

std::int64_t Exchange::window(const Call& call) const { return http2_ ? http2_->window(call) : 0; }

void Exchange::feed_out(std::string_view bytes) {
  if (dead || tunnel) return;
  if (opening_ != protocol::Opening::kUnknown) {
    read_out(bytes);
    return;
  }
  if (first_out_.empty()) offset_ = channel.out - bytes.size();
  first_out_ += bytes;
  opening_ = protocol::opening_of(first_out_);
  if (opening_ == protocol::Opening::kUnknown) return;
  if (opening_ == protocol::Opening::kHttp2) {
    http2_ = std::make_unique<Http2Conversation>(*this, offset_);
    if (blind) http2_->lose_in();
    feed_in(std::exchange(first_in_, {}));
  } else {
    blind = blind || opening_ == protocol::Opening::kMidway || !first_in_.empty();
  }
  read_out(std::exchange(first_out_, {}));
}

void Exchange::read_out(std::string_view bytes) {
  if (http2_) {
    http2_->feed_out(bytes);
  } else if (opening_ == protocol::Opening::kMidway) {
    problem_call({.code = "http2_joined_midway",
                  .message = "HTTP/2 whose beginning was not seen: its header table (HPACK) is "
                             "poisoned, so no request on this connection can be read; end the "
                             "connection, or start the agent under writ",
                  .offset = offset_});
  } else if (!requests_.feed(bytes, request_sink_)) {
    problem_call(*requests_.problem());
  }
}

void Exchange::feed_in(std::string_view bytes) {
  if (blind || tunnel || bytes.empty()) return;
  if (http2_) {
    blind = !http2_->feed_in(bytes);
  } else if (opening_ == protocol::Opening::kUnknown &&
             (!first_in_.empty() || protocol::looks_like_frame(bytes))) {
    // An HTTP/2 server may send its SETTINGS first.
    first_in_ += bytes;
    if (first_in_.size() > kMaxFirstIn) lose_in();
  } else if (!responses_.feed(bytes, response_sink_)) {
    blind = true;
  }
}

void Exchange::lose_in() {
  blind = true;
  first_in_ = {};
  if (websocket_) websocket_->lose_in();
  if (http2_) http2_->lose_in();
}

void Exchange::close() {
  if (websocket_) {
    if (!dead) websocket_->close();
    return;
  }
  if (!blind && !http2_ && !responses_.on_close(response_sink_)) blind = true;
}

Call& Exchange::open_call(const protocol::RequestHead& head, std::uint64_t begin,
                          std::uint64_t end) {
  calls.push_back(std::make_unique<Call>());
  Call& call = *calls.back();
  call.id = new_call_id();
  call.begin = call.held_from = begin;
  call.head_end = end;
  call.first_seen_ns = call.grown_ns = channel.first_out_ns;
  call.request.tls = channel.tls;
  call.problem = protocol::fill_call(head, call.request);
  call.request.bytes = end - begin;
  call.expect_continue = head.expect_continue;
  call.content_length = head.content_length;
  call.chunked = head.body == protocol::BodyKind::kChunked;
  call.tunnel = head.connect || head.upgrade;
  call.websocket = protocol::read_websocket_offer(head);
  if (keep_bodies) call.mcp_headers = protocol::read_mcp_headers(head.headers);
  const bool keep = keep_bodies || may_ask_model(call.request);
  call.arguments.open(scanner_, digests_.copy(), head.headers,
                      {.message_max = message_max_, .keep = keep, .grpc = multiplexed()});
  // A body that nobody can read is not waited for.
  if (call.chunked || call.content_length > 0) call.take_content_problem();
  // The query holds arguments as much as the body does; header fields hold credentials on purpose
  // and are not scanned.
  call.arguments.scan_beside(call.request.query);
  return call;
}

Call& Exchange::open_message(const Call& handshake, std::uint64_t begin) {
  calls.push_back(std::make_unique<Call>());
  Call& call = *calls.back();
  call.id = new_call_id();
  call.begin = call.held_from = call.head_end = begin;
  call.first_seen_ns = call.grown_ns = channel.first_out_ns;
  call.request = handshake.request;
  call.request.protocol = kMessageProtocol;
  call.request.method = kMessageMethod;
  call.request.mcp.reset();
  call.request.bytes = 0;
  call.message = call.answered = true;
  call.arguments.open(scanner_, digests_.copy(), {},
                      {.message_max = message_max_, .keep = keep_bodies});
  call.arguments.scan_beside(call.request.query);
  return call;
}

void Exchange::feed_call(Call& call, std::string_view bytes) {
  call.arguments.feed(bytes);
  call.take_content_problem();
  call.request.bytes += bytes.size();
  call.grown_ns = channel.first_out_ns;
}

void Exchange::end_call(Call& call, std::uint64_t end) {
  call.end = end;
  call.arguments.end();
  call.take_content_problem();
}

void Exchange::open_result(Call& call, const protocol::ResponseHead& head) {
  call.status = head.status;
  if (opens_mcp_stream(call)) call.mcp_stream = std::make_unique<McpStream>(call.request);
  call.result.open(scanner_, digests_.copy(), head.headers,
                   {.message_max = message_max_,
                    .keep = waits_for_mcp_answer(call),
                    .events = true,
                    .grpc = multiplexed(),
                    .watch = call.mcp_stream.get(),
                    .also = call.llm ? &call.llm->open_answer(head.headers) : nullptr});
}

// The messages that come are the handshake's result. False: the agent has not waited for the 101.
bool Exchange::enter_websocket(Call& handshake) {
  handshake.status = kSwitchingProtocols;
  handshake.result.open(scanner_, digests_.copy(), {}, {.message_max = message_max_});
  if (!requests_.enter_tunnel()) return false;
  websocket_ = std::make_unique<WebSocketConversation>(*this, handshake, *websocket_terms_,
                                                       offset_ + requests_.offset(), message_max_);
  return true;
}

void Exchange::end_result(Call& call) {
  call.result.end();
  (void)call.result.look();
  call.answered = true;
}

void Exchange::Requests::on_head(const protocol::RequestHead& head, std::uint64_t end) {
  (void)exchange.open_call(head, exchange.offset_ + head.begin, exchange.offset_ + end);
  exchange.responses_.expect(head);
}

void Exchange::Requests::on_body(std::string_view bytes, std::uint64_t end) {
  Call& call = *exchange.calls.back();
  exchange.feed_call(call, bytes);
  call.request.bytes = exchange.offset_ + end - call.begin;
}

void Exchange::Requests::on_trailers(const protocol::Headers& trailers, std::uint64_t /*end*/) {
  for (const protocol::Header& field : trailers) {
    exchange.calls.back()->arguments.scan_beside(field.value);
  }
}

void Exchange::Requests::on_message_end(std::uint64_t end) {
  Call& call = *exchange.calls.back();
  exchange.end_call(call, exchange.offset_ + end);
  call.request.bytes = call.end - call.begin;
}

void Exchange::Requests::on_tunnel(std::string_view bytes, std::uint64_t /*end*/) {
  if (exchange.websocket_) exchange.websocket_->feed_out(bytes);
}

void Exchange::Responses::on_head(const protocol::ResponseHead& head, std::uint64_t /*end*/) {
  Call* call = exchange.answering();
  if (call == nullptr || head.interim) return;
  if (head.upgrade && call->websocket) {
    exchange.websocket_terms_ = protocol::agree_on_websocket(*call->websocket, head);
    if (exchange.websocket_terms_) return;
  }
  exchange.open_result(*call, head);
}

void Exchange::Responses::on_body(std::string_view bytes, std::uint64_t /*end*/) {
  Call* call = exchange.answering();
  if (call == nullptr || !call->result.opened()) return;
  call->result.feed(bytes);
}

void Exchange::Responses::on_trailers(const protocol::Headers& trailers, std::uint64_t /*end*/) {
  Call* call = exchange.answering();
  if (call == nullptr) return;
  for (const protocol::Header& field : trailers) call->result.scan_beside(field.value);
}

void Exchange::Responses::on_message_end(std::uint64_t /*end*/) {
  Call* call = exchange.answering();
  if (call == nullptr) return;
  if (exchange.websocket_terms_ && exchange.enter_websocket(*call)) return;
  exchange.end_result(*call);
  if (call->tunnel && exchange.responses_.tunnel()) {
    exchange.tunnel = true;
  } else if (call->tunnel) {
    exchange.requests_.stay_http();
  }
}

void Exchange::Responses::on_tunnel(std::string_view bytes, std::uint64_t /*end*/) {
  if (exchange.websocket_ && !exchange.websocket_->feed_in(bytes)) exchange.blind = true;
}

}  // namespace writ::daemon
