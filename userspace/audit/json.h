// Records as JSON: protobuf's own JSON mapping, with the field names of the .proto files.
#pragma once

#include <string>

#include "util/result.h"

namespace google::protobuf {
class Message;
}

namespace writ::audit {

// One line without the fields that are unset; `pretty` spreads it over several lines. 64-bit
// integers are strings, as the mapping wants it (a JSON number would lose their last digits).
Result<std::string> to_json(const google::protobuf::Message& message, bool pretty = false);

}  // namespace writ::audit
