#include "audit/json.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

namespace writ::audit {

Result<std::string> to_json(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) {
    return fail(ErrorCode::kInternal, "write {} as JSON: {}", message.GetTypeName(),
                std::string(status.message()));
  }
  return text;
}

}  // namespace writ::audit
