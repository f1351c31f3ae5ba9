// The views of a replay: pure, from counts and groups to text and JSON.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <string>

#include "cli/output.h"
#include "cli/replay.h"

namespace writ::cli {

std::string replay_text(const Replay& replay, const Palette& palette);
google::protobuf::Struct replay_document(const Replay& replay, const std::string& version);

}  // namespace writ::cli
