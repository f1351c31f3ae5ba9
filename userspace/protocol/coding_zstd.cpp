// zstd (RFC 8878), by libzstd.
#include <zstd.h>
#include <zstd_errors.h>

#include <cstdint>
#include <new>
#include <string>

#include "protocol/coding_step.h"

namespace writ::protocol {
namespace {

constexpr int kWindowLog = 23;  // RFC 9659: a decoder for HTTP need not offer more
constexpr std::size_t kMagic = 4;

class ZstdStep : public CodingStep {
 public:
  ZstdStep() : context_(ZSTD_createDCtx()) {
    if (!context_ ||
        ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kWindowLog))) {
      throw std::bad_alloc();
    }
  }

  StepResult step(std::string_view& in, std::span<char> out, std::size_t& written) override {
    if (between_) {
      const std::string_view taken = in.substr(0, kMagic - magic_.size());
      magic_ += taken;
      in.remove_prefix(taken.size());
      if (magic_.size() < kMagic) return StepResult::kGoOn;
      if (!is_frame()) return !any_ ? StepResult::kCorrupt : StepResult::kTrailing;
      between_ = false;
      std::string_view magic = magic_;
      const StepResult result = run(magic, out, written);
      magic_.clear();
      if (result != StepResult::kGoOn) return result;
    }
    return run(in, out, written);
  }
  [[nodiscard]] bool whole() const override { return between_ && magic_.empty() && any_; }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { (void)ZSTD_freeDCtx(context); }
  };

  StepResult run(std::string_view& in, std::span<char> out, std::size_t& written) {
    ZSTD_inBuffer from = {in.data(), in.size(), 0};
    ZSTD_outBuffer to = {out.data(), out.size(), written};
    const std::size_t left = ZSTD_decompressStream(context_.get(), &to, &from);
    in.remove_prefix(from.pos);
    written = to.pos;
    if (ZSTD_isError(left)) {
      const bool window = ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge;
      return window ? StepResult::kTooLarge : StepResult::kCorrupt;
    }
    if (left == 0) {
      between_ = true;
      any_ = true;
    }
    return StepResult::kGoOn;
  }

  // The one format there is, or a skippable frame. The library would also read what zstd wrote
  // before its format was settled, which nobody sends.
  [[nodiscard]] bool is_frame() const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < kMagic; ++i) {
      value |= std::uint32_t{static_cast<unsigned char>(magic_[i])} << (8 * i);
    }
    return value == ZSTD_MAGICNUMBER ||
           (value & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
  }

  std::unique_ptr<ZSTD_DCtx, Free> context_;
  std::string magic_;  // of the frame that begins, as far as it is there
  bool between_ = true;
  bool any_ = false;  // a frame was read
};

}  // namespace

std::unique_ptr<CodingStep> make_zstd_step() { return std::make_unique<ZstdStep>(); }

}  // namespace writ::protocol
