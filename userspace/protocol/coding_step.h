// One coding, undone step by step: what ContentDecoder is made of, and nobody else uses. One file
// for each library that does it: coding_zlib.cpp, coding_brotli.cpp, coding_zstd.cpp.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "protocol/content_coding.h"

namespace writ::protocol {

enum class StepResult {
  kGoOn,
  kCorrupt,
  kTrailing,  // the coded content has ended, and bytes follow
  kTooLarge,  // it asks for a larger window than it may have
};

class CodingStep {
 public:
  CodingStep() = default;
  CodingStep(const CodingStep&) = delete;
  CodingStep& operator=(const CodingStep&) = delete;
  virtual ~CodingStep() = default;

  // Takes bytes from the front of `in`, writes to `out` and says in `written` how many. When it
  // fills `out`, more may wait: it is called again, also without input.
  virtual StepResult step(std::string_view& in, std::span<char> out, std::size_t& written) = 0;
  // Nothing is missing at the end.
  [[nodiscard]] virtual bool whole() const = 0;
};

// Lack of memory is std::bad_alloc, as with `new`.
std::unique_ptr<CodingStep> make_gzip_step();
std::unique_ptr<CodingStep> make_deflate_step();
std::unique_ptr<CodingStep> make_brotli_step();
std::unique_ptr<CodingStep> make_zstd_step();

}  // namespace writ::protocol
