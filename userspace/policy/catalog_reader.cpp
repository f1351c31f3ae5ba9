#include <algorithm>
#include <array>
#include <map>

#include "identity/name.h"
#include "policy/mcp_traffic.h"
#include "policy/reader.h"

namespace writ::policy {
namespace {

constexpr const char* kHostHint =
    "write crm.example.test, *.example.test or *, and :port if only that one";

// A key that has to be there, with at least one value.
std::vector<std::string> required_strings(YamlMap& map, const std::string& key,
                                          const std::string& hint) {
  std::vector<std::string> values = map.strings(key);
  if (!map.has(key)) {
    map.error(key, fmt::format("'{}' is missing", key), hint);
  } else if (values.empty()) {
    map.error(key, fmt::format("'{}' is empty", key), hint);
  }
  return values;
}

void read_name(YamlMap& map, const std::string& key, ToolText& text, Diagnostics&) {
  text.tool.name = map.required_string(key);
  if (!text.tool.name.empty() && !identity::valid_name(text.tool.name)) {
    map.error(key, fmt::format("'{}' is not a name for a tool", text.tool.name),
              identity::kNameHint);
  } else if (names_traffic(text.tool.name)) {
    map.error(key, fmt::format("'{}' is the name of MCP's own traffic", text.tool.name),
              "choose another name for the tool");
  }
}

// Of a program nothing is said that calls over the network have.
bool of_program(YamlMap& map, const std::string& key) {
  if (!map.has("program")) return false;
  if (map.has(key)) {
    map.error(key, fmt::format("'{}' does not go with 'program'", key),
              "a program is named by its file alone; `args` in rules look at how it is started");
  }
  (void)map.child(key);  // the key is known
  return true;
}

void read_programs(YamlMap& map, const std::string& key, ToolText& tool, Diagnostics&) {
  constexpr const char* kHint = "write /usr/bin/git, or a glob as /usr/lib/git-core/*";
  if (!map.has(key)) {
    (void)map.child(key);  // the key is known
    return;
  }
  for (std::string& text : required_strings(map, key, kHint)) {
    if (text.starts_with('/') || text == "*") {
      tool.shape.programs.push_back(std::move(text));
    } else {
      map.error(key, fmt::format("'{}' is no program: its path begins with '/'", text), kHint);
    }
  }
}

// An MCP server over stdio is at no address.
bool of_server(YamlMap& map, const std::string& key) {
  if (!map.has("server")) return false;
  if (map.has(key)) {
    map.error(key, fmt::format("'{}' does not go with 'server'", key),
              "a server over stdio is named by how it was started, its tools by `mcp`");
  }
  (void)map.child(key);  // the key is known
  return true;
}

void read_servers(YamlMap& map, const std::string& key, ToolText& tool, Diagnostics&) {
  constexpr const char* kHint = R"(write "*/node */server-filesystem/dist/index.js *")";
  if (of_program(map, key)) return;
  if (!map.has(key)) {
    (void)map.child(key);  // the key is known
    return;
  }
  for (std::string& text : required_strings(map, key, kHint)) {
    if (text.starts_with('/') || text.starts_with('*')) {
      tool.shape.servers.push_back(std::move(text));
    } else {
      map.error(key, fmt::format("'{}' is no command line: it begins with a path", text), kHint);
    }
  }
}

void read_hosts(YamlMap& map, const std::string& key, ToolText& tool, Diagnostics&) {
  if (of_program(map, key) || of_server(map, key)) return;
  for (const std::string& text : required_strings(map, key, kHostHint)) {
    if (auto host = parse_host_pattern(text)) {
      tool.shape.hosts.push_back(std::move(*host));
    } else {
      map.error(key, fmt::format("'{}' is not a host pattern", text), kHostHint);
    }
  }
}

void read_methods(YamlMap& map, const std::string& key, ToolText& tool, Diagnostics&) {
  constexpr const char* kHint = "write GET, [POST, PUT], or '*' for any";
  if (of_program(map, key) || of_server(map, key)) return;
  if (map.has("mcp") || map.has("mcp_method")) {
    if (map.has(key)) map.error(key, "'method' does not go with 'mcp'", "MCP has its own methods");
    (void)map.child(key);  // the key is known
    return;
  }
  for (std::string& method : required_strings(map, key, kHint)) {
    if (is_method(method)) {
      tool.shape.methods.push_back(std::move(method));
    } else if (method != "*" || map.strings(key).size() > 1) {
      map.error(key, fmt::format("'{}' is not a method; they are in capitals", method), kHint);
    }
  }
}

void read_paths(YamlMap& map, const std::string& key, ToolText& tool, Diagnostics&) {
  constexpr const char* kHint = "write /contacts/{id}, or /files/** for all below";
  if (of_program(map, key) || of_server(map, key)) return;
  for (const std::string& text : required_strings(map, key, kHint)) {
    if (Result<PathPattern> path = parse_path_pattern(text)) {
      tool.shape.paths.push_back(std::move(*path));
    } else {
      map.error(key, fmt::format("path '{}': {}", text, path.error().message), kHint);
    }
  }
}

void read_addresses(YamlMap& map, const std::string& key, ToolText& tool, Diagnostics&) {
  if (of_program(map, key) || of_server(map, key)) return;
  const std::vector<std::string> texts = map.strings(key);
  if (map.has(key) && texts.empty())
    map.error(key, "'addresses' is empty", "leave the key out for any destination");
  for (const std::string& text : texts) {
    if (const Result<AddressRange> range = parse_range(text)) {
      tool.shape.addresses.push_back(*range);
    } else {
      map.error(key, range.error().message, "write 10.0.0.0/8, 127.0.0.1 or ::1/128");
    }
  }
}

void read_mcp_names(YamlMap& map, const std::string& key, ToolText& text, Diagnostics&) {
  if (of_program(map, key)) return;
  text.mcp_names = map.strings(key);
  const bool fine = std::all_of(text.mcp_names.begin(), text.mcp_names.end(),
                                [](const std::string& name) { return !name.empty(); });
  if (map.has(key) && (text.mcp_names.empty() || !fine))
    map.error(key, "'mcp' is empty", "write the name that the server has for the tool, or '*'");
}

void read_mcp_methods(YamlMap& map, const std::string& key, ToolText& text, Diagnostics&) {
  if (of_program(map, key)) return;
  text.mcp_methods = map.strings(key);
  if (map.has(key) && text.mcp_methods.empty())
    map.error(key, "'mcp_method' is empty", "leave it out for tools/call");
  for (const std::string& method : text.mcp_methods) {
    const bool token = !method.empty() && std::all_of(method.begin(), method.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '/' || c == '_' || c == '-' || c == '.' || c == '$';
    });
    if (!token || method.starts_with("notifications/")) {
      map.error(key, fmt::format("'{}' is no method of a request", method),
                "write resources/read, prompts/get or the like");
    }
  }
}

void read_tool_scopes(YamlMap& map, const std::string& key, ToolText& text, Diagnostics&) {
  for (std::string& scope : map.strings(key)) {
    if (!identity::valid_scope(scope) || identity::has_wildcard(scope)) {
      map.error(key, fmt::format("a tool cannot require scope '{}'", scope),
                "name one permission, as crm.contacts.read");
    } else {
      text.tool.scopes.push_back(std::move(scope));
    }
  }
  text.tool.scopes = identity::minimal(std::move(text.tool.scopes));
  if (!map.has(key))
    map.error(key, "'scopes' is missing", "write [] for a tool that needs no permission");
}

void read_tool_effect(YamlMap& map, const std::string& key, ToolText& text, Diagnostics&) {
  if (!map.has(key)) map.error(key, "'effect' is missing", "write read or write");
  if (map.one_of(key, {"read", "write"}) == "read") text.tool.effect = Effect::kRead;
}

constexpr std::string_view kScopesSchema = R"({"type":"array","items":{"type":"string"}})";

constexpr std::array<Key<ToolText>, 12> kToolKeys = {{
    {{"name", kTextSchema, "What the call is called, in rules and records.", true}, read_name},
    // Of these three, `program` and `server` those that go together: the reader sees to it.
    {{"host", kNamesSchema, "crm.example.test, *.example.test or *; with :port if only that one."},
     read_hosts},
    {{"method", kNamesSchema, "GET, or a list; * is any. Not with mcp."}, read_methods},
    {{"path", kNamesSchema, "/contacts/{id}, or /files/** for all below."}, read_paths},
    {{"program", kNamesSchema, "Instead of host, method and path: /usr/bin/git, or a glob."},
     read_programs},
    {{"server", kNamesSchema,
      "An MCP server over stdio, instead of host and path: a glob over its command line."},
     read_servers},
    {{"scopes", kScopesSchema, "Permissions that are required, all of them; [] for none.", true},
     read_tool_scopes},
    {{"effect", R"({"enum":["read","write"]})", "Whether it only reads.", true}, read_tool_effect},
    {{"addresses", kNamesSchema, "Only calls that really go there: 10.0.0.0/8."}, read_addresses},
    {{"mcp", kNamesSchema, "Of an MCP server: what it calls the tool (prompt, URI); * is a glob."},
     read_mcp_names},
    {{"mcp_method", kNamesSchema, "Of an MCP server: resources/read; tools/call when not said."},
     read_mcp_methods},
    {{"untrusted", R"({"type":"boolean"})",
      "What it brings comes from people that nobody vouches for."},
     [](YamlMap& map, const std::string& key, ToolText& text, Diagnostics&) {
       text.tool.untrusted = map.boolean(key).value_or(false);
     }},
}};

}  // namespace

ToolText read_tool(const YAML::Node& node, const std::string& file, Diagnostics& out) {
  YamlMap map(node, file, out);
  ToolText text{.file = file, .line = node.Mark().line + 1, .column = node.Mark().column + 1};
  read_keys<ToolText>(kToolKeys, map, text, out);
  if (!map.has("mcp") && !map.has("mcp_method") && !map.has("server")) return text;
  if (text.mcp_methods.empty()) text.mcp_methods = {"tools/call"};
  if (text.mcp_names.empty()) text.mcp_names = {"*"};
  for (const std::string& method : text.mcp_methods) {
    for (const std::string& name : text.mcp_names)
      text.shape.mcp.push_back({.method = method, .name = name});
  }
  return text;
}

KeyTable tool_keys() {
  return table_of<ToolText>("tool", "What calls of a tool look like on the wire.", kToolKeys);
}

Catalog build_catalog(std::vector<ToolText> tools, Diagnostics& out) {
  // By name, so that Tool::index and the diagnostics do not depend on the order of files.
  std::stable_sort(tools.begin(), tools.end(),
                   [](const ToolText& a, const ToolText& b) { return a.tool.name < b.tool.name; });
  Catalog catalog;
  std::map<std::string, const ToolText*> placed;
  const auto report = [&](const ToolText& text, std::string message, std::string hint) {
    out.push_back({.file = text.file,
                   .line = text.line,
                   .column = text.column,
                   .message = std::move(message),
                   .hint = std::move(hint)});
  };
  const auto where = [](const ToolText& text) {
    return fmt::format("{}:{}", text.file, text.line);
  };
  for (const ToolText& text : tools) {
    const auto [entry, added] = placed.emplace(text.tool.name, &text);
    if (!added) {
      report(text, fmt::format("tool '{}' is also in {}", text.tool.name, where(*entry->second)),
             "a tool has one entry; host, method and path can be lists");
      continue;
    }
    if (const Tool* clash = catalog.add(text.tool, text.shape)) {
      report(text,
             fmt::format("tools '{}' and '{}' ({}) can match the same call, and neither is more "
                         "specific",
                         text.tool.name, clash->name, where(*placed.at(clash->name))),
             "make host, path, method or addresses of one of them narrower");
    }
  }
  return catalog;
}

}  // namespace writ::policy
