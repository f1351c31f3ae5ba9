// gzip (RFC 1952) and deflate (RFC 1950, RFC 1951), by zlib.
#include <string>

#include "protocol/coding_step.h"
#include "protocol/inflater.h"

namespace writ::protocol {
namespace {

constexpr int kGzipWrapper = 16;  // added to the window bits: inflateInit2() in zlib.h

class GzipStep : public CodingStep {
 public:
  GzipStep() { inflater_.start(MAX_WBITS + kGzipWrapper); }

  StepResult step(std::string_view& in, std::span<char> out, std::size_t& written) override {
    if (in.empty() && ended_) return StepResult::kGoOn;
    if (ended_) {
      // Another member, or something that is none.
      if (!begins_member(in)) return StepResult::kTrailing;
      if (in.empty()) return StepResult::kGoOn;
      inflater_.restart();
      ended_ = false;
      std::string_view magic(kMagic, sizeof kMagic);
      (void)inflater_.run(magic, out, written);
      matched_ = 0;
    }
    const int code = inflater_.run(in, out, written);
    ended_ = code == Z_STREAM_END;
    return code == Z_OK || code == Z_BUF_ERROR || ended_ ? StepResult::kGoOn : StepResult::kCorrupt;
  }
  [[nodiscard]] bool whole() const override { return ended_ && matched_ == 0; }

 private:
  static constexpr char kMagic[] = {'\x1f', '\x8b'};

  // Takes what is there of the two bytes that a further member begins with.
  bool begins_member(std::string_view& in) {
    while (!in.empty() && matched_ < sizeof kMagic) {
      if (in.front() != kMagic[matched_]) return false;
      in.remove_prefix(1);
      ++matched_;
    }
    return true;
  }

  Inflater inflater_;
  bool ended_ = false;
  std::size_t matched_ = 0;
};

// With the zlib wrapper, as RFC 9110 section 8.4.1.2 has it, or without, as many send it.
class DeflateStep : public CodingStep {
 public:
  StepResult step(std::string_view& in, std::span<char> out, std::size_t& written) override {
    if (ended_) return in.empty() ? StepResult::kGoOn : StepResult::kTrailing;
    first_ += in.substr(0, kFirst - first_.size());
    if (!inflater_.started()) {
      if (first_.size() < 2) {
        taken_ += in.size();
        in = {};
        return StepResult::kGoOn;
      }
      wrapped_ = is_zlib_header();
      inflater_.start(wrapped_ ? MAX_WBITS : -MAX_WBITS);
      std::string_view taken = std::string_view(first_).substr(0, taken_);
      if (const auto result = run(taken, out, written); result != StepResult::kGoOn) return result;
    }
    if (wrapped_ && reads_both_ways()) return StepResult::kCorrupt;
    return run(in, out, written);
  }
  [[nodiscard]] bool whole() const override { return ended_; }

 private:
  StepResult run(std::string_view& in, std::span<char> out, std::size_t& written) {
    const int code = inflater_.run(in, out, written);
    ended_ = code == Z_STREAM_END;
    return code == Z_OK || code == Z_BUF_ERROR || ended_ ? StepResult::kGoOn : StepResult::kCorrupt;
  }
  [[nodiscard]] static unsigned byte(char c) { return static_cast<unsigned char>(c); }
  // RFC 1950 section 2.2: the method is deflate, the window at most 32 KiB, the check holds.
  [[nodiscard]] bool is_zlib_header() const {
    const unsigned cmf = byte(first_[0]);
    return (cmf & 0x0f) == Z_DEFLATED && (cmf >> 4) <= 7 && (cmf * 256 + byte(first_[1])) % 31 == 0;
  }
  // The same bytes without a wrapper: 0x?8 begins a stored block (RFC 1951 section 3.2.4), if the
  // two lengths behind it agree. A reader that expects no wrapper would see other content.
  [[nodiscard]] bool reads_both_ways() const {
    return first_.size() == kFirst && (byte(first_[1]) ^ byte(first_[3])) == 0xff &&
           (byte(first_[2]) ^ byte(first_[4])) == 0xff;
  }
  static constexpr std::size_t kFirst = 5;

  Inflater inflater_;
  std::string first_;      // bytes of the stream, up to kFirst
  std::size_t taken_ = 0;  // of them, before it was known how to read them
  bool wrapped_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<CodingStep> make_gzip_step() { return std::make_unique<GzipStep>(); }
std::unique_ptr<CodingStep> make_deflate_step() { return std::make_unique<DeflateStep>(); }

}  // namespace writ::protocol
