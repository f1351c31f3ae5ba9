#include "protocol/grpc.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/http1_text.h"
#include "protocol/http2_frame.h"

namespace writ::protocol {
namespace {

// What compresses messages in gRPC's own libraries, beside "identity" and "snappy";
// "deflate" has its zlib wrapper there.
constexpr std::pair<std::string_view, Coding> kGrpcEncodings[] = {
    {"gzip", Coding::kGzip}, {"deflate", Coding::kDeflate}, {"zstd", Coding::kZstd}};

constexpr std::size_t kMaxGrpcEncodingShown = 40;

// Counts what a message decodes to, on its way to the sink.
struct Counted : DecodedSink {
  explicit Counted(GrpcSink& to) : sink(to) {}
  void on_decoded(std::string_view bytes) override {
    decoded += bytes.size();
    sink.on_message_bytes(bytes);
  }
  GrpcSink& sink;
  std::uint64_t decoded = 0;
};

}  // namespace

bool is_grpc(const Headers& headers) {
  constexpr std::string_view kType = "application/grpc";
  return std::any_of(headers.begin(), headers.end(), [&](const Header& field) {
    if (!equals_ignoring_case(field.name, "content-type")) return false;
    const std::string_view value = field.value;
    if (!equals_ignoring_case(value.substr(0, kType.size()), kType)) return false;
    const std::string_view rest = value.substr(kType.size());
    return rest.empty() || rest.front() == '+' || rest.front() == ';' || rest.front() == ' ';
  });
}

GrpcReader::GrpcReader(const Headers& headers, const CodingLimits& limits) : limits_(limits) {
  bool named = false;
  for (const Header& field : headers) {
    if (equals_ignoring_case(field.name, "content-encoding") &&
        !equals_ignoring_case(field.value, "identity")) {
      (void)fail("grpc_coded_body",
                 "gRPC compresses messages, not the body: send it without Content-Encoding");
    }
    if (!equals_ignoring_case(field.name, "grpc-encoding")) continue;
    coding_.reset();
    // Of two, nobody knows which a server takes.
    encoding_ = named ? "two of them" : field.value.substr(0, kMaxGrpcEncodingShown);
    for (const auto& [name, coding] : kGrpcEncodings) {
      if (!named && field.value == name) coding_ = coding;
    }
    named = true;
  }
}

bool GrpcReader::feed(std::string_view bytes, GrpcSink& sink) {
  while (!problem_ && !bytes.empty()) {
    if (prefix_read_ < kPrefix) {
      const std::size_t taken = std::min(kPrefix - prefix_read_, bytes.size());
      std::copy_n(bytes.begin(), taken, prefix_.data() + prefix_read_);
      prefix_read_ += taken;
      fed_ += taken;
      bytes.remove_prefix(taken);
      if (prefix_read_ == kPrefix && !begin_message(sink)) return false;
      continue;
    }
    const std::string_view piece = bytes.substr(0, left_);
    fed_ += piece.size();
    if (!read_message(piece, sink)) return false;
    bytes.remove_prefix(piece.size());
  }
  return !problem_;
}

bool GrpcReader::begin_message(GrpcSink& sink) {
  left_ = read_number({prefix_.data() + 1, kPrefix - 1});
  if (prefix_[0] == 1) {
    if (!coding_) {
      return fail("grpc_encoding_unknown",
                  fmt::format("a compressed message whose grpc-encoding '{}' cannot be read: send "
                              "it as gzip, deflate or zstd, or not compressed",
                              encoding_));
    }
    decoder_.emplace(std::vector<Coding>{*coding_}, limits_);
  } else if (prefix_[0] != 0) {
    return fail("grpc_bad_flag", "a message whose first byte is neither 0 nor 1");
  }
  return left_ > 0 || end_message(sink);
}

bool GrpcReader::read_message(std::string_view piece, GrpcSink& sink) {
  if (decoder_) {
    Counted counted(sink);
    if (!decoder_->feed(piece, counted)) {
      problem_ = decoder_->problem();
      problem_->offset = fed_;
      return false;
    }
    limits_.decoded_bytes -= counted.decoded;
  } else {
    sink.on_message_bytes(piece);
  }
  left_ -= static_cast<std::uint32_t>(piece.size());
  return left_ > 0 || end_message(sink);
}

bool GrpcReader::end_message(GrpcSink& sink) {
  if (decoder_ && !decoder_->finish()) {
    problem_ = decoder_->problem();
    problem_->offset = fed_;
    return false;
  }
  decoder_.reset();
  prefix_read_ = 0;
  sink.on_message_end();
  return true;
}

bool GrpcReader::finish() {
  if (problem_) return false;
  if (prefix_read_ == 0) return true;
  return fail("grpc_truncated", "the body ended within a message");
}

bool GrpcReader::fail(const char* code, std::string message) {
  problem_ = Problem{code, std::move(message), fed_};
  return false;
}

}  // namespace writ::protocol
