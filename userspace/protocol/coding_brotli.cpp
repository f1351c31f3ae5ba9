// br (RFC 7932), by libbrotlidec.
#include <brotli/decode.h>

#include <new>

#include "protocol/coding_step.h"

namespace writ::protocol {
namespace {

class BrotliStep : public CodingStep {
 public:
  // Windows up to 16 MiB: the larger ones are no part of RFC 7932 and off unless asked for.
  BrotliStep() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {
    if (!state_) throw std::bad_alloc();
  }

  StepResult step(std::string_view& in, std::span<char> out, std::size_t& written) override {
    if (ended_) return in.empty() ? StepResult::kGoOn : StepResult::kTrailing;
    std::size_t available = in.size();
    const auto* next = reinterpret_cast<const std::uint8_t*>(in.data());
    std::size_t room = out.size();
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state_.get(), &available, &next, &room, &to, nullptr);
    in.remove_prefix(in.size() - available);
    written = out.size() - room;
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    return result == BROTLI_DECODER_RESULT_ERROR ? StepResult::kCorrupt : StepResult::kGoOn;
  }
  [[nodiscard]] bool whole() const override { return ended_; }

 private:
  struct Destroy {
    void operator()(BrotliDecoderState* state) const { BrotliDecoderDestroyInstance(state); }
  };
  std::unique_ptr<BrotliDecoderState, Destroy> state_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<CodingStep> make_brotli_step() { return std::make_unique<BrotliStep>(); }

}  // namespace writ::protocol
