// What the id of a user, agent, role, tenant, tool or rule may look like: it stands in sentences,
// records and file names, so it can hold nothing that breaks one of those.
#pragma once

#include <cstddef>
#include <string_view>

namespace writ::identity {

// 1 to 128 of [A-Za-z0-9._@:-], beginning with a letter, a digit or '_'.
bool valid_name(std::string_view name);

// At most `max` bytes of UTF-8 on one line that reads as it is stored: no control characters, no
// line separators, none that turn the direction of text around. May be empty. For what people write
// and others read: a task, a reason.
bool valid_text(std::string_view text, std::size_t max);

inline constexpr std::size_t kMaxEmail = 254;  // bytes; RFC 5321 section 4.5.3.1.3

inline constexpr const char* kNameHint =
    "use up to 128 letters, digits, '.', '_', '@', ':' or '-', a letter or digit first";

}  // namespace writ::identity
