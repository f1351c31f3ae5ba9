#include "daemon/http2_conversation.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/exchange.h"
#include "protocol/grpc.h"

namespace writ::daemon {
namespace {

// gRPC answers with status 200, and says in a field of the trailers, or of the head where no body
// follows, how the call went.
void read_grpc_status(const protocol::Headers& fields, Call& call) {
  const protocol::Header* status = protocol::find_header(fields, "grpc-status");
  if (status == nullptr || status->value == "0" || call.request.protocol != "grpc") return;
  call.grpc_status = fmt::format("grpc-status {}", printable(status->value));
}

}  // namespace

Call* Http2Conversation::call_of(std::uint32_t stream) const {
  const auto found = std::find_if(exchange_.calls.begin(), exchange_.calls.end(),
                                  [&](const auto& call) { return call->stream == stream; });
  return found == exchange_.calls.end() ? nullptr : found->get();
}

void Http2Conversation::feed_out(std::string_view bytes) {
  if (connection_.problem() || connection_.feed_out(bytes, request_sink_)) return;
  Call* of = call_of(connection_.problem_stream());
  if (connection_.problem_stream() == 0 || (of != nullptr && of->received())) of = nullptr;
  exchange_.problem_call(*connection_.problem(), of);
}

bool Http2Conversation::feed_in(std::string_view bytes) {
  return connection_.feed_in(bytes, response_sink_);
}

void Http2Conversation::Requests::on_head(std::uint32_t stream, const protocol::RequestHead& head,
                                          std::uint64_t end) {
  const std::uint64_t offset = conversation.offset_;
  Call& call = conversation.exchange_.open_call(head, offset + head.begin, offset + end);
  call.stream = stream;
  if (protocol::is_grpc(head.headers)) call.request.protocol = "grpc";
}

void Http2Conversation::Requests::on_body(std::uint32_t stream, std::string_view bytes,
                                          std::uint64_t end) {
  Call* call = conversation.call_of(stream);
  if (call == nullptr) return;
  // Its head was let go alone: this is what is held.
  if (call->held_from == Call::kHeadOnly)
    call->held_from = conversation.offset_ + end - bytes.size();
  conversation.exchange_.feed_call(*call, bytes);
}

void Http2Conversation::Requests::on_trailers(std::uint32_t stream,
                                              const protocol::Headers& trailers,
                                              std::uint64_t /*end*/) {
  Call* call = conversation.call_of(stream);
  if (call == nullptr) return;
  for (const protocol::Header& field : trailers) {
    call->arguments.scan_beside(field.value);
    call->request.bytes += field.name.size() + field.value.size();
  }
}

void Http2Conversation::Requests::on_message_end(std::uint32_t stream, std::uint64_t end) {
  Call* call = conversation.call_of(stream);
  if (call != nullptr) conversation.exchange_.end_call(*call, conversation.offset_ + end);
}

void Http2Conversation::Requests::on_reset(std::uint32_t stream, std::uint32_t error,
                                           std::uint64_t end) {
  Call* call = conversation.call_of(stream);
  if (call == nullptr) return;
  if (!call->received()) call->end = conversation.offset_ + end;  // nothing more comes of it
  call->broken_off = fmt::format("the agent gave the call up (RST_STREAM, error {})", error);
}

void Http2Conversation::Responses::on_head(std::uint32_t stream, const protocol::ResponseHead& head,
                                           std::uint64_t /*end*/) {
  Call* call = conversation.call_of(stream);
  if (call == nullptr || head.interim) return;
  conversation.exchange_.open_result(*call, head);
  read_grpc_status(head.headers, *call);
}

void Http2Conversation::Responses::on_body(std::uint32_t stream, std::string_view bytes,
                                           std::uint64_t /*end*/) {
  Call* call = conversation.call_of(stream);
  if (call != nullptr && call->result.opened()) call->result.feed(bytes);
}

void Http2Conversation::Responses::on_trailers(std::uint32_t stream,
                                               const protocol::Headers& trailers,
                                               std::uint64_t /*end*/) {
  Call* call = conversation.call_of(stream);
  if (call == nullptr) return;
  for (const protocol::Header& field : trailers) call->result.scan_beside(field.value);
  read_grpc_status(trailers, *call);
}

void Http2Conversation::Responses::on_message_end(std::uint32_t stream, std::uint64_t /*end*/) {
  Call* call = conversation.call_of(stream);
  if (call != nullptr) conversation.exchange_.end_result(*call);
}

void Http2Conversation::Responses::on_reset(std::uint32_t stream, std::uint32_t error,
                                            std::uint64_t /*end*/) {
  Call* call = conversation.call_of(stream);
  if (call == nullptr || call->answered) return;  // it ended its result, and wants no more of ours
  call->broken_off = fmt::format("the server gave the call up (RST_STREAM, error {})", error);
}

}  // namespace writ::daemon
