// Any bytes as a decision point's answer: what passes a call says so in JSON that another parser,
// protobuf's, reads in the same way; and all texts are bounded and printable.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "pdp/answer.h"
#include "pdp/text.h"

namespace {

using namespace writ::pdp;
using google::protobuf::Struct;
using google::protobuf::Value;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

const Value* member(const Struct& from, const char* name) {
  const auto found = from.fields().find(name);
  return found == from.fields().end() ? nullptr : &found->second;
}

// What the other parser makes of it.
Verdict read_again(Dialect dialect, const std::string& body) {
  Struct top;
  require(google::protobuf::util::JsonStringToMessage(body, &top).ok());
  const Value* said = member(top, dialect == Dialect::kOpa ? "result" : "decision");
  require(said != nullptr);
  if (said->kind_case() == Value::kBoolValue) {
    if (!said->bool_value()) return Verdict::kDeny;
    const Value* context = member(top, "context");
    if (dialect == Dialect::kOpa || context == nullptr) return Verdict::kAllow;
    const Value* flag = member(context->struct_value(), "flag");
    return flag != nullptr && flag->bool_value() ? Verdict::kFlag : Verdict::kAllow;
  }
  const Value* decision = member(said->struct_value(), "decision");
  require(dialect == Dialect::kOpa && decision != nullptr);
  const std::string& word = decision->string_value();
  require(word == "allow" || word == "flag" || word == "deny");
  return word == "allow" ? Verdict::kAllow : word == "flag" ? Verdict::kFlag : Verdict::kDeny;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Dialect dialect = data[0] % 2 == 0 ? Dialect::kOpa : Dialect::kAuthZen;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const PdpAnswer answer = parse_answer(dialect, body);
  require(answer.answered || answer.verdict == Verdict::kDeny);
  require(answer.answered == (answer.code == "pdp_allowed" || answer.code == "pdp_flagged" ||
                              answer.code == "pdp_denied"));
  require(answer.answered || answer.code == "pdp_bad_answer" || answer.code == "pdp_undefined");
  require(answer.reason.size() <= kMaxReason && answer.rule.size() <= kMaxRule);
  require(showable(answer.reason, kMaxReason) == answer.reason);
  require(showable(answer.rule, kMaxRule) == answer.rule);
  if (answer.verdict != Verdict::kDeny) require(read_again(dialect, body) == answer.verdict);
  return 0;
}
