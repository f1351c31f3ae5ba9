// What a systemd unit's own configuration says of the person it runs for.
//
//   [X-Writ]
//   User=sarah
//   Task=nightly report
//
// User is a user of the agent's tenant, Task is optional. systemd leaves sections alone whose names
// begin with X-, systemd.unit(5).
//
// Read from the unit's file and its drop-ins (NAME.d/*.conf), of all folders, in systemd's order of
// precedence; a template instance (a@b.service) has those of its template too. Only root can have
// written what counts: a file that others can write is an error, not skipped.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "util/result.h"

namespace writ::identity {

struct UnitPerson {
  std::string user;  // not checked yet
  std::string task;
};

// nullopt: the unit says nothing of a person. kInvalid: `unit` is no unit's name, or a key or its
// value is wrong; kDenied: others than root can write a file. `root` is "/".
Result<std::optional<UnitPerson>> read_unit_person(const std::string& root, std::string_view unit);

}  // namespace writ::identity
