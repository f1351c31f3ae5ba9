// One JSON-RPC 2.0 message, read strictly (jsonrpc.org/specification). Only .cpp files include
// this; simdjson's header is large.
//
// Problem codes
//   json_rpc_too_large  over kMaxBytes
//   bad_json            no JSON in UTF-8, deeper than kMaxDepth, a name twice in one object (two
//                       readers take two values), NUL in a text, a number beyond 64 bits
//   json_rpc_batch      an array: several messages, where one is to be read (mcp_batch.h reads
//   them) bad_json_rpc        not version "2.0"; a member that differs from one of the envelope's
//   by case
//                       only (some readers take it for that); an id that is neither text nor whole
//                       number, or over kMaxId bytes; neither method nor exactly one of result and
//                       error
#pragma once

#include <simdjson.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "protocol/http1_types.h"

namespace writ::protocol {

struct JsonRpcMessage {
  std::string id;      // as JSON; empty: a notification, or an error that answers nothing
  std::string method;  // empty: a response
  std::optional<simdjson::dom::object> params;
  std::optional<simdjson::dom::element> result;
  std::optional<simdjson::dom::object> error;

  [[nodiscard]] bool response() const { return method.empty(); }
};

// What read() returns points into it.
class JsonRpcReader {
 public:
  static constexpr std::size_t kMaxBytes = 16u << 20;
  static constexpr int kMaxDepth = 64;
  static constexpr std::size_t kMaxId = 256;

  // Problem::offset is 0.
  tl::expected<JsonRpcMessage, Problem> read(std::string_view text);

 private:
  simdjson::dom::parser parser_;
};

// The id of a message that cannot be read as one, or of which only the beginning is there, as JSON:
// so that who sent it can be told. "null": it has none that could be found.
std::string guess_id(std::string_view text);

// A member of `object` that a reader which folds case could take for one of `names`: equal to it
// but for case, or with a letter beyond ASCII in it, since some of those fold to ASCII. Empty:
// none.
std::string_view look_alike(const simdjson::dom::object& object,
                            std::initializer_list<std::string_view> names);

}  // namespace writ::protocol
