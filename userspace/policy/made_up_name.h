// Names for tools that nobody has named: "crm.contacts.read" for GET
// crm.example.test/contacts/{id}.
#pragma once

#include <string>
#include <string_view>

#include "policy/path_pattern.h"

namespace writ::policy {

// Of the host's first telling label, the literals of the path, and what the method does; behind
// `prefix`, if there is one. At most 128 characters, and a name of a tool as well as a scope,
// whatever the host and path hold. Not unique: /contacts and /contacts/{id} are called the same.
// REQUIRES: a prefix that is a name and a scope, and short.
std::string made_up_name(std::string_view prefix, std::string_view host, const PathPattern& path,
                         std::string_view method);

}  // namespace writ::policy
