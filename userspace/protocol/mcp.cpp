#include "protocol/mcp.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/http1_text.h"
#include "protocol/json_rpc.h"

namespace writ::protocol {
namespace {

tl::unexpected<Problem> bad_mcp(std::string message) {
  return tl::unexpected(Problem{"bad_mcp", std::move(message), 0});
}

// Methods that are about something with a name.
struct Named {
  std::string_view method;
  std::string_view key;  // of params
  bool arguments;        // params.arguments are what is asked of it
};
constexpr std::array<Named, 5> kNamed = {{
    {"tools/call", "name", true},
    {"prompts/get", "name", true},
    {"resources/read", "uri", false},
    {"resources/subscribe", "uri", false},
    {"resources/unsubscribe", "uri", false},
}};

std::optional<Problem> read_named(const Named& named, const JsonRpcMessage& rpc,
                                  McpMessage& message) {
  const auto problem = [](std::string text) { return Problem{"bad_mcp", std::move(text), 0}; };
  if (!rpc.params) return problem("a request that names nothing");
  if (!look_alike(*rpc.params, {"name", "uri", "arguments", "_meta", "task"}).empty())
    return problem("a member of params that some readers take for another one");
  std::string_view name;
  if (rpc.params->at_key(named.key).get(name) != simdjson::SUCCESS || name.empty())
    return problem(fmt::format("params without a {}", named.key));
  if (name.size() > kMaxMcpName)
    return problem(fmt::format("a {} of over {} bytes", named.key, kMaxMcpName));
  message.name = name;
  if (!named.arguments) return std::nullopt;
  simdjson::dom::element arguments;
  if (rpc.params->at_key("arguments").get(arguments) != simdjson::SUCCESS) return std::nullopt;
  if (!arguments.is_object()) return problem("arguments that are no object");
  message.arguments = simdjson::minify(arguments);
  return std::nullopt;
}

bool is_utf8_charset(std::string_view value) {
  if (value.starts_with('"') && value.size() > 1 && value.ends_with('"'))
    value = value.substr(1, value.size() - 2);
  return equals_ignoring_case(value, "utf-8") || equals_ignoring_case(value, "utf8");
}

// Whether every parameter that has to do with a charset says UTF-8. Servers exist that read
// "utf-7", in which a text can hold the quotes that end it.
bool read_as_utf8(std::string_view content_type) {
  std::size_t semicolon = content_type.find(';');
  while (semicolon != std::string_view::npos) {
    content_type.remove_prefix(semicolon + 1);
    semicolon = content_type.find(';');
    const std::string_view parameter = trim(content_type.substr(0, semicolon));
    const std::size_t equals = parameter.find('=');
    const std::string_view key = trim(parameter.substr(0, equals));
    if (key.size() < 7 || !equals_ignoring_case(key.substr(0, 7), "charset")) continue;
    if (key.size() != 7 || equals == std::string_view::npos ||
        !is_utf8_charset(trim(parameter.substr(equals + 1))))
      return false;
  }
  return true;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - at);
    for (std::size_t i = 0; i < 3; ++i)
      group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i)
      text += i <= count ? kDigits[group >> (18 - 6 * i) & 63u] : '=';
  }
  return text;
}

// Mcp-Name as the specification has it encoded where a field value could not hold it.
bool same_name(std::string_view field, std::string_view name) {
  return field == name || field == fmt::format("=?base64?{}?=", base64(name));
}

}  // namespace

tl::expected<McpMessage, Problem> read_mcp(std::string_view body) {
  JsonRpcReader reader;
  auto rpc = reader.read(body);
  if (!rpc) return tl::unexpected(std::move(rpc.error()));
  McpMessage message{.id = std::move(rpc->id), .method = std::move(rpc->method)};
  if (message.method.empty()) {
    message.kind = McpMessage::Kind::kResponse;
    return message;
  }
  if (message.method.size() > kMaxMcpMethod)
    return bad_mcp(fmt::format("a method of over {} bytes", kMaxMcpMethod));
  const auto* const named = std::find_if(
      kNamed.begin(), kNamed.end(), [&](const Named& n) { return n.method == message.method; });
  const bool about_one = named != kNamed.end() && !message.id.empty();
  // Of a call its arguments are a member of params, and writing them twice is half of the work.
  if (rpc->params && !(about_one && named->arguments))
    message.arguments = simdjson::minify(*rpc->params);
  if (message.id.empty()) {
    // A server may carry out what it is told, whether an answer is wanted or not.
    if (!message.method.starts_with("notifications/"))
      return bad_mcp("a method that wants an answer, without an id");
    message.kind = McpMessage::Kind::kNotification;
    return message;
  }
  if (about_one) {
    if (auto problem = read_named(*named, *rpc, message))
      return tl::unexpected(*std::move(problem));
  }
  return message;
}

McpHeaders read_mcp_headers(const Headers& headers) {
  McpHeaders out;
  bool typed = false;
  const auto once = [&](std::optional<std::string>& into, const std::string& value) {
    if (into) out.problem = Problem{"mcp_mismatch", "Mcp-Method or Mcp-Name is there twice", 0};
    into = value;
  };
  for (const auto& [name, value] : headers) {
    if (equals_ignoring_case(name, "mcp-method")) {
      once(out.method, value);
    } else if (equals_ignoring_case(name, "mcp-name")) {
      once(out.name, value);
    } else if (equals_ignoring_case(name, "mcp-protocol-version")) {
      out.version = value.substr(0, 32);
      std::replace_if(
          out.version.begin(), out.version.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    } else if (equals_ignoring_case(name, "accept")) {
      out.streamable |= value.find("text/event-stream") != std::string::npos;
    } else if (equals_ignoring_case(name, "content-type")) {
      if (typed || !read_as_utf8(value))
        out.problem = Problem{"mcp_charset", "a body that is not read as UTF-8 by everybody", 0};
      typed = true;
    }
  }
  return out;
}

std::optional<Problem> check_mcp_headers(const McpHeaders& headers, const McpMessage& message) {
  if (headers.problem) return headers.problem;
  if (headers.method && *headers.method != message.method)
    return Problem{"mcp_mismatch", "Mcp-Method names another method than the body", 0};
  if (headers.name && !same_name(*headers.name, message.name))
    return Problem{"mcp_mismatch", "Mcp-Name names something else than the body", 0};
  return std::nullopt;
}

}  // namespace writ::protocol
