#include "policy/argument_test.h"

#include <re2/re2.h>

#include <algorithm>
#include <compare>

#include "policy/argument_value.h"
#include "policy/glob.h"
#include "policy/number_text.h"

namespace writ::policy {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

std::optional<std::string_view> typed_text(const ArgumentValue& value) {
  const auto* typed = std::get_if<element>(&value);
  std::string_view text;
  if (typed == nullptr || typed->get(text) != simdjson::SUCCESS) return std::nullopt;
  return text;
}

std::optional<std::string_view> text_of(const ArgumentValue& value) {
  if (const auto* loose = std::get_if<LooseText>(&value)) return loose->text;
  return typed_text(value);
}

std::optional<long double> number_of(const ArgumentValue& value) {
  if (const auto* loose = std::get_if<LooseText>(&value)) return parse_number(loose->text);
  const auto* typed = std::get_if<element>(&value);
  if (typed == nullptr) return std::nullopt;
  switch (typed->type()) {
    case element_type::INT64:
      return static_cast<long double>(std::int64_t(*typed));
    case element_type::UINT64:
      return static_cast<long double>(std::uint64_t(*typed));
    case element_type::DOUBLE:
      return static_cast<long double>(double(*typed));
    case element_type::ARRAY:
    case element_type::OBJECT:
    case element_type::STRING:
    case element_type::BOOL:
    case element_type::NULL_VALUE:
      return std::nullopt;
  }
  return std::nullopt;
}

// Whether the value is the literal; a value of another type has no answer, since a server may take
// "5" for 5.
struct EqualTo {
  const ArgumentValue& value;

  Truth operator()(std::monostate) const {
    const auto* typed = std::get_if<element>(&value);
    return truth_of(typed != nullptr && typed->is_null());
  }
  Truth operator()(bool wanted) const {
    if (const auto* loose = std::get_if<LooseText>(&value)) {
      if (loose->text != "true" && loose->text != "false") return Truth::kUnknown;
      return truth_of((loose->text == "true") == wanted);
    }
    const auto* typed = std::get_if<element>(&value);
    bool given = false;
    if (typed == nullptr || typed->get(given) != simdjson::SUCCESS) return Truth::kUnknown;
    return truth_of(given == wanted);
  }
  Truth operator()(long double wanted) const {
    const auto number = number_of(value);
    return number ? truth_of(*number == wanted) : Truth::kUnknown;
  }
  Truth operator()(const std::string& wanted) const {
    const auto text = text_of(value);
    return text ? truth_of(*text == wanted) : Truth::kUnknown;
  }
};

Truth equals_one(const ArgumentCheck& check, const ArgumentValue& value) {
  Truth found = Truth::kNo;
  for (const Literal& literal : check.literals)
    found = either(found, std::visit(EqualTo{value}, literal));
  return found;
}

template <class Match>
Truth text_matches(const ArgumentCheck& check, const ArgumentValue& value, Evaluation& evaluation,
                   Match match) {
  const auto text = text_of(value);
  if (!text) return Truth::kUnknown;
  for (const Literal& literal : check.literals) {
    if (!evaluation.spend(1 + text->size() / 64)) return Truth::kUnknown;
    const auto* wanted = std::get_if<std::string>(&literal);
    if (wanted != nullptr && match(*text, *wanted)) return Truth::kYes;
  }
  return evaluation.work_left == 0 ? Truth::kUnknown : Truth::kNo;
}

Truth pattern_matches(const ArgumentCheck& check, const ArgumentValue& value,
                      Evaluation& evaluation) {
  const auto text = text_of(value);
  if (!text) return Truth::kUnknown;
  for (const auto& pattern : check.patterns) {
    if (!evaluation.spend(1 + text->size() / 16)) return Truth::kUnknown;
    if (re2::RE2::FullMatch(re2::StringPiece(text->data(), text->size()), *pattern))
      return Truth::kYes;
  }
  return Truth::kNo;
}

template <class T>
Truth ordered(ArgumentOperator op, const T& order) {
  switch (op) {
    case ArgumentOperator::kLt:
      return truth_of(std::is_lt(order));
    case ArgumentOperator::kLe:
      return truth_of(std::is_lteq(order));
    case ArgumentOperator::kGt:
      return truth_of(std::is_gt(order));
    default:  // the one that is left
      return truth_of(std::is_gteq(order));
  }
}

Truth within_bound(const ArgumentCheck& check, const ArgumentValue& value) {
  if (const auto* limit = std::get_if<long double>(&check.bound)) {
    const auto number = number_of(value);
    return number ? ordered(check.op, *number <=> *limit) : Truth::kUnknown;
  }
  const auto text = text_of(value);
  const auto instant = text ? parse_instant(*text) : std::nullopt;
  if (!instant) return Truth::kUnknown;
  const auto order = compare(*instant, std::get<Instant>(check.bound));
  return order ? ordered(check.op, *order) : Truth::kUnknown;
}

std::int64_t characters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

// simdjson's own size() stops counting at 2^24, far above what kMaxBytes can hold.
std::optional<std::int64_t> size_of(const ArgumentValue& value) {
  if (const auto text = text_of(value)) return characters(*text);
  if (const auto* many = std::get_if<LooseTexts>(&value))
    return static_cast<std::int64_t>((*many)->size());
  simdjson::dom::array list;
  simdjson::dom::object members;
  const element& typed = std::get<element>(value);
  if (typed.get(list) == simdjson::SUCCESS) return static_cast<std::int64_t>(list.size());
  if (typed.get(members) == simdjson::SUCCESS) return static_cast<std::int64_t>(members.size());
  return std::nullopt;
}

Truth judge_at(const ArgumentTest& test, const Lookup& found, Evaluation& evaluation);

// kNone is the opposite of kAny.
Truth elements_hold(const ArgumentCheck& check, const ArgumentValue& value,
                    Evaluation& evaluation) {
  const bool all = check.op == ArgumentOperator::kAll;
  Truth result = truth_of(all);
  const auto add = [&](const ArgumentValue& one) {
    if (!evaluation.spend(1)) {
      result = Truth::kUnknown;
      return false;
    }
    const Truth held =
        judge_at(*check.element, look_up(check.element->path, one, evaluation), evaluation);
    result = all ? both(result, held) : either(result, held);
    return result != truth_of(!all);  // no other element can change that
  };
  if (std::holds_alternative<LooseText>(value)) {
    add(value);  // a parameter that is there once is a list of one
  } else if (const auto* many = std::get_if<LooseTexts>(&value)) {
    for (const std::string& one : **many) {
      if (!add(LooseText{one})) break;
    }
  } else {
    simdjson::dom::array list;
    if (std::get<element>(value).get(list) != simdjson::SUCCESS) return Truth::kUnknown;
    for (const element one : list) {
      if (!add(one)) break;
    }
  }
  return check.op == ArgumentOperator::kNone ? opposite(result) : result;
}

Truth check_holds(const ArgumentCheck& check, const ArgumentValue& value, Evaluation& evaluation) {
  switch (check.op) {
    case ArgumentOperator::kEq:
      return equals_one(check, value);
    case ArgumentOperator::kNe:
      return opposite(equals_one(check, value));
    case ArgumentOperator::kPrefix:
      return text_matches(check, value, evaluation,
                          [](auto text, const auto& wanted) { return text.starts_with(wanted); });
    case ArgumentOperator::kSuffix:
      return text_matches(check, value, evaluation,
                          [](auto text, const auto& wanted) { return text.ends_with(wanted); });
    case ArgumentOperator::kGlob:
      return text_matches(check, value, evaluation, [&](auto text, const auto& wanted) {
        // Each '*' can walk over the whole text.
        return evaluation.spend(wanted.size() * text.size() / 64) && glob_match(wanted, text);
      });
    case ArgumentOperator::kRegex:
      return pattern_matches(check, value, evaluation);
    case ArgumentOperator::kLt:
    case ArgumentOperator::kLe:
    case ArgumentOperator::kGt:
    case ArgumentOperator::kGe:
      return within_bound(check, value);
    case ArgumentOperator::kSize: {
      if (const auto text = text_of(value); text && !evaluation.spend(1 + text->size() / 64))
        return Truth::kUnknown;
      const auto size = size_of(value);
      return size ? truth_of(check.size.holds(*size)) : Truth::kUnknown;
    }
    case ArgumentOperator::kExists:
      return truth_of(check.exists);
    case ArgumentOperator::kAll:
    case ArgumentOperator::kAny:
    case ArgumentOperator::kNone:
      return elements_hold(check, value, evaluation);
    case ArgumentOperator::kNot:
      return opposite(
          judge_at(*check.element, look_up(check.element->path, value, evaluation), evaluation));
  }
  return Truth::kUnknown;
}

Truth judge_at(const ArgumentTest& test, const Lookup& found, Evaluation& evaluation) {
  Truth result = Truth::kYes;
  for (const ArgumentCheck& check : test.checks) {
    Truth held = Truth::kUnknown;
    if (found.state == Lookup::State::kFound) {
      held = check_holds(check, found.value, evaluation);
    } else if (found.state == Lookup::State::kMissing && check.op == ArgumentOperator::kExists) {
      held = truth_of(!check.exists);
    }
    result = both(result, held);
    if (result == Truth::kNo) break;
  }
  return result;
}

}  // namespace

bool ArgumentCheck::operator==(const ArgumentCheck& other) const {
  const bool same_element =
      element && other.element ? *element == *other.element : element == nullptr && !other.element;
  return same_element && op == other.op && literals == other.literals &&
         pattern_texts == other.pattern_texts && bound == other.bound && size == other.size &&
         exists == other.exists;
}

Result<std::shared_ptr<const re2::RE2>> compile_pattern(const std::string& pattern) {
  constexpr std::int64_t kMaxMemory = 256 << 10;  // of one pattern; RE2's own default is 8 MiB
  constexpr std::size_t kMaxPattern = 1000;
  if (pattern.size() > kMaxPattern)
    return fail(ErrorCode::kInvalid, "the pattern is over {} bytes", kMaxPattern);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  auto compiled = std::make_shared<const re2::RE2>(pattern, options);
  if (!compiled->ok()) return fail(ErrorCode::kInvalid, "{}", compiled->error());
  return compiled;
}

Truth judge(const ArgumentTest& test, Evaluation& evaluation) {
  return judge_at(test, look_up(test.path, evaluation), evaluation);
}

}  // namespace writ::policy
