// Where the exported functions of an executable or shared library lie in its file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "util/result.h"

namespace writ::kernel {

// File offsets (what a uprobe takes) of those of `names` that `path` exports in its dynamic symbol
// table. Names that it does not export are absent. Error when `path` is not an ELF file that can be
// read.
Result<std::map<std::string, std::uint64_t>> exported_functions(
    const std::string& path, const std::vector<std::string>& names);

}  // namespace writ::kernel
