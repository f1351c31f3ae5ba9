#include "daemon/proposal.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "policy/address.h"
#include "protocol/http1.h"
#include "protocol/request_target.h"

namespace writ::daemon {
namespace {

// Takes the one head that is fed; a description has no body of HTTP.
struct HeadSink : protocol::RequestSink {
  void on_head(const protocol::RequestHead& head, std::uint64_t /*end*/) override {
    problem = protocol::fill_call(head, *call);
  }
  void on_body(std::string_view /*bytes*/, std::uint64_t /*end*/) override {}
  void on_trailers(const protocol::Headers& /*trailers*/, std::uint64_t /*end*/) override {}
  void on_message_end(std::uint64_t /*end*/) override {}
  void on_tunnel(std::string_view /*bytes*/, std::uint64_t /*end*/) override {}
  ToolCall* call = nullptr;
  std::optional<protocol::Problem> problem;
};

// What could end a line, or a word of it, would make another request of it.
bool one_word(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7f;
  });
}

Status read_destination(const v1::DescribedRequest& request, Endpoint& out) {
  if (request.port() > UINT16_MAX) return fail(ErrorCode::kInvalid, "'port' is no port");
  out.port = static_cast<std::uint16_t>(request.port());
  if (request.address().empty()) return {};
  const auto address = policy::parse_address(request.address());
  if (!address) return fail(ErrorCode::kInvalid, "'address' must be a numeric IP address");
  std::array<char, INET6_ADDRSTRLEN> text{};
  // Cannot fail: the buffer holds every address.
  (void)inet_ntop(address->v6 ? AF_INET6 : AF_INET, address->bytes.data(), text.data(),
                  text.size());
  out.address = text.data();
  return {};
}

Status read_request(const v1::DescribedRequest& request, Call& call) {
  if (request.method().empty() || request.host().empty() || !request.path().starts_with('/')) {
    return fail(ErrorCode::kInvalid,
                "'request' needs a 'method', a 'host' and a 'path' that begins with '/'");
  }
  for (const auto* text : {&request.method(), &request.host(), &request.path(), &request.query()}) {
    if (one_word(*text)) continue;
    return fail(ErrorCode::kInvalid, "'{}' holds a space or control character: escape it",
                printable(*text));
  }
  if (request.path().find('?') != std::string::npos) {
    return fail(ErrorCode::kInvalid, "what stands behind '?' goes into 'query'");
  }
  const std::string head =
      fmt::format("{} {}{}{} HTTP/1.1\r\nHost: {}\r\n\r\n", request.method(), request.path(),
                  request.query().empty() ? "" : "?", request.query(), request.host());
  protocol::RequestParser parser;
  HeadSink sink;
  sink.call = &call.request;
  call.problem = parser.feed(head, sink) ? sink.problem : parser.problem();
  return read_destination(request, call.request.destination);
}

Status read_claim(const v1::ProposedCall& proposal, Call& call) {
  Claim claim{.tool = proposal.tool(), .captures = {}};
  std::size_t bytes = claim.tool.size();
  for (const auto& [name, value] : proposal.captures()) {
    bytes += name.size() + value.size();
    claim.captures[name] = value;
  }
  if (bytes > kMaxClaimBytes) {
    return fail(ErrorCode::kInvalid, "'tool' and 'captures' are over {} bytes", kMaxClaimBytes);
  }
  call.claim = std::move(claim);
  return {};
}

}  // namespace

Result<std::unique_ptr<Call>> read_proposal(const v1::ProposedCall& proposal,
                                            scan::Scanner& scanner, const audit::Key& key) {
  if (proposal.tool().empty() != proposal.has_request()) {
    return fail(ErrorCode::kInvalid, "a call is of a 'tool' or a 'request': write one of them");
  }
  if (!proposal.captures().empty() && proposal.has_request()) {
    return fail(ErrorCode::kInvalid, "'captures' goes with 'tool'");
  }
  auto call = std::make_unique<Call>();
  call->id = new_call_id();
  call->first_seen_ns = monotonic_ns();
  const Status read = proposal.has_request() ? read_request(proposal.request(), *call)
                                             : read_claim(proposal, *call);
  if (!read) return tl::unexpected(read.error());
  call->arguments.open(scanner, make_digest(key), {}, {.keep = true});
  call->arguments.scan_beside(call->request.query);
  call->arguments.feed(proposal.body());
  call->arguments.end();
  call->request.protocol = "decide";
  call->request.bytes = proposal.ByteSizeLong();
  call->end = call->request.bytes;  // never 0: it names a tool or a request
  return call;
}

}  // namespace writ::daemon
