#include "pdp/answer.h"

#include <fmt/format.h>

#include <optional>

#include "identity/strict_json.h"
#include "pdp/text.h"

namespace writ::pdp {
namespace {

using identity::Json;
using simdjson::dom::object;

PdpAnswer answer(Verdict verdict) {
  PdpAnswer made{.verdict = verdict, .answered = true};
  switch (verdict) {
    case Verdict::kAllow:
      made.code = "pdp_allowed";
      break;
    case Verdict::kFlag:
      made.code = "pdp_flagged";
      break;
    case Verdict::kDeny:
      made.code = "pdp_denied";
      break;
  }
  return made;
}

PdpAnswer no_answer(const char* code, const std::string& reason) {
  return {.code = code, .reason = showable(reason, kMaxReason)};
}

PdpAnswer bad_answer(std::string_view what) {
  return no_answer("pdp_bad_answer", fmt::format("the decision point's answer {}", what));
}

std::optional<Json> find(const object& from, std::string_view name) {
  Json value;
  if (from.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

std::optional<bool> as_bool(const Json& value) {
  bool truth = false;
  if (value.get(truth) != simdjson::SUCCESS) return std::nullopt;
  return truth;
}

std::optional<Verdict> as_verdict(std::string_view text) {
  if (text == "allow") return Verdict::kAllow;
  if (text == "flag") return Verdict::kFlag;
  if (text == "deny") return Verdict::kDeny;
  return std::nullopt;
}

// A text or nothing; false: there is something else.
bool take_text(const object& from, std::string_view name, std::size_t max, std::string& out) {
  const auto value = find(from, name);
  if (!value) return true;
  const auto text = identity::as_text(*value);
  if (text) out = showable(*text, max);
  return text.has_value();
}

PdpAnswer read_opa(const object& top) {
  const auto result = find(top, "result");
  if (!result) {
    return no_answer("pdp_undefined",
                     "the decision point's answer is undefined (is there a rule at its path?)");
  }
  if (const auto truth = as_bool(*result)) return answer(*truth ? Verdict::kAllow : Verdict::kDeny);
  object said;
  if (result->get(said) != simdjson::SUCCESS) {
    return bad_answer("has a `result` that is neither true, false nor an object");
  }
  const auto decision = find(said, "decision");
  const auto word = decision ? identity::as_text(*decision) : std::nullopt;
  if (!word) return bad_answer("has a `result` without a `decision` that is a text");
  const auto verdict = as_verdict(*word);
  if (!verdict) {
    return bad_answer(fmt::format("has the `decision` '{}' (allow, deny and flag are known)",
                                  showable(*word, 40)));
  }
  PdpAnswer made = answer(*verdict);
  if (!take_text(said, "reason", kMaxReason, made.reason) ||
      !take_text(said, "rule", kMaxRule, made.rule)) {
    return bad_answer("has a `reason` or a `rule` that is not a text");
  }
  return made;
}

// The reason that users may see. The context is the decision point's own, so what has another type
// has another meaning, and is passed over.
void take_context(const object& context, PdpAnswer& out) {
  if (!take_text(context, "reason", kMaxReason, out.reason) || out.reason.empty()) {
    object languages;
    const auto reason_user = find(context, "reason_user");
    if (reason_user && reason_user->get(languages) == simdjson::SUCCESS) {
      for (const auto field : languages) {
        const auto text = identity::as_text(field.value);
        if (!text) continue;
        out.reason = showable(*text, kMaxReason);
        break;
      }
    }
  }
  if (!take_text(context, "rule", kMaxRule, out.rule) || out.rule.empty()) {
    (void)take_text(context, "id", kMaxRule, out.rule);
  }
}

PdpAnswer read_authzen(const object& top) {
  const auto decision = find(top, "decision");
  const auto truth = decision ? as_bool(*decision) : std::nullopt;
  if (!truth) return bad_answer("has no `decision` that is true or false");
  PdpAnswer made = answer(*truth ? Verdict::kAllow : Verdict::kDeny);
  const auto context = find(top, "context");
  if (!context || context->is_null()) return made;
  object members;
  if (context->get(members) != simdjson::SUCCESS) {
    return bad_answer("has a `context` that is not an object");
  }
  if (const auto flag = find(members, "flag")) {
    const auto marked = as_bool(*flag);
    if (!marked) return bad_answer("has a `flag` that is neither true nor false");
    if (*marked && *truth) made = answer(Verdict::kFlag);
  }
  take_context(members, made);
  return made;
}

}  // namespace

PdpAnswer parse_answer(Dialect dialect, std::string body) {
  if (body.size() > kMaxAnswerBytes) {
    return bad_answer(fmt::format("has more than {} KiB", kMaxAnswerBytes >> 10));
  }
  identity::StrictJson json;
  const auto top = json.read(body, "the decision point's answer");
  if (!top) return no_answer("pdp_bad_answer", top.error().message);
  switch (dialect) {
    case Dialect::kOpa:
      return read_opa(*top);
    case Dialect::kAuthZen:
      return read_authzen(*top);
  }
  return bad_answer("is of no known dialect");
}

}  // namespace writ::pdp
