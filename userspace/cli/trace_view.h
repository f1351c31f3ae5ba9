// The text views of calls: pure, from records to text.
#pragma once

#include <string>

#include "cli/output.h"
#include "control.pb.h"

namespace writ::cli {

// The five questions (design.md) in plain words. Says what is not known, and never takes an attempt
// for a result.
std::string trace_text(const v1::TraceResponse& trace, const Palette& palette);

// One line of `writ calls`, and the line above the first.
std::string call_line(const v1::Call& call, const Palette& palette);
std::string call_line_head();

}  // namespace writ::cli
