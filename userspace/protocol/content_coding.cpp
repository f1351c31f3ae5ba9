#include "protocol/content_coding.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "protocol/coding_step.h"
#include "protocol/http1_text.h"

namespace writ::protocol {
namespace {

constexpr std::pair<std::string_view, Coding> kNames[] = {
    {"gzip", Coding::kGzip},
    {"x-gzip", Coding::kGzip},  // RFC 9110 section 8.4.1.3
    {"deflate", Coding::kDeflate},
    {"br", Coding::kBrotli},
    {"zstd", Coding::kZstd}};

constexpr std::size_t kMaxNameShown = 40;

std::unique_ptr<CodingStep> make_step(Coding coding) {
  switch (coding) {
    case Coding::kGzip:
      return make_gzip_step();
    case Coding::kDeflate:
      return make_deflate_step();
    case Coding::kBrotli:
      return make_brotli_step();
    case Coding::kZstd:
      return make_zstd_step();
  }
  return nullptr;
}

}  // namespace

std::string_view to_text(Coding coding) {
  return std::find_if(std::begin(kNames), std::end(kNames),
                      [&](const auto& known) { return known.second == coding; })
      ->first;
}

std::optional<Problem> read_codings(const Headers& headers, std::vector<Coding>& out) {
  out.clear();
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, "content-encoding")) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view name = trim(rest.substr(0, comma));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      if (name.empty() || equals_ignoring_case(name, "identity")) continue;
      const auto* const known =
          std::find_if(std::begin(kNames), std::end(kNames),
                       [&](const auto& k) { return equals_ignoring_case(k.first, name); });
      if (known == std::end(kNames)) {
        return Problem{"content_coding_unknown",
                       fmt::format("the content coding \"{}\" cannot be read: send it as gzip, "
                                   "deflate, br or zstd, or not compressed",
                                   name.substr(0, kMaxNameShown)),
                       0};
      }
      if (out.size() == kMaxCodings) {
        return Problem{
            "content_coding_unknown",
            fmt::format("more than {} content codings on top of each other", kMaxCodings), 0};
      }
      out.push_back(known->second);
    }
  }
  return std::nullopt;
}

ContentDecoder::ContentDecoder(const std::vector<Coding>& codings, const CodingLimits& limits)
    : limits_(limits) {
  for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
    stages_.push_back({.coding = *coding,
                       .step = make_step(*coding),
                       .scratch = std::make_unique_for_overwrite<char[]>(kScratch)});
  }
}

ContentDecoder::~ContentDecoder() = default;
ContentDecoder::ContentDecoder(ContentDecoder&&) noexcept = default;
ContentDecoder& ContentDecoder::operator=(ContentDecoder&&) noexcept = default;

bool ContentDecoder::feed(std::string_view bytes, DecodedSink& sink) {
  if (problem_) return false;
  fed_ += bytes.size();
  return bytes.empty() || run(0, bytes, sink);
}

bool ContentDecoder::run(std::size_t at, std::string_view in, DecodedSink& sink) {
  if (at == stages_.size()) {
    sink.on_decoded(in);
    return true;
  }
  Stage& stage = stages_[at];
  while (true) {
    std::size_t written = 0;
    const std::size_t before = in.size();
    const StepResult result = stage.step->step(in, {stage.scratch.get(), kScratch}, written);
    const std::uint64_t room = limits_.decoded_bytes - stage.decoded;
    const std::size_t passed = static_cast<std::size_t>(std::min<std::uint64_t>(written, room));
    stage.decoded += passed;
    if (passed != 0 && !run(at + 1, {stage.scratch.get(), passed}, sink)) return false;
    if (passed != written) {
      return fail(
          "content_coding_too_large",
          fmt::format("it decodes to more than {} bytes (message_max)", limits_.decoded_bytes));
    }
    switch (result) {
      case StepResult::kGoOn:
        break;
      case StepResult::kCorrupt:
        return fail("content_coding_corrupt",
                    fmt::format("the content is no valid {}", to_text(stage.coding)));
      case StepResult::kTrailing:
        return fail("content_coding_trailing",
                    fmt::format("bytes follow behind the end of the {}", to_text(stage.coding)));
      case StepResult::kTooLarge:
        return fail("content_coding_too_large",
                    fmt::format("a {} window that is larger than a reader need have",
                                to_text(stage.coding)));
    }
    if (in.empty() && written < kScratch) return true;
    if (in.size() == before && written == 0) {
      // A decoder that neither takes nor gives has met something it cannot read.
      return fail("content_coding_corrupt",
                  fmt::format("the content is no valid {}", to_text(stage.coding)));
    }
  }
}

bool ContentDecoder::finish() {
  if (problem_) return false;
  if (fed_ == 0) return true;
  for (const Stage& stage : stages_) {
    if (!stage.step->whole()) {
      return fail("content_coding_truncated",
                  fmt::format("the message ended within its {}", to_text(stage.coding)));
    }
  }
  return true;
}

bool ContentDecoder::fail(const char* code, std::string message) {
  problem_ = Problem{code, std::move(message), fed_};
  return false;
}

}  // namespace writ::protocol
