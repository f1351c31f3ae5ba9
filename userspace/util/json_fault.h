// What two readers could read differently in a JSON text that is well formed. Only .cpp files
// include this; simdjson's header is large.
#pragma once

#include <simdjson.h>

#include <string_view>

namespace writ {

// Half a sentence, "holds a name twice in one object", or nullptr: nothing. Looked for in all of
// the tree, which was read of `text`: repeated names (escapes undone), NUL in names and texts, more
// than `max_depth` objects and arrays within each other.
const char* json_fault(const simdjson::dom::element& tree, std::string_view text, int max_depth);

}  // namespace writ
