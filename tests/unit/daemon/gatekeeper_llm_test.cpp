// Calls to language models, and the calls that they ask for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/gatekeeper_support.h"
#include "llm/support.h"
#include "protocol/coding_support.h"

namespace writ::daemon {
namespace {

using ::testing::HasSubstr;

constexpr const char* kModelTools = R"(version: 1
tools:
  - {name: model.ask, host: model.test, method: POST, path: "/v1/**", scopes: [crm.contacts.read], effect: read}
  - {name: crm.get_contact, host: crm.test, method: GET, path: "/contacts/{id}", scopes: [crm.contacts.read], effect: read}
  - {name: crm.add_note, host: crm.test, method: POST, path: /notes, scopes: [crm.notes.write], effect: write}
rules:
  - {id: all, effect: allow, tools: ["*"]}
)";

constexpr const char* kModelPrices = R"(currency: USD
as_of: 2026-01-31
prices:
  - {model: "claude-sonnet-4*", input: 3000000, output: 15000000, cached_input: 300000, cache_write: 3750000, cache_write_1h: 6000000}
)";

constexpr const char* kAsk =
    R"({"model":"claude-sonnet-4-5","max_tokens":9,"stream":true,"system":"Be brief.","messages":[{"role":"user","content":"Who is 7?"}]})";

std::string ask(const std::string& body = kAsk, const std::string& path = "/v1/messages") {
  return "POST " + path +
         " HTTP/1.1\r\nHost: model.test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// An answer that asks for get_contact with id 7 (tests/unit/llm/support.h).
std::string asking() {
  for (const llm::Recorded& stream : llm::recorded_streams()) {
    if (stream.api == llm::Api::kAnthropic) return stream.bytes;
  }
  return {};
}

std::string whole(const std::string& name, const std::string& input) {
  return R"({"type":"message","model":"claude-sonnet-4-5","content":[{"type":"tool_use","id":"toolu_a","name":")" +
         name + R"(","input":)" + input +
         R"(}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}})";
}

constexpr const char* kEventStream = "Content-Type: text/event-stream\r\n";
constexpr const char* kJson = "Content-Type: application/json\r\n";

class GatekeeperLlmTest : public GatekeeperTest {
 protected:
  void SetUp() override {
    Diagnostics problems;
    prices_ = llm::Prices::parse(kModelPrices, "prices.yaml", problems);
    ASSERT_TRUE(prices_);
    start({.policy = kModelTools});
  }
  void model_asks(const std::string& name, const std::string& input) {
    Wire model = connect();
    model.send(ask());
    model.receive(answer(whole(name, input), kJson));
  }
  v1::Decision call(const std::string& bytes) {
    Wire wire = connect();
    wire.send(bytes);
    wire.receive(answer("{}"));
    return decisions().back();
  }
};

TEST_F(GatekeeperLlmTest, ACallToAModelIsOnRecord) {
  Wire model = connect();
  model.send(ask());
  const v1::LlmRequest asked = decisions().back().llm();
  EXPECT_EQ(asked.api(), "anthropic-messages");
  EXPECT_EQ(asked.model(), "claude-sonnet-4-5");
  EXPECT_TRUE(asked.stream());
  EXPECT_EQ(asked.system().size(), 64u);
  EXPECT_EQ(asked.unread(), "");
  model.receive(answer(asking(), kEventStream));
  const v1::LlmAnswer got = outcomes().back().llm();
  EXPECT_EQ(got.model(), "claude-sonnet-4-5-20250929");
  EXPECT_EQ(got.stop_reason(), "tool_use");
  EXPECT_EQ(got.input_tokens(), 365u);
  EXPECT_EQ(got.cached_tokens(), 300u);
  EXPECT_EQ(got.output_tokens(), 89u);
  ASSERT_EQ(got.tool_uses_size(), 1);
  EXPECT_EQ(got.tool_uses(0).id(), "toolu_a");
  EXPECT_EQ(got.tool_uses(0).name(), "get_contact");
  EXPECT_EQ(got.tool_uses(0).arguments().size(), 64u);
  EXPECT_TRUE(got.complete());
  EXPECT_EQ(got.cost_micro(), 1673u);
  EXPECT_EQ(got.currency(), "USD");
  EXPECT_EQ(decisions().back().asked(), v1::ASKED_UNSPECIFIED);
}

TEST_F(GatekeeperLlmTest, SystemPromptsAreToldApartByTheirDigest) {
  for (const char* prompt : {"A", "A", "B"}) {
    Wire model = connect();
    model.send(ask(R"({"model":"m","max_tokens":1,"messages":[],"system":")" + std::string(prompt) +
                   "\"}"));
  }
  const auto all = decisions();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].llm().system(), all[1].llm().system());
  EXPECT_NE(all[0].llm().system(), all[2].llm().system());
}

TEST_F(GatekeeperLlmTest, ACodedAnswerIsReadDecoded) {
  Wire model = connect();
  model.send(ask());
  model.receive(
      answer(protocol::gzip(asking()), std::string(kEventStream) + "Content-Encoding: gzip\r\n"));
  EXPECT_EQ(outcomes().back().llm().output_tokens(), 89u);
}

TEST_F(GatekeeperLlmTest, ACallThatAModelAskedForSaysWhich) {
  model_asks("crm_get_contact", R"({"id": 7})");
  const v1::Decision made = call(get("/contacts/7"));
  EXPECT_EQ(made.asked(), v1::ASKED_BY_MODEL);
  EXPECT_EQ(made.caused_by().call_id(), decisions().front().call_id());
  EXPECT_EQ(made.caused_by().tool_use_id(), "toolu_a");
  EXPECT_EQ(made.caused_by().model(), "claude-sonnet-4-5");
  EXPECT_EQ(made.caused_by().times(), 1u);
  EXPECT_EQ(call(get("/contacts/7")).caused_by().times(), 2u) << "asked for once, made twice";
}

TEST_F(GatekeeperLlmTest, ArgumentsAreFoundInThePathTheQueryAndTheBody) {
  model_asks("crm_get_contact", R"({"id":"7","full":true})");
  EXPECT_EQ(call(get("/contacts/7?full=true")).asked(), v1::ASKED_BY_MODEL);
  EXPECT_EQ(call(get("/contacts/7")).asked(), v1::ASKED_OTHER_ARGUMENTS);
  EXPECT_EQ(call(get("/contacts/8?full=true")).asked(), v1::ASKED_OTHER_ARGUMENTS);
  model_asks("crm_add_note", R"({"text":"hi","tags":["a","b"]})");
  EXPECT_EQ(call(post(R"({ "tags": ["a", "b"], "text": "hi" })")).asked(), v1::ASKED_BY_MODEL);
  EXPECT_EQ(call(post(R"({"tags":["b","a"],"text":"hi"})")).asked(), v1::ASKED_OTHER_ARGUMENTS);
  EXPECT_EQ(call(post("text=hi")).asked(), v1::ASKED_UNKNOWN);
}

TEST_F(GatekeeperLlmTest, ACallThatNoModelAskedForIsVisible) {
  EXPECT_EQ(call(get("/contacts/7")).asked(), v1::ASKED_UNSPECIFIED) << "no model was seen";
  model_asks("crm_add_note", "{}");
  const v1::Decision made = call(get("/contacts/7"));
  EXPECT_EQ(made.asked(), v1::ASKED_BY_NOBODY);
  EXPECT_FALSE(made.has_caused_by());
}

// Two tool uses with the same arguments account for two calls.
TEST_F(GatekeeperLlmTest, EachToolUseAccountsForACall) {
  model_asks("crm_get_contact", R"({"id":"7"})");
  model_asks("crm_get_contact", R"({"id":"7"})");
  const v1::Decision first = call(get("/contacts/7"));
  const v1::Decision second = call(get("/contacts/7"));
  EXPECT_EQ(first.caused_by().times(), 1u);
  EXPECT_EQ(second.caused_by().times(), 1u);
  EXPECT_NE(first.caused_by().call_id(), second.caused_by().call_id());
}

// An agent may act on a tool use while the answer still comes.
TEST_F(GatekeeperLlmTest, AToolUseCountsBeforeItsAnswerHasEnded) {
  Wire model = connect();
  model.send(ask());
  std::string stream = asking();
  const std::string name = "get_contact";
  stream.replace(stream.find(name), name.size(), "crm_get_contact");
  const std::string all = answer(stream, kEventStream);
  const std::size_t stop = all.find("\n\n", all.find("\"index\":1}")) + 2;
  model.receive(std::string_view(all).substr(0, stop));
  EXPECT_EQ(call(get("/contacts/7")).asked(), v1::ASKED_BY_MODEL);
}

TEST_F(GatekeeperLlmTest, ABrokenOffAnswerSaysSo) {
  Wire model = connect();
  model.send(ask());
  const std::string all = answer(asking(), kEventStream);
  model.receive(std::string_view(all).substr(0, all.size() / 2));
  model.fin();
  model.close();
  const v1::Outcome made = outcomes().back();
  EXPECT_EQ(made.result(), "incomplete");
  EXPECT_FALSE(made.llm().complete());
  EXPECT_EQ(made.llm().input_tokens(), 365u);
}

TEST_F(GatekeeperLlmTest, AModelWithoutAPriceHasNoCost) {
  Wire model = connect();
  model.send(ask());
  model.receive(answer(
      R"({"type":"message","model":"other","content":[],"usage":{"input_tokens":1,"output_tokens":2}})",
      kJson));
  EXPECT_TRUE(outcomes().back().llm().has_cost_micro()) << "the model that was asked for has one";
  model.send(ask(R"({"model":"other","max_tokens":1,"messages":[]})"));
  model.receive(answer(
      R"({"type":"message","model":"other","content":[],"usage":{"input_tokens":1,"output_tokens":2}})",
      kJson));
  EXPECT_FALSE(outcomes().back().llm().has_cost_micro());
}

TEST_F(GatekeeperLlmTest, ALongRequestIsAModelsByItsPathAndSaysThatItWasNotRead) {
  Wire model = connect();
  model.send(
      ask(R"({"model":"m","max_tokens":1,"messages":[],"system":")" + filler(100'000) + "\"}"));
  const v1::LlmRequest asked = decisions().back().llm();
  EXPECT_THAT(asked.unread(), HasSubstr("before all of its body"));
  EXPECT_EQ(asked.model(), "");
  model.receive(answer(whole("f", "{}"), kJson));
  EXPECT_EQ(outcomes().back().llm().output_tokens(), 2u);
}

TEST_F(GatekeeperLlmTest, ThePathAloneMakesNoModelOfAServer) {
  Wire wire = connect();
  wire.send(ask(R"({"to":"bob","text":"hi"})"));
  EXPECT_FALSE(decisions().back().has_llm());
  EXPECT_EQ(call(get("/contacts/7")).asked(), v1::ASKED_UNSPECIFIED);
}

}  // namespace
}  // namespace writ::daemon
