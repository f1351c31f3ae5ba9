#include "cli/call_document.h"

#include <google/protobuf/util/json_util.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "util/json_text.h"

namespace writ::cli {
namespace {

namespace ondemand = simdjson::ondemand;
namespace dom = simdjson::dom;

tl::unexpected<Error> no_object() {
  return fail(ErrorCode::kInvalid, "the call must be one JSON object on standard input");
}

// The document cut in two, each part as it is written.
struct Parts {
  std::string known = "{";  // what protobuf reads
  std::optional<std::string> args;
};

Result<Parts> split(const simdjson::padded_string& json) {
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  if (parser.iterate(json).get(document) != simdjson::SUCCESS ||
      document.get_object().get(object) != simdjson::SUCCESS) {
    return no_object();
  }
  Parts parts;
  std::set<std::string> names;
  for (auto field : object) {
    std::string_view name;
    std::string_view text;
    if (field.unescaped_key().get(name) != simdjson::SUCCESS) return no_object();
    const std::string key(name);  // the view lasts until the next one
    if (simdjson::to_json_string(field.value()).get(text) != simdjson::SUCCESS) return no_object();
    if (!names.insert(key).second) {
      return fail(ErrorCode::kInvalid, "the call says '{}' twice", key);
    }
    if (key == "args") {
      parts.args = text;
    } else {
      parts.known += (parts.known.size() > 1 ? "," : "") + json_string(key) + ":";
      parts.known += text;
    }
  }
  // Out of bounds is where a document ends that has nothing behind it.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) return no_object();
  parts.known += "}";
  return parts;
}

// protobuf would take the last of two.
bool says_twice(const dom::element& value) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return false;
  std::set<std::string_view> names;
  return std::any_of(object.begin(), object.end(), [&](const dom::key_value_pair& field) {
    return !names.insert(field.key).second || says_twice(field.value);
  });
}

}  // namespace

Result<v1::ProposedCall> read_call_document(std::string_view json) {
  if (json.size() > kMaxCallDocument) {
    return fail(ErrorCode::kInvalid, "the call is over {} bytes, which is as much as can be asked",
                kMaxCallDocument);
  }
  auto parts = split(simdjson::padded_string(json));
  if (!parts) return tl::unexpected(parts.error());
  dom::parser parser;
  dom::element known;
  if (parser.parse(parts->known).get(known) != simdjson::SUCCESS) return no_object();
  if (says_twice(known)) return fail(ErrorCode::kInvalid, "the call says something twice");
  v1::ProposedCall call;
  const auto status = google::protobuf::util::JsonStringToMessage(parts->known, &call);
  if (!status.ok()) {
    return fail(ErrorCode::kInvalid, "the call cannot be read: {}", std::string(status.message()));
  }
  if (!parts->args) return call;
  if (!call.body().empty()) {
    return fail(ErrorCode::kInvalid, "the call says 'body', and 'args' is the body already");
  }
  call.set_body(std::move(*parts->args));
  return call;
}

}  // namespace writ::cli
