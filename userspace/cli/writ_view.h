// How a writ reads.
#pragma once

#include <cstdint>
#include <string>

#include "cli/output.h"
#include "control.pb.h"

namespace writ::cli {

// A line each, for `writ list`.
Table writ_table();
void add_writ(Table& table, const v1::WritInfo& writ, std::uint64_t now_unix_ns);

// All of it, for `writ show`.
std::string writ_text(const v1::WritInfo& writ, std::uint64_t now_unix_ns, const Palette& palette);

}  // namespace writ::cli
