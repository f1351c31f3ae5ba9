// Any bytes as a request to a model and as its answer, in each API and framing: read within the
// bounds, and the same in one piece as in two.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "llm/answer_builder.h"
#include "llm/answer_reader.h"
#include "llm/arguments.h"
#include "llm/prices.h"
#include "llm/request.h"

namespace {

using namespace writ::llm;

void require(bool holds) {
  if (!holds) __builtin_trap();
}

std::string shown(const Answer& answer) {
  std::string text = answer.model + "|" + answer.stop_reason + "|" + answer.error + "|" +
                     answer.unread + (answer.complete ? "|complete" : "|open");
  std::size_t arguments = 0;
  for (const ToolUse& use : answer.tool_uses) {
    text += "|" + use.id + "|" + use.name + "|" + use.arguments + (use.complete ? "|1" : "|0");
    require(use.arguments.size() <= AnswerBuilder::kMaxArguments);
    arguments += use.arguments.size();
  }
  require(answer.tool_uses.size() <= AnswerBuilder::kMaxToolUses &&
          arguments <= AnswerBuilder::kMaxAllArguments);
  const Usage& usage = answer.usage;
  require(usage.input.value_or(0) <= 3 * kMaxTokens && usage.output.value_or(0) <= 2 * kMaxTokens);
  const Price dear{.rates = {kMaxRate, kMaxRate, kMaxRate, kMaxRate, kMaxRate}};
  require(cost_micro(dear, usage).value_or(0) <= 5 * kMaxTokens * (kMaxRate / 1'000'000));
  return text + "|" + std::to_string(usage.input.value_or(0));
}

std::string read(Api api, Framing framing, std::string_view bytes, std::size_t cut) {
  AnswerReader reader(api, framing);
  reader.feed(bytes.substr(0, cut));
  reader.feed(bytes.substr(cut));
  reader.end();
  for (const std::size_t at : reader.take_completed())
    require(reader.answer().tool_uses.at(at).complete);
  return shown(reader.answer());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto api = static_cast<Api>(data[0] % 5);
  const auto framing = static_cast<Framing>(data[0] / 5 % 3);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t cut = bytes.empty() ? 0 : data[1] % bytes.size();
  require(read(api, framing, bytes, 0) == read(api, framing, bytes, cut));

  if (const auto request = read_request(api, "/v1beta/models/m:generateContent", bytes))
    require(request->model.size() <= kMaxModel && request->system.size() <= bytes.size() * 2);
  ToolArguments arguments;
  if (arguments.add_json(bytes)) {
    ToolArguments again;
    require(again.add_json(arguments.canonical()) && again.canonical() == arguments.canonical());
  }
  (void)same_tool(bytes, bytes.substr(0, cut));
  return 0;
}
