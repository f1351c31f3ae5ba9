// What people are told of a call to a model, and of who asked for a call.
#include "cli/llm_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace writ::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string text(const LlmRows& rows) {
  std::string all;
  for (const auto& [label, value] : rows) all += label + ": " + value + "\n";
  return all;
}

v1::Call model_call() {
  v1::Call call;
  v1::Decision& d = *call.mutable_decision()->mutable_decision();
  d.mutable_llm()->set_api("anthropic-messages");
  d.mutable_llm()->set_model("claude-sonnet-4-5");
  d.mutable_llm()->set_stream(true);
  d.mutable_llm()->set_system("5e5e");
  v1::LlmAnswer& answer = *call.mutable_outcome()->mutable_outcome()->mutable_llm();
  answer.set_model("claude-sonnet-4-5-20250929");
  answer.set_stop_reason("tool_use");
  answer.set_complete(true);
  answer.set_input_tokens(365);
  answer.set_cached_tokens(300);
  answer.set_output_tokens(89);
  answer.set_cost_micro(1'001'673);
  answer.set_currency("USD");
  v1::LlmToolUse& use = *answer.add_tool_uses();
  use.set_id("toolu_a");
  use.set_name("get_contact");
  use.set_arguments("a1a1");
  use.set_complete(true);
  answer.add_tool_uses()->set_name("bro\x1bken");
  return call;
}

TEST(LlmView, OfACallToAModel) {
  const v1::Call call = model_call();
  const Palette plain(false);
  const std::string asked = text(llm_request_rows(call.decision().decision(), plain));
  EXPECT_THAT(asked, HasSubstr("Model: claude-sonnet-4-5, by anthropic-messages, as a stream\n"));
  EXPECT_THAT(asked, HasSubstr("System prompt: digest 5e5e\n"));
  const std::string got = text(llm_answer_rows(call.outcome().outcome()));
  EXPECT_THAT(got, HasSubstr("Answered by: claude-sonnet-4-5-20250929, stopped: tool_use\n"));
  EXPECT_THAT(got, HasSubstr("Tokens: in 365, 300 of them from a cache; out 89\n"));
  EXPECT_THAT(got, HasSubstr("Cost: 1.001673 USD\n"));
  EXPECT_THAT(got, HasSubstr("Asks for: get_contact (toolu_a), arguments digest a1a1\n"));
  EXPECT_THAT(got, HasSubstr("Asks for: bro\\x1bken (unknown), which broke off\n"));
  EXPECT_EQ(llm_line(call), ", claude-sonnet-4-5-20250929: 365+89 tokens, 1.001673 USD");
}

TEST(LlmView, OfAnAnswerThatSaysLittle) {
  v1::Outcome outcome;
  EXPECT_THAT(llm_answer_rows(outcome), IsEmpty());
  outcome.mutable_llm()->set_error("overloaded_error");
  const std::string got = text(llm_answer_rows(outcome));
  EXPECT_THAT(got, HasSubstr("unknown, error: overloaded_error, not to its end\n"));
  EXPECT_THAT(got, HasSubstr("Tokens: in unknown; out unknown\n"));
  EXPECT_THAT(got, HasSubstr("no price"));
}

TEST(LlmView, OfWhoAskedForACall) {
  v1::Call call;
  v1::Decision& d = *call.mutable_decision()->mutable_decision();
  const Palette plain(false);
  EXPECT_THAT(llm_request_rows(d, plain), IsEmpty());
  EXPECT_EQ(llm_line(call), "");
  d.set_asked(v1::ASKED_BY_NOBODY);
  EXPECT_THAT(text(llm_request_rows(d, plain)), HasSubstr("no model asked for this tool"));
  EXPECT_EQ(llm_line(call), ", not asked for by a model");
  d.set_asked(v1::ASKED_OTHER_ARGUMENTS);
  EXPECT_THAT(text(llm_request_rows(d, plain)), HasSubstr("with other arguments"));
  d.set_asked(v1::ASKED_UNKNOWN);
  EXPECT_THAT(text(llm_request_rows(d, plain)), HasSubstr("cannot be compared"));
  EXPECT_EQ(llm_line(call), "");
  d.set_asked(v1::ASKED_BY_MODEL);
  d.mutable_caused_by()->set_call_id("0af7651916cd43dd8448eb211c80319c");
  d.mutable_caused_by()->set_tool_use_id("toolu_a");
  d.mutable_caused_by()->set_model("m");
  d.mutable_caused_by()->set_times(1);
  EXPECT_THAT(text(llm_request_rows(d, plain)), Not(HasSubstr("led to")));
  d.mutable_caused_by()->set_times(2);
  EXPECT_THAT(text(llm_request_rows(d, plain)),
              HasSubstr("m in call 0af7651916cd43dd8448eb211c80319c, tool use toolu_a, which led "
                        "to 2 calls by now"));
  EXPECT_EQ(llm_line(call), ", asked for by 0af7651916cd");
}

}  // namespace
}  // namespace writ::cli
