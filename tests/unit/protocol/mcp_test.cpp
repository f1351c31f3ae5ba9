#include "protocol/mcp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/json_rpc.h"

namespace writ::protocol {
namespace {

using testing::HasSubstr;
using Kind = McpMessage::Kind;

std::string code_of(std::string_view body) {
  const auto message = read_mcp(body);
  return message ? "" : message.error().code;
}

std::string call(const std::string& params, const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":)" + params + "}";
}

TEST(Mcp, ReadsACall) {
  const auto message = read_mcp(
      call(R"({"name":"read_file","arguments":{ "path" : "/a", "n": 1.5 },"_meta":{"p":1}})"));
  ASSERT_TRUE(message) << message.error().message;
  EXPECT_EQ(message->kind, Kind::kRequest);
  EXPECT_EQ(message->id, "1");
  EXPECT_EQ(message->method, "tools/call");
  EXPECT_EQ(message->name, "read_file");
  EXPECT_EQ(message->arguments, R"({"path":"/a","n":1.5})");
}

TEST(Mcp, WhiteSpaceAndIdDoNotCountForTheArguments) {
  const auto a = read_mcp(call(R"({"name":"x","arguments":{"a":[1,2]}})", "1"));
  const auto b = read_mcp(call(R"({ "arguments": {"a": [1, 2]}, "name": "x"})", "\"b\""));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->arguments, b->arguments);
  EXPECT_EQ(b->id, "\"b\"");
}

TEST(Mcp, IdsAreTextsOrWholeNumbers) {
  for (const char* id : {"0", "-7", "18446744073709551615", R"("")", R"("a\"b")"})
    EXPECT_EQ(code_of(call(R"({"name":"x"})", id)), "") << id;
  for (const char* id : {"null", "true", "1.5", "1e2", "[1]", "{}"})
    EXPECT_EQ(code_of(call(R"({"name":"x"})", id)), "bad_json_rpc") << id;
  EXPECT_EQ(code_of(call(R"({"name":"x"})", '"' + std::string(JsonRpcReader::kMaxId, 'x') + '"')),
            "bad_json_rpc");
  EXPECT_EQ(code_of(call(R"({"name":"x"})", "18446744073709551616")), "bad_json");
}

TEST(Mcp, TellsTheKindsApart) {
  const auto kind = [](std::string_view body) {
    const auto message = read_mcp(body);
    EXPECT_TRUE(message) << body << ": " << message.error().message;
    return message ? message->kind : Kind::kRequest;
  };
  EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":1,"method":"ping"})"), Kind::kRequest);
  EXPECT_EQ(kind(R"({"jsonrpc":"2.0","method":"notifications/initialized"})"), Kind::kNotification);
  EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":"s1","result":{"roots":[]}})"), Kind::kResponse);
  EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}})"),
            Kind::kResponse);
  // With an id it is a request, of a method that nobody knows.
  EXPECT_EQ(kind(R"({"jsonrpc":"2.0","id":1,"method":"notifications/x"})"), Kind::kRequest);
}

// A server that carries out a call without an id would have done so under a notification's name.
TEST(Mcp, ACallWithoutAnIdIsNoNotification) {
  for (const char* method : {"tools/call", "ping", "notifications", "Notifications/x"})
    EXPECT_EQ(code_of(std::string(R"({"jsonrpc":"2.0","method":")") + method +
                      R"(","params":{"name":"x"}})"),
              "bad_mcp")
        << method;
}

TEST(Mcp, RefusesWhatTwoReadersReadDifferently) {
  struct Case {
    const char* body;
    const char* code;
  };
  const Case cases[] = {
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"x"}})",
       "bad_json"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"})", "bad_json"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}})",
       "bad_json"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"p":{"x":1,"x":2}}}})",
       "bad_json"},
      // Go's reader folds case, also of letters beyond ASCII, and takes the last one.
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"})", "bad_json_rpc"},
      {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"param\xc5\xbf\":{}}", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","NAME":"b"}})",
       "bad_mcp"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\u0000b"}})",
       "bad_json"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping"}{"x":1})", "bad_json"},
      {"\xef\xbb\xbf{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}", "bad_json"},
      {R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])", "json_rpc_batch"},
      {"[]", "json_rpc_batch"},
      {"5", "bad_json_rpc"},
      {"", "bad_json"},
      {R"({"id":1,"method":"ping"})", "bad_json_rpc"},
      {R"({"jsonrpc":"1.0","id":1,"method":"ping"})", "bad_json_rpc"},
      {R"({"jsonrpc":2.0,"id":1,"method":"ping"})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"method":5})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"method":""})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[1]})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","result":{}})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","result":{}})", "bad_json_rpc"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call"})", "bad_mcp"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":5}})", "bad_mcp"},
      {R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","arguments":[1]}})",
       "bad_mcp"},
      {R"({"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"name":"x"}})", "bad_mcp"},
  };
  for (const Case& one : cases) EXPECT_EQ(code_of(one.body), one.code) << one.body;
}

TEST(Mcp, IsBounded) {
  EXPECT_EQ(code_of(call(R"({"name":")" + std::string(kMaxMcpName + 1, 'x') + "\"}")), "bad_mcp");
  EXPECT_EQ(code_of(R"({"jsonrpc":"2.0","id":1,"method":")" + std::string(kMaxMcpMethod + 1, 'x') +
                    "\"}"),
            "bad_mcp");
  const std::string deep(100'000, '[');
  EXPECT_EQ(code_of(call(deep)), "bad_json");
  EXPECT_EQ(code_of(call(R"({"name":"x","arguments":{"a":)" + std::string(70, '[') +
                         std::string(70, ']') + "}}")),
            "bad_json");
  EXPECT_EQ(code_of(std::string(JsonRpcReader::kMaxBytes + 1, ' ')), "json_rpc_too_large");
}

std::string check(const Headers& headers, std::string_view body) {
  const auto message = read_mcp(body);
  EXPECT_TRUE(message);
  const auto problem = check_mcp_headers(read_mcp_headers(headers), *message);
  return problem ? problem->code : "";
}

TEST(McpHeaders, MustSayWhatTheBodySays) {
  const std::string body = call(R"({"name":"Grüße"})");
  EXPECT_EQ(check({}, body), "");
  EXPECT_EQ(check({{"MCP-Method", "tools/call"}, {"mcp-name", "Grüße"}}, body), "");
  EXPECT_EQ(check({{"Mcp-Name", "=?base64?R3LDvMOfZQ==?="}}, body), "");
  EXPECT_EQ(check({{"Mcp-Method", "ping"}}, body), "mcp_mismatch");
  EXPECT_EQ(check({{"Mcp-Method", "tools/Call"}}, body), "mcp_mismatch");
  EXPECT_EQ(check({{"Mcp-Name", "other"}}, body), "mcp_mismatch");
  EXPECT_EQ(check({{"Mcp-Name", ""}}, body), "mcp_mismatch");
  EXPECT_EQ(check({{"Mcp-Method", "tools/call"}, {"MCP-METHOD", "tools/call"}}, body),
            "mcp_mismatch");
}

TEST(McpHeaders, ABodyIsReadAsUtf8ByEverybody) {
  const std::string body = call(R"({"name":"x"})");
  for (const char* type : {"application/json", "application/json; charset=utf-8",
                           "application/json;charset=\"UTF-8\"", "application/json; x=charset"})
    EXPECT_EQ(check({{"Content-Type", type}}, body), "") << type;
  for (const char* type :
       {"application/json; charset=utf-7", "application/json; charset=utf-8; charset=utf-7",
        "application/json; CharSet = \"utf-16\"", "application/json; charset*=utf-7''x",
        "application/json; charset"})
    EXPECT_EQ(check({{"Content-Type", type}}, body), "mcp_charset") << type;
  EXPECT_EQ(check({{"Content-Type", "application/json"}, {"content-type", "text/plain"}}, body),
            "mcp_charset");
}

TEST(McpHeaders, TellTheTransportAndTheVersion) {
  const auto headers = read_mcp_headers({{"Accept", "application/json, text/event-stream"},
                                         {"MCP-Protocol-Version", "2025-06-18\x01ü"}});
  EXPECT_TRUE(headers.streamable);
  EXPECT_EQ(headers.version, "2025-06-18???");
  EXPECT_FALSE(read_mcp_headers({{"Accept", "*/*"}}).streamable);
}

}  // namespace
}  // namespace writ::protocol
