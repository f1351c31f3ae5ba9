// The words for the enums of the records, the same in every view.
#pragma once

#include <string_view>

#include "record.pb.h"

namespace writ::cli {

// "allowed", "flagged", "denied"; in observe mode the view says "would have been".
std::string_view verdict_done(v1::Verdict verdict);
// "allow", "flag", "deny"; "?" for what this version does not know.
std::string_view verdict_name(v1::Verdict verdict);
std::string_view mode_name(v1::Mode mode);
std::string_view effect_name(v1::Effect effect);

}  // namespace writ::cli
