// What happened in a session so far, as far as rules ask for it. A value: it can be copied, kept
// beside a session, and built again from its records.
//
//   facts.note_call(name, digest);             // when a call is let go
//   facts.note_result(name, tool->untrusted, findings);   // when its result has come
//
// `name` is Tool::name, or kUnnamed for a call that the catalog has no name for; names outlast a
// reload of the policy. Bounded: of more than kMaxTools tools or kMaxSources different kinds of
// results the rest is not told apart, and questions that hang on it are undefined.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/decision.h"
#include "policy/truth.h"

namespace writ::policy {

inline constexpr std::string_view kUnnamed = "?";

class SessionFacts {
 public:
  static constexpr std::size_t kMaxTools = 1024;
  static constexpr std::size_t kMaxSources = 512;

  // `digest`: see Input::arguments_digest.
  void note_call(std::string_view tool, std::string_view digest);
  // The content of an unnamed call comes from nobody knows where: hand in `untrusted` true.
  void note_result(std::string_view tool, bool untrusted, std::span<const FindingView> findings);

  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  // nullopt: nobody counted, see kMaxTools.
  [[nodiscard]] std::optional<std::uint64_t> calls_of(std::string_view tool) const;
  // Whether a tool that one of the globs names was called.
  [[nodiscard]] Truth used(const std::vector<std::string>& globs) const;

  // How often this very call would have been made in a row, with itself: 1 for a new one. 0: it is
  // not known, for want of a digest.
  [[nodiscard]] std::uint64_t run_with(std::string_view tool, std::string_view digest) const;

  // A result with content: of which tool, and one of the findings in it (or none).
  struct Source {
    std::string tool;
    bool untrusted = false;
    std::string finding;
    std::string category;
    friend auto operator<=>(const Source&, const Source&) = default;
  };
  [[nodiscard]] const std::set<Source>& sources() const { return sources_; }
  // Some sources are not in sources().
  [[nodiscard]] bool forgot_sources() const { return forgot_sources_; }

 private:
  std::uint64_t calls_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> by_tool_;
  bool forgot_tools_ = false;
  std::string last_tool_;
  std::string last_digest_;
  std::uint64_t run_ = 0;
  std::set<Source> sources_;
  bool forgot_sources_ = false;
};

}  // namespace writ::policy
