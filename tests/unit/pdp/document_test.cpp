#include "pdp/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

namespace writ::pdp {
namespace {

using simdjson::dom::element;

const std::vector<std::string> kRoles = {"sales"};
const std::vector<std::string> kUserScopes = {"crm.*"};
const std::vector<std::string> kAgentScopes = {"crm.contacts.read", "finance.revenue.read"};
const std::vector<std::string> kEffective = {"crm.contacts.read"};
const std::vector<std::string> kChain = {"planner", "sales-assistant"};
const std::vector<std::string> kTools = {"crm.contact.read"};
const std::vector<PdpFinding> kFindings = {{"pii.card", "pii", 2, "body"}};
const std::vector<PdpBudget> kBudget = {
    {"calls", 17}, {"calls_per_minute", std::nullopt}, {"calls", 9}};

PdpInput full() {
  return {.user = {"sarah", "sarah@example.test", kRoles, kUserScopes, "acme", "token"},
          .agent = {"sales-assistant", kAgentScopes, "interactive", kChain},
          .effective_scopes = kEffective,
          .tool = {.name = "crm.note.write",
                   .server = "crm",
                   .effect = "write",
                   .args = R"( {"amount" : 500.10, "to": ["a", "b"]} )"},
          .request = {"POST", "crm.example.test", "/contacts/1/notes", "a=b", "http/1.1", "t-1"},
          .findings = kFindings,
          .session = {.id = "s1", .calls = 3, .tainted = true, .tools = kTools},
          .budget = kBudget};
}

TEST(Document, Opa) {
  EXPECT_EQ(
      *write_document(Dialect::kOpa, full()),
      R"({"input":{"user":{"id":"sarah","email":"sarah@example.test","roles":["sales"],)"
      R"("scopes":["crm.*"],"tenant":"acme","identity":"token"},)"
      R"("tool":{"name":"crm.note.write","server":"crm","effect":"write",)"
      R"("args":{"amount":500.10,"to":["a","b"]},"args_state":"complete"},)"
      R"("request":{"method":"POST","host":"crm.example.test","path":"/contacts/1/notes","query":"a=b",)"
      R"("protocol":"http/1.1","trace_id":"t-1","complete":true},)"
      R"("agent":{"id":"sales-assistant","scopes":["crm.contacts.read",)"
      R"("finance.revenue.read"],"tier":"interactive","chain":["planner",)"
      R"("sales-assistant"]},"scopes":{"effective":["crm.contacts.read"]},)"
      R"("findings":[{"rule":"pii.card","category":"pii","count":2,"where":"body"}],)"
      R"("session":{"id":"s1","calls":3,"tainted":true,"tools":["crm.contact.read"]},)"
      R"("budget":{"calls":{"left":17},"calls_per_minute":{"left":null}}}})");
}

TEST(Document, AuthZen) {
  EXPECT_EQ(
      *write_document(Dialect::kAuthZen, full()),
      R"({"subject":{"type":"user","id":"sarah","properties":{"email":"sarah@example.test",)"
      R"("roles":["sales"],"scopes":["crm.*"],"tenant":"acme","identity":"token"}},)"
      R"("action":{"name":"crm.note.write","properties":{"effect":"write",)"
      R"("args":{"amount":500.10,"to":["a","b"]},"args_state":"complete"}},)"
      R"("resource":{"type":"server","id":"crm","properties":{"method":"POST",)"
      R"("host":"crm.example.test","path":"/contacts/1/notes","query":"a=b","protocol":"http/1.1",)"
      R"("trace_id":"t-1","complete":true}},)"
      R"("context":{"agent":{"id":"sales-assistant","scopes":["crm.contacts.read",)"
      R"("finance.revenue.read"],"tier":"interactive","chain":["planner",)"
      R"("sales-assistant"]},"scopes":{"effective":["crm.contacts.read"]},)"
      R"("findings":[{"rule":"pii.card","category":"pii","count":2,"where":"body"}],)"
      R"("session":{"id":"s1","calls":3,"tainted":true,"tools":["crm.contact.read"]},)"
      R"("budget":{"calls":{"left":17},"calls_per_minute":{"left":null}}}})");
  PdpInput unnamed = full();
  unnamed.tool.name = unnamed.tool.server = "";
  const std::string document = *write_document(Dialect::kAuthZen, unnamed);
  EXPECT_THAT(document, testing::HasSubstr(R"("action":{"name":"?")"));
  EXPECT_THAT(document,
              testing::HasSubstr(R"("resource":{"type":"server","id":"crm.example.test")"));
}

TEST(Document, NothingKnownIsStillADocument) {
  simdjson::dom::parser parser;
  for (const Dialect dialect : {Dialect::kOpa, Dialect::kAuthZen}) {
    EXPECT_EQ(parser.parse(*write_document(dialect, {})).error(), simdjson::SUCCESS);
  }
}

// Whatever a text holds, it comes out as that text and nothing around it changes.
TEST(Document, HostileTextsStayTexts) {
  simdjson::dom::parser parser;
  for (const std::string& hostile :
       {std::string(R"("},"user":{"id":"root"},"x":{")"), std::string("\\\"\\u0022"),
        std::string("\0\x01\x1f\x7f\n\r\t", 7), std::string("{\"a\":1}"), std::string("日本 🙂"),
        std::string("\xE2\x80\xA8\xE2\x80\xAE")}) {
    PdpInput input = full();
    const std::vector<std::string> list = {hostile, "after"};
    const std::vector<PdpFinding> findings = {{hostile, hostile, 1, hostile}};
    const std::vector<PdpBudget> budget = {{hostile, 2}};
    input.user = {hostile, hostile, list, list, hostile, hostile};
    input.agent = {hostile, list, hostile, list};
    input.effective_scopes = list;
    input.tool = {.name = hostile, .server = hostile, .effect = hostile};
    input.request = {hostile, hostile, hostile, hostile, hostile, hostile};
    input.findings = findings;
    input.session = {.id = hostile, .tools = list};
    input.budget = budget;
    const std::string document = *write_document(Dialect::kOpa, input);
    element in;
    ASSERT_EQ(parser.parse(document).at_pointer("/input").get(in), simdjson::SUCCESS) << document;
    for (const char* at : {"/user/id",          "/user/email",         "/user/roles/0",
                           "/user/scopes/0",    "/user/tenant",        "/user/identity",
                           "/agent/id",         "/agent/scopes/0",     "/agent/tier",
                           "/agent/chain/0",    "/scopes/effective/0", "/tool/name",
                           "/tool/server",      "/tool/effect",        "/request/method",
                           "/request/host",     "/request/path",       "/request/protocol",
                           "/request/trace_id", "/findings/0/rule",    "/findings/0/category",
                           "/session/id",       "/session/tools/0"}) {
      EXPECT_EQ(std::string_view(in.at_pointer(at)), hostile) << at;
    }
    const auto names = simdjson::dom::object(in["budget"]);
    ASSERT_EQ(names.size(), 1u);
    EXPECT_EQ((*names.begin()).key, hostile);
    EXPECT_EQ(simdjson::dom::object(in).size(), 8u);
  }
}

TEST(Document, BytesThatAreNotUtf8AreReplaced) {
  PdpInput input = full();
  input.request.path = "/a\xff\xc3\"b";
  EXPECT_THAT(*write_document(Dialect::kOpa, input),
              testing::HasSubstr("\"path\":\"/a\xEF\xBF\xBD\xEF\xBF\xBD\\\"b\""));
}

// The place of the arguments in the document, for some text.
std::string args_of(std::string_view args, bool complete = true) {
  PdpInput input = full();
  input.tool.args = args;
  input.tool.args_complete = complete;
  const std::string document = *write_document(Dialect::kOpa, input);
  const std::size_t at = document.find("\"args\":");
  return document.substr(at, document.find("},\"request\"") - at);
}

TEST(Document, ArgumentsAreTheCallsOwnJson) {
  const auto whole = [](const std::string& json) {
    return "\"args\":" + json + ",\"args_state\":\"complete\"";
  };
  EXPECT_EQ(args_of(" [ 1 , \"a b\" ] "), whole("[1,\"a b\"]"));
  EXPECT_EQ(args_of("null"), whole("null"));
  EXPECT_EQ(args_of("\"t\""), whole("\"t\""));
  EXPECT_EQ(args_of("{\"n\":1.10e2,\"u\":\"\\u0041\"}"), whole("{\"n\":1.10e2,\"u\":\"\\u0041\"}"));
}

TEST(Document, ArgumentsThatTwoReadersReadDifferentlyAreNone) {
  const std::string unreadable = "\"args\":null,\"args_state\":\"unreadable\"";
  EXPECT_EQ(args_of("{\"a\":1}},\"user\":{\"id\":\"root\"}"), unreadable);
  EXPECT_EQ(args_of("{\"a\":1},{\"a\":2}"), unreadable);
  EXPECT_EQ(args_of("{\"a\":1,\"a\":2}"), unreadable);
  EXPECT_EQ(args_of("[{\"x\":{\"a\":1,\"\\u0061\":2}}]"), unreadable);
  EXPECT_EQ(args_of("{\"a\":\"\xff\"}"), unreadable);
  EXPECT_EQ(args_of("{\"a\":1"), unreadable);
  EXPECT_EQ(args_of("a=1&b=2"), unreadable);
  EXPECT_EQ(args_of("{\"a\":1e999}"), unreadable);
  EXPECT_EQ(args_of("{\"a\":99999999999999999999}"), unreadable);
  EXPECT_EQ(args_of("{\"a\\u0000\":1}"), unreadable);
  EXPECT_EQ(args_of("[\"a\\u0000b\"]"), unreadable);
  EXPECT_EQ(args_of(" "), unreadable);
  EXPECT_EQ(args_of(std::string(65, '[') + std::string(65, ']')), unreadable);
  EXPECT_EQ(args_of(std::string(200'000, '[')), unreadable);
  EXPECT_THAT(args_of(std::string(40, '[') + std::string(40, ']')), testing::HasSubstr("complete"));
}

TEST(Document, ArgumentsThatAreNotThereSayWhy) {
  EXPECT_EQ(args_of(""), "\"args\":null,\"args_state\":\"none\"");
  EXPECT_EQ(args_of("{}", false), "\"args\":null,\"args_state\":\"truncated\"");
  EXPECT_EQ(args_of("\"" + std::string(kMaxArgsBytes, 'x') + "\""),
            "\"args\":null,\"args_state\":\"too_large\"");
  EXPECT_THAT(args_of("\"" + std::string(kMaxArgsBytes - 2, 'x') + "\""),
              testing::HasSubstr("complete"));
}

TEST(Document, SizeIsBounded) {
  PdpInput input = full();
  std::string path(kMaxDocumentBytes + 1, 'p');
  input.request.path = path;
  EXPECT_EQ(write_document(Dialect::kOpa, input).error().code, ErrorCode::kInvalid);
  // Short enough before it is escaped, and not after.
  path = std::string(kMaxDocumentBytes / 2, '\x01');
  input.request.path = path;
  EXPECT_FALSE(write_document(Dialect::kAuthZen, input));
  path = std::string(kMaxDocumentBytes - 4096, 'p');
  input.request.path = path;
  EXPECT_LE(write_document(Dialect::kOpa, input)->size(), kMaxDocumentBytes);
}

}  // namespace
}  // namespace writ::pdp
