#include "protocol/mcp_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/json_rpc.h"
#include "protocol/mcp_result.h"

namespace writ::protocol {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr const char* kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
constexpr const char* kNote = R"({"jsonrpc":"2.0","method":"notifications/x"})";
constexpr const char* kAnswer = R"({"jsonrpc":"2.0","id":1,"result":{}})";

std::string list(const std::vector<std::string>& messages) {
  std::string all = "[";
  for (const std::string& one : messages) all += (all.size() > 1 ? "," : "") + one;
  return all + "]";
}

std::string ping(std::size_t id) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":"ping"})";
}

std::string code_of(const std::string& body) {
  const auto read = read_mcp_batch(body);
  return read ? "" : read.error().code;
}

TEST(McpBatch, ReadsEachMessage) {
  const std::string call =
      R"({"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"x","arguments":)"
      R"({"p":"}],[{\"\\"}}})";
  const std::string body = " [ " + call + "\r\n,\t" + kNote + "]\n";
  ASSERT_TRUE(is_mcp_batch(body));
  EXPECT_THAT(split_mcp_batch(body).value(), ElementsAre(call, kNote));
  const auto read = read_mcp_batch(body);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_THAT(*read, SizeIs(2));
  EXPECT_EQ((*read)[0].name, "x");
  EXPECT_EQ((*read)[0].arguments, R"({"p":"}],[{\"\\"})");
  EXPECT_EQ((*read)[1].kind, McpMessage::Kind::kNotification);
  EXPECT_EQ(code_of(list({kAnswer, R"({"jsonrpc":"2.0","id":2,"error":{"code":1}})"})), "");
}

TEST(McpBatch, RefusesWhatTheVersionDoesNotHave) {
  std::vector<std::string> most;
  while (most.size() < kMaxMcpBatch) most.push_back(ping(most.size()));
  EXPECT_EQ(code_of(list(most)), "");
  most.push_back(ping(most.size()));
  EXPECT_EQ(code_of(list(most)), "json_rpc_batch");
  struct Case {
    std::string body;
    const char* code;
  };
  const Case cases[] = {
      {"[]", "json_rpc_batch"},
      {"[ ]", "json_rpc_batch"},
      {"[", "json_rpc_batch"},
      {list({kPing, list({ping(2)})}), "json_rpc_batch"},
      {"[5]", "json_rpc_batch"},
      {list({kPing}) + list({ping(2)}), "json_rpc_batch"},
      {list({kPing}) + "x", "json_rpc_batch"},
      {std::string("[") + kPing + ",]", "json_rpc_batch"},
      {std::string("[") + kPing + " " + ping(2) + "]", "json_rpc_batch"},
      {std::string("[,") + kPing + "]", "json_rpc_batch"},
      {std::string("[") + kPing, "json_rpc_batch"},
      {list({kPing, kPing}), "json_rpc_batch"},
      {list({kPing, R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"}), "json_rpc_batch"},
      {list({kPing, kAnswer}), "json_rpc_batch"},
      {list({kNote, kAnswer}), "json_rpc_batch"},
      {list({R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{}})"}), "json_rpc_batch"},
      // What two readers read differently, in each of them.
      {list({kPing, R"({"jsonrpc":"2.0","id":2,"method":"ping","method":"tools/call"})"}),
       "bad_json"},
      {list({kPing, R"({"jsonrpc":"2.0","id":2,"method":"ping","Method":"x"})"}), "bad_json_rpc"},
      {list({kPing, "{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\",\"a\":\"\xff\"}"}),
       "bad_json"},
      {list({kPing, "{\"a\":]}"}), "json_rpc_batch"},
      {list({kPing, "{\"a\":}"}), "bad_json"},
      {list({kPing, "{}"}), "bad_json_rpc"},
      {std::string(JsonRpcReader::kMaxBytes, ' ') + list({kPing}), "json_rpc_too_large"},
  };
  for (const Case& one : cases) EXPECT_EQ(code_of(one.body), one.code) << one.body.substr(0, 200);
  EXPECT_EQ(read_mcp_batch(list({kPing, "{}"})).error().message,
            "message 2 of 2: a message that is not JSON-RPC 2.0");
}

TEST(McpBatch, OneIdAsTextAndAsNumberIsTwo) {
  EXPECT_EQ(code_of(list({kPing, R"({"jsonrpc":"2.0","id":"1","method":"ping"})"})), "");
  EXPECT_EQ(code_of(list({kNote, kNote})), "");
}

TEST(McpBatch, AnswersAreFoundInArraysAndEvents) {
  const std::string first = R"({"jsonrpc":"2.0","id":1,"result":{"a":1}})";
  const std::string second = R"({"jsonrpc":"2.0","id":"b","error":{"code":-1,"message":"no"}})";
  const auto found = [](const std::string& body, bool events) {
    std::vector<std::string> texts;
    each_mcp_result(body, events, [&](McpResult&& result, std::string_view text) {
      texts.push_back(result.id + " " + std::string(text));
    });
    return texts;
  };
  const auto both = ElementsAre("1 " + first, "\"b\" " + second);
  EXPECT_THAT(found("[" + first + ", " + kNote + "," + second + "]", false), both);
  EXPECT_THAT(
      found("data: " + list({first}) + "\n\ndata: " + kNote + "\n\ndata: " + second + "\n\n", true),
      both);
  EXPECT_THAT(found("[" + first, false), SizeIs(0));
  EXPECT_EQ(find_mcp_result(list({first, second}), false, "1")->result, R"({"a":1})");
}

}  // namespace
}  // namespace writ::protocol
