// Coded content ends the same way whole and in any pieces, and never gives more than its limit.
//
// Input: a byte that chooses the cuts; one with the codings (two bits each; the highest two say how
// many there are on top of each other); one that says whether the rest is the content as it stands,
// or is coded first and then damaged in one bit, so that the depths of the decoders are reached.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../unit/protocol/coding_support.h"
#include "http1_cuts.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace writ::protocol;  // NOLINT(google-build-using-namespace)
  if (size < 3) return 0;
  std::vector<Coding> codings;
  const unsigned count = 1 + (data[1] >> 6) % kMaxCodings;
  for (unsigned i = 0; i < count; ++i) {
    codings.push_back(static_cast<Coding>(data[1] >> (2 * i) & 3));
  }
  const std::string given(reinterpret_cast<const char*>(data) + 3, size - 3);
  std::string content = given;
  const unsigned damage = data[2] & 0x7f;
  const bool coded = (data[2] & 0x80) != 0;
  if (coded) {
    for (const Coding coding : codings) content = encode(coding, content);
    char& byte = content[damage * 131 % content.size()];
    if (damage != 0) byte = static_cast<char>(byte ^ 1 << (damage & 7));
  }
  const CodingLimits limits{.decoded_bytes = 100'000};  // reached by short inputs
  const Decoded whole = decode(codings, content, limits);
  const Decoded pieces = decode(codings, content, limits, fuzz_cuts(data[0], content.size()));
  must(pieces.code.empty() == whole.code.empty());
  must(!whole.code.empty() || pieces.text == whole.text);
  must(whole.text.size() <= limits.decoded_bytes && whole.largest <= ContentDecoder::kScratch);
  if (coded && damage == 0 && given.size() <= 90'000) must(whole.text == given);
  return 0;
}
