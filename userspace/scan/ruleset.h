// A Ruleset is the compiled form of the rule files, immutable and shared by all threads.
//
//   Diagnostics problems;
//   auto rules = Ruleset::load({"policies/rules/pii.yaml"}, problems);
//   if (!rules) { print each of `problems`; ... }
//   Scanner scanner(*rules);
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "scan/rule_file.h"
#include "util/diagnostic.h"
#include "util/result.h"

struct hs_database;
struct hs_scratch;

namespace writ::scan {

struct DatabaseFree {
  void operator()(hs_database* db) const;
};
using Database = std::unique_ptr<hs_database, DatabaseFree>;

struct ScratchFree {
  void operator()(hs_scratch* scratch) const;
};
using Scratch = std::unique_ptr<hs_scratch, ScratchFree>;

// One rule, compiled.
struct CompiledRule {
  Rule rule;
  // Without a validator: the expression alone, with the start of each match.
  Database locate;
  std::size_t min_width = 0;  // of a match, in bytes
  std::size_t max_width = 0;  // no more than kBehind
};

class Ruleset {
 public:
  // Reads and compiles every file. Everything wrong is in `problems`, from all files in one run;
  // with an error there is no ruleset (kInvalid), also when the files hold no rule at all.
  // Without SSSE3 Vectorscan cannot run: kUnavailable.
  static Result<std::shared_ptr<const Ruleset>> load(const std::vector<std::string>& files,
                                                     Diagnostics& problems);

  // The first 16 hex digits of a SHA-256 over all that decides what matches; neither the order of
  // rules, nor comments, nor descriptions change it.
  [[nodiscard]] const std::string& version() const { return version_; }
  // Sorted, each once.
  [[nodiscard]] std::vector<std::string> categories() const;
  // Sorted by id.
  [[nodiscard]] const std::vector<CompiledRule>& rules() const { return rules_; }

  [[nodiscard]] const hs_database* database() const { return database_.get(); }
  // Scratch space for scans with database() (`locate` false) or with every rule's locate database.
  [[nodiscard]] Scratch make_scratch(bool locate) const;
  // Memory of Vectorscan's state for one open stream.
  [[nodiscard]] std::size_t stream_bytes() const;

 private:
  Ruleset() = default;

  std::vector<CompiledRule> rules_;
  Database database_;
  std::string version_;
};

// Calls `each` with every match of a rule without validator in `window`, in the order of their
// ends. A template, so that nothing is allocated.
template <class Each>
void for_each_match(const CompiledRule& rule, std::string_view window, hs_scratch* scratch,
                    Each&& each);

namespace detail {
using OnMatch = void (*)(void* context, std::size_t begin, std::size_t end);
void run_locate(const CompiledRule& rule, std::string_view window, hs_scratch* scratch,
                OnMatch on_match, void* context);
}  // namespace detail

template <class Each>
void for_each_match(const CompiledRule& rule, std::string_view window, hs_scratch* scratch,
                    Each&& each) {
  const auto on_match = [](void* context, std::size_t begin, std::size_t end) {
    (*static_cast<std::remove_reference_t<Each>*>(context))(begin, end);
  };
  detail::run_locate(rule, window, scratch, on_match, &each);
}

}  // namespace writ::scan
