// A test of one argument: where it stands, and typed operators that must all hold.
//
//   amount: {gt: 0, le: 500}
//   currency: {in: [EUR, USD]}
//   to: {all: {suffix: "@example.test"}, size: {le: 3}}
//   items: {none: {path: sku, regex: "X-[0-9]+"}}
//
// A value of the wrong type, and one that is not there, gives no answer (Truth::kUnknown); only
// `exists` has one for the latter. Text of the query and of path captures has no type: it is read
// as what the operator compares it with.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "policy/argument_path.h"
#include "policy/instant.h"
#include "policy/number_range.h"
#include "policy/truth.h"
#include "util/result.h"

namespace re2 {
class RE2;
}

namespace writ::policy {

struct Evaluation;

// null, a boolean, a number (long double holds every 64-bit integer and every double exactly on
// the machines that Writ runs on), or text.
using Literal = std::variant<std::monostate, bool, long double, std::string>;

enum class ArgumentOperator : std::uint8_t {
  kEq,      // one of `literals`; `in` is the same
  kNe,      // none of `literals`
  kPrefix,  // one of `literals`, as are kSuffix and kGlob
  kSuffix,
  kGlob,
  kRegex,  // the whole value matches one of `patterns`
  kLt,     // `bound`, as are kLe, kGt and kGe
  kLe,
  kGt,
  kGe,
  kSize,    // characters of a text, elements of an array, members of an object: `size`
  kExists,  // `exists`
  kAll,     // every element of an array holds `element`, as do kAny and kNone
  kAny,
  kNone,
  kNot,  // the value itself does not hold `element`
};

struct ArgumentTest;

struct ArgumentCheck {
  ArgumentOperator op = ArgumentOperator::kEq;
  std::vector<Literal> literals;
  std::vector<std::shared_ptr<const re2::RE2>> patterns;  // compiled once, shared by copies
  std::vector<std::string> pattern_texts;
  std::variant<long double, Instant> bound = 0.0L;
  NumberRange size;
  bool exists = true;
  std::shared_ptr<const ArgumentTest> element;

  bool operator==(const ArgumentCheck& other) const;
};

struct ArgumentTest {
  ArgumentPath path;  // below the element, within all, any and none
  std::vector<ArgumentCheck> checks;

  bool operator==(const ArgumentTest&) const = default;
};

// RE2 (linear time, bounded memory): kInvalid with what is wrong. UTF-8, the whole value must
// match.
Result<std::shared_ptr<const re2::RE2>> compile_pattern(const std::string& pattern);

Truth judge(const ArgumentTest& test, Evaluation& evaluation);

}  // namespace writ::policy
