// Files that only their owner may read: keys and secrets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "util/result.h"

namespace writ::identity {

// Makes the folder with mode 0700 where it is missing; its parent must be there. kDenied: it is
// another user's (neither ours nor root's), or others can read or write it. kInvalid: no folder.
Status make_private_folder(const std::string& folder);

// All of a file. kDenied: others than its owner have any right to it, or it belongs to neither us
// nor root; kInvalid: it is no regular file (a link is none), or longer than `max`; kNotFound; kIo.
Result<std::string> read_private_file(const std::string& path, std::size_t max);

// A new file of mode 0600: whole and durable on return, or not there under that name.
Status write_private_file(const std::string& folder, const std::string& name,
                          std::string_view bytes);

// Durable on return. What is not there is removed.
Status remove_private_file(const std::string& folder, const std::string& name);

}  // namespace writ::identity
