// gRPC bodies in pieces: never a crash, and what is not compressed comes out whole.
#include <cstdlib>

#include "protocol/grpc.h"

namespace {

struct Sum : writ::protocol::GrpcSink {
  void on_message_bytes(std::string_view bytes) override { total += bytes.size(); }
  void on_message_end() override { ++messages; }
  std::size_t total = 0;
  std::size_t messages = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static constexpr const char* kEncodings[] = {"gzip", "deflate", "zstd", "identity"};
  constexpr std::size_t kMost = 100'000;
  writ::protocol::GrpcReader reader({{"grpc-encoding", kEncodings[data[0] % 4]}},
                                    {.decoded_bytes = kMost});
  const std::size_t step = data[1] + 1u;
  const std::string_view body(reinterpret_cast<const char*>(data) + 2, size - 2);
  Sum sum;
  bool good = true;
  for (std::size_t at = 0; at < body.size() && good; at += step) {
    good = reader.feed(body.substr(at, step), sum);
  }
  if (good) good = reader.finish();
  if (good == reader.problem().has_value()) std::abort();
  if (sum.total > body.size() + kMost || sum.messages * 5 > body.size()) std::abort();
  return 0;
}
