#include "protocol/mcp_result.h"

#include <gtest/gtest.h>

namespace writ::protocol {
namespace {

constexpr const char* kAnswer =
    R"({"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"7"}],"structuredContent":{"sum": 7}}})";

TEST(McpResult, OfAJsonAnswer) {
  const auto result = find_mcp_result(kAnswer, false, "3");
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->error);
  EXPECT_EQ(result->structured, R"({"sum":7})");
  EXPECT_EQ(result->result,
            R"({"content":[{"type":"text","text":"7"}],"structuredContent":{"sum":7}})");
  EXPECT_FALSE(find_mcp_result(kAnswer, false, "\"3\"")) << "a text is not a number";
  EXPECT_FALSE(find_mcp_result("<html>", false, "3"));
  EXPECT_FALSE(find_mcp_result("", false, "3"));
}

TEST(McpResult, OfAnErrorAndOfAToolsOwnError) {
  const auto tools =
      find_mcp_result(R"({"jsonrpc":"2.0","id":"a","result":{"isError":true}})", false, "\"a\"");
  ASSERT_TRUE(tools);
  EXPECT_TRUE(tools->error);
  EXPECT_EQ(tools->error_text, "");
  const auto rpc = find_mcp_result(
      R"({"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such tool"}})", false, "1");
  ASSERT_TRUE(rpc);
  EXPECT_TRUE(rpc->error);
  EXPECT_EQ(rpc->error_text, "-32602: no such tool");
  const auto bare = find_mcp_result(R"({"jsonrpc":"2.0","id":1,"error":{}})", false, "1");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->error_text, "0: ");
}

TEST(McpResult, OfAnEventStream) {
  const std::string note = R"({"jsonrpc":"2.0","method":"notifications/progress","params":{}})";
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const std::string stream = ": hello" + end + "id: 1" + end + "data:" + end + end +
                               "event: message" + end + "data: " + note + end + end +
                               "data:" + kAnswer + end + "id: 2" + end + end + "data: " + note +
                               end + end;
    const auto result = find_mcp_result(stream, true, "3");
    ASSERT_TRUE(result) << end;
    EXPECT_EQ(result->structured, R"({"sum":7})");
    EXPECT_FALSE(find_mcp_result(stream, true, "4"));
  }
  EXPECT_TRUE(
      find_mcp_result("data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n", true, "1"))
      << "over two lines";
  EXPECT_FALSE(find_mcp_result(std::string("data: ") + kAnswer + "\n", true, "3"))
      << "an event that has not ended";
}

TEST(McpResult, ToolsAreWhatTheySay) {
  const auto definition = [](const std::string& tool) {
    const auto tools = listed_tools(R"({"tools":[5,{"description":"no name"},)" + tool + "]}");
    EXPECT_EQ(tools.size(), 1u) << tool;
    return tools.empty() ? "" : tools[0].definition;
  };
  const std::string first = R"({"name":"a","description":"d","inputSchema":{"type":"object"}})";
  EXPECT_EQ(
      definition(first),
      definition(
          R"({ "inputSchema": {"type": "object"}, "title": "t", "name": "a", "description": "d"})"));
  EXPECT_NE(definition(first),
            definition(R"({"name":"a","description":"e","inputSchema":{"type":"object"}})"));
  EXPECT_NE(definition(first),
            definition(R"({"name":"a","description":"d","inputSchema":{"type":"array"}})"));
  EXPECT_NE(definition(first), definition(R"({"name":"a","description":"d"})"));
  EXPECT_TRUE(listed_tools("").empty());
  EXPECT_TRUE(listed_tools("[]").empty());
}

}  // namespace
}  // namespace writ::protocol
