#include "protocol/json_rpc.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/http1_text.h"
#include "util/json_fault.h"
#include "util/json_text.h"

namespace writ::protocol {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using simdjson::dom::object;

tl::unexpected<Problem> bad(std::string code, std::string message) {
  return tl::unexpected(Problem{std::move(code), std::move(message), 0});
}

tl::unexpected<Problem> bad(std::string message) { return bad("bad_json_rpc", std::move(message)); }

std::optional<element> member(const object& from, std::string_view name) {
  element value;
  if (from.at_key(name).get(value) != simdjson::SUCCESS) return std::nullopt;
  return value;
}

// Empty: it is no id.
std::string id_text(const element& id) {
  switch (id.type()) {
    case element_type::STRING:
    case element_type::INT64:
    case element_type::UINT64: {
      std::string text = simdjson::to_string(id);
      return text.size() <= JsonRpcReader::kMaxId ? text : std::string();
    }
    case element_type::OBJECT:
    case element_type::ARRAY:
    case element_type::DOUBLE:
    case element_type::BOOL:
    case element_type::NULL_VALUE:
      return {};
  }
  return {};
}

tl::expected<JsonRpcMessage, Problem> read_request(const object& top, const element& method,
                                                   JsonRpcMessage message) {
  std::string_view text;
  if (method.get(text) != simdjson::SUCCESS || text.empty()) return bad("a method that is no text");
  message.method = text;
  if (member(top, "result") || member(top, "error"))
    return bad("a message that is both request and response");
  if (const auto params = member(top, "params")) {
    object named;
    if (params->get(named) != simdjson::SUCCESS) return bad("params that are no object");
    message.params = named;
  }
  return message;
}

tl::expected<JsonRpcMessage, Problem> read_response(const object& top, JsonRpcMessage message) {
  message.result = member(top, "result");
  const auto error = member(top, "error");
  if (message.result.has_value() == error.has_value())
    return bad("a message that is neither request nor response");
  if (error) {
    object details;
    if (error->get(details) != simdjson::SUCCESS) return bad("an error that is no object");
    message.error = details;
  } else if (message.id.empty()) {
    return bad("a result that answers no request");
  }
  return message;
}

}  // namespace

tl::expected<JsonRpcMessage, Problem> JsonRpcReader::read(std::string_view text) {
  if (text.size() > kMaxBytes)
    return bad("json_rpc_too_large", fmt::format("a message of over {} bytes", kMaxBytes));
  element root;
  auto error = parser_.allocate(std::max<std::size_t>(text.size(), 64), kMaxDepth + 1);
  if (error == simdjson::SUCCESS) error = parser_.parse(text.data(), text.size()).get(root);
  if (error != simdjson::SUCCESS) return bad("bad_json", "a body that is no JSON to be read");
  if (const char* fault = json_fault(root, text, kMaxDepth))
    return bad("bad_json", fmt::format("a body that {}", fault));
  if (root.is_array()) {
    return bad("json_rpc_batch",
               "several messages in one, which of all versions of MCP only 2025-03-26 has (over "
               "stdio and Streamable HTTP): send them one by one");
  }
  object top;
  if (root.get(top) != simdjson::SUCCESS) return bad("a body that is no JSON object");

  const auto alike = look_alike(top, {"jsonrpc", "id", "method", "params", "result", "error"});
  if (!alike.empty()) return bad("a member of the message that some readers take for another one");
  std::string_view version;
  if (top.at_key("jsonrpc").get(version) != simdjson::SUCCESS || version != "2.0")
    return bad("a message that is not JSON-RPC 2.0");
  JsonRpcMessage message;
  const auto method = member(top, "method");
  if (const auto id = member(top, "id")) {
    message.id = id_text(*id);
    // A server that could not read a request answers it without knowing its id.
    if (message.id.empty() && (method || !id->is_null()))
      return bad("an id that is neither a text nor a whole number, or too long");
  }
  return method ? read_request(top, *method, std::move(message))
                : read_response(top, std::move(message));
}

std::string_view look_alike(const object& in, std::initializer_list<std::string_view> names) {
  for (const auto field : in) {
    const std::string_view key = field.key;
    if (std::any_of(key.begin(), key.end(), [](char c) { return static_cast<signed char>(c) < 0; }))
      return key;
    for (const std::string_view name : names) {
      if (key != name && equals_ignoring_case(key, name)) return key;
    }
  }
  return {};
}

namespace {

// The token that `text` begins with, if it can be an id of which nothing has to be undone: a whole
// number, or a text of printable ASCII without escapes.
std::string plain_id(std::string_view text) {
  constexpr std::size_t kMaxDigits = 19;
  if (text.starts_with('"')) {
    const std::size_t end = text.find('"', 1);
    if (end == std::string_view::npos || end > JsonRpcReader::kMaxId) return {};
    const std::string_view token = text.substr(0, end + 1);
    const bool plain = std::all_of(token.begin(), token.end(),
                                   [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
    return plain ? std::string(token) : std::string();
  }
  const std::size_t end = text.find_first_not_of("0123456789");
  const bool number = end != 0 && end != std::string_view::npos && end <= kMaxDigits &&
                      (text.front() != '0' || end == 1) &&
                      std::string_view(" \t\r\n,}").find(text[end]) != std::string_view::npos;
  return number ? std::string(text.substr(0, end)) : std::string();
}

}  // namespace

std::string guess_id(std::string_view text) {
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == '"') {
      std::size_t end = at + 1;
      while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      if (end >= text.size()) break;
      if (depth == 1 && text.substr(at, end - at) == "\"id") {
        const std::string_view rest = behind_space(text.substr(end + 1));
        if (rest.starts_with(':')) {
          std::string id = plain_id(behind_space(rest.substr(1)));
          return id.empty() ? "null" : id;
        }
      }
      at = end;
    }
  }
  return "null";
}

}  // namespace writ::protocol
