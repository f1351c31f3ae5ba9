// The text views of `writ status` and `writ doctor`: pure, from the answer to the text.
#pragma once

#include <cstdint>
#include <string>

#include "cli/output.h"
#include "control.pb.h"

namespace writ::cli {

std::string status_text(const v1::StatusResponse& status, std::uint64_t now_unix_ns,
                        const Palette& palette);

std::string doctor_text(const v1::DoctorResponse& report, const Palette& palette);

// True when every check is met. Whether each process is covered does not count: what is not covered
// is held, and shown.
bool is_healthy(const v1::DoctorResponse& report);

}  // namespace writ::cli
