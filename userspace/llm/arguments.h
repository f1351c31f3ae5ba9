// The arguments of a tool, written in one way, so that what a model asked for and what a call says
// can be compared wherever they stand: in JSON, in the path or in the query.
//
//   ToolArguments arguments;
//   if (arguments.add_json(body) && arguments.add("id", capture)) compare(arguments.canonical());
//
// Two are equal when they name the same arguments with the same values: objects without regard to
// the order of their members, numbers by value. Directly below the top a number or a truth value
// equals its text, since a path and a query have texts only.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace writ::llm {

class ToolArguments {
 public:
  // False: `text` is no JSON object that reads in one way only (json_document.h), or it names an
  // argument that is there with another value. Empty text is an object without members.
  bool add_json(std::string_view text);
  // False: it is there with another value.
  bool add(std::string_view name, std::string_view text);

  [[nodiscard]] std::string canonical() const;

 private:
  bool put(std::string_view name, std::string value);
  std::map<std::string, std::string, std::less<>> values_;  // canonical JSON by name
};

// Whether a model that asks for the tool `asked` can mean the one that is known as `known`. Models'
// tools have letters, digits, '_' and '-' in their names, so all other characters count as '_'; and
// clients of MCP put the server's name before the tool's: mcp__crm__get_contact.
bool same_tool(std::string_view asked, std::string_view known);

}  // namespace writ::llm
