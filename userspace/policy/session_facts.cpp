#include "policy/session_facts.h"

#include <algorithm>

#include "policy/glob.h"

namespace writ::policy {
namespace {

bool names(const std::vector<std::string>& globs, std::string_view tool) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return tool == kUnnamed ? glob == kUnnamed : glob_match(glob, tool);
  });
}

}  // namespace

void SessionFacts::note_call(std::string_view tool, std::string_view digest) {
  run_ = run_with(tool, digest);
  last_tool_ = tool;
  last_digest_ = digest;
  ++calls_;
  if (const auto known = by_tool_.find(tool); known != by_tool_.end()) {
    ++known->second;
  } else if (by_tool_.size() < kMaxTools) {
    by_tool_.emplace(tool, 1);
  } else {
    forgot_tools_ = true;
  }
}

void SessionFacts::note_result(std::string_view tool, bool untrusted,
                               std::span<const FindingView> findings) {
  const auto add = [&](std::string_view finding, std::string_view category) {
    Source source{.tool = std::string(tool),
                  .untrusted = untrusted,
                  .finding = std::string(finding),
                  .category = std::string(category)};
    if (sources_.size() < kMaxSources) {
      sources_.insert(std::move(source));
    } else if (!sources_.contains(source)) {
      forgot_sources_ = true;
    }
  };
  add("", "");
  for (const FindingView& finding : findings) add(finding.rule, finding.category);
}

std::optional<std::uint64_t> SessionFacts::calls_of(std::string_view tool) const {
  const auto known = by_tool_.find(tool);
  if (known != by_tool_.end()) return known->second;
  if (forgot_tools_) return std::nullopt;
  return 0;
}

Truth SessionFacts::used(const std::vector<std::string>& globs) const {
  const bool found = std::any_of(by_tool_.begin(), by_tool_.end(),
                                 [&](const auto& entry) { return names(globs, entry.first); });
  if (found) return Truth::kYes;
  return forgot_tools_ ? Truth::kUnknown : Truth::kNo;
}

std::uint64_t SessionFacts::run_with(std::string_view tool, std::string_view digest) const {
  if (calls_ == 0 || tool != last_tool_) return 1;
  if (digest.empty() || last_digest_.empty()) return 0;
  if (digest != last_digest_) return 1;
  return run_ == 0 ? 0 : run_ + 1;
}

}  // namespace writ::policy
