#include "daemon/exchange.h"

#include <cstdlib>

#include "flow/flow_table.h"
#include "protocol/request_target.h"

namespace writ::daemon {
namespace {

audit::DigestStream make_digest(const audit::Key& key) {
  auto digest = key.digest_stream();
  if (!digest) std::abort();  // OpenSSL without HMAC-SHA256: the audit could not have been opened
  return std::move(*digest);
}

}  // namespace

Exchange::Exchange(flow::Channel& on, scan::Scanner& scanner, const audit::Key& key,
                   std::uint64_t message_max)
    : channel(on),
      scanner_(scanner),
      digests_(make_digest(key)),
      message_max_(message_max),
      offset_(0) {}

Call* Exchange::arriving() {
  return !calls.empty() && !calls.back()->received() ? calls.back().get() : nullptr;
}

Call* Exchange::answering() { return answered_ < calls.size() ? calls[answered_].get() : nullptr; }

void Exchange::pop_front() {
  calls.pop_front();
  --answered_;
}

Call& Exchange::problem_call(protocol::Problem problem) {
  Call* call = arriving();
  if (call == nullptr) {
    calls.push_back(std::make_unique<Call>());
    call = calls.back().get();
    call->id = new_call_id();
    call->begin = released;
    call->first_seen_ns = channel.first_out_ns;
    call->request.protocol = "unparseable";
    call->request.tls = channel.tls;
  }
  if (!call->problem) call->problem = std::move(problem);
  return *call;
}

void Exchange::feed_out(std::string_view bytes) {
  if (dead || tunnel) return;
  if (requests_.offset() == 0) offset_ = channel.out - bytes.size();
  if (!requests_.feed(bytes, request_sink_)) problem_call(*requests_.problem());
}

void Exchange::feed_in(std::string_view bytes) {
  if (blind || tunnel) return;
  if (!responses_.feed(bytes, response_sink_)) blind = true;
}

void Exchange::close() {
  if (!blind && !responses_.on_close(response_sink_)) blind = true;
}

void Exchange::Requests::on_head(const protocol::RequestHead& head, std::uint64_t end) {
  Exchange& e = exchange;
  e.calls.push_back(std::make_unique<Call>());
  Call& call = *e.calls.back();
  call.id = new_call_id();
  call.begin = e.offset_ + head.begin;
  call.head_end = e.offset_ + end;
  call.first_seen_ns = e.channel.first_out_ns;
  call.request.tls = e.channel.tls;
  call.problem = protocol::fill_call(head, call.request);
  call.request.bytes = end - head.begin;
  call.expect_continue = head.expect_continue;
  call.content_length = head.content_length;
  call.chunked = head.body == protocol::BodyKind::kChunked;
  call.tunnel = head.connect || head.upgrade;
  const bool keep = e.keep_bodies || may_ask_model(call.request);
  call.arguments.open(e.scanner_, e.digests_.copy(), head.headers,
                      {.message_max = e.message_max_, .keep = keep});
  // A body that nobody can read is not waited for.
  if (call.chunked || call.content_length > 0) call.take_content_problem();
  // The query holds arguments as much as the body does; header fields hold credentials on purpose
  // and are not scanned.
  call.arguments.scan_beside(call.request.query);
  e.responses_.expect(head);
}

void Exchange::Requests::on_body(std::string_view bytes, std::uint64_t end) {
  Call& call = *exchange.calls.back();
  call.arguments.feed(bytes);
  call.take_content_problem();
  call.request.bytes = exchange.offset_ + end - call.begin;
}

void Exchange::Requests::on_trailers(const protocol::Headers& trailers, std::uint64_t /*end*/) {
  for (const protocol::Header& field : trailers) {
    exchange.calls.back()->arguments.scan_beside(field.value);
  }
}

void Exchange::Requests::on_message_end(std::uint64_t end) {
  Call& call = *exchange.calls.back();
  call.end = exchange.offset_ + end;
  call.request.bytes = call.end - call.begin;
  call.arguments.end();
  call.take_content_problem();
}

void Exchange::Requests::on_tunnel(std::string_view /*bytes*/, std::uint64_t /*end*/) {}

void Exchange::Responses::on_head(const protocol::ResponseHead& head, std::uint64_t /*end*/) {
  Call* call = exchange.answering();
  if (call == nullptr || head.interim) return;
  call->status = head.status;
  call->result.open(exchange.scanner_, exchange.digests_.copy(), head.headers,
                    {.message_max = exchange.message_max_,
                     .events = true,
                     .also = call->llm ? &call->llm->open_answer(head.headers) : nullptr});
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
  call->result.end();
  (void)call->result.look();
  ++exchange.answered_;
  if (call->tunnel && exchange.responses_.tunnel()) {
    exchange.tunnel = true;
  } else if (call->tunnel) {
    exchange.requests_.stay_http();
  }
}

void Exchange::Responses::on_tunnel(std::string_view /*bytes*/, std::uint64_t /*end*/) {}

}  // namespace writ::daemon
