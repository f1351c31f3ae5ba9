// Any bytes, fed whole and in pieces whose sizes the input chooses: no crash, the same findings,
// and samples that can be printed.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "scan/scanner.h"

namespace {

using writ::scan::Finding;
using writ::scan::Ruleset;
using writ::scan::Scanner;

std::shared_ptr<const Ruleset> load_rules() {
  const std::string folder = std::string(WRIT_SOURCE_DIR) + "/policies/rules/";
  writ::Diagnostics problems;
  auto rules = Ruleset::load(
      {folder + "pii.yaml", folder + "secrets.yaml", folder + "injection.yaml"}, problems);
  if (!rules) {
    std::fprintf(stderr, "%s\n", rules.error().message.c_str());
    std::abort();
  }
  return *rules;
}

std::string to_text(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& f : findings) {
    text += fmt::format("{} x{} @{} {}\n", f.rule, f.count, f.offset, f.sample);
    for (const char c : f.sample) {
      if (c < ' ' || c > '~') std::abort();
    }
  }
  return text;
}

std::unique_ptr<Scanner> the_scanner;

}  // namespace

// Compiling the rules takes seconds under a sanitizer, and is not what -timeout is for.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  the_scanner = std::make_unique<Scanner>(load_rules());
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Scanner& scanner = *the_scanner;
  if (size < 2) return 0;
  std::uint32_t state = static_cast<std::uint32_t>(data[0] << 8 | data[1]) + 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);

  auto whole = scanner.open();
  whole.feed(text);
  const std::string expected = to_text(whole.finish());

  auto pieces = scanner.open();
  const std::size_t most = 1 + state % 97;
  for (std::size_t at = 0; at < text.size();) {
    state = state * 1664525u + 1013904223u;
    const std::size_t step = std::min<std::size_t>(1 + (state >> 16) % most, text.size() - at);
    pieces.feed(text.substr(at, step));
    at += step;
  }
  if (pieces.bytes() != text.size()) std::abort();
  const std::string got = to_text(pieces.finish());
  if (got != expected) {
    std::fprintf(stderr, "whole:\n%spieces:\n%s", expected.c_str(), got.c_str());
    std::abort();
  }
  return 0;
}
