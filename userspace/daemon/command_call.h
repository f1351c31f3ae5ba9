// A program that is started, as the same Call that is read off a connection.
//
//   protocol  "exec", method "EXEC", no host
//   path      the file that runs, links resolved: of a script its interpreter
//   body      {"argv": [...], "cwd": "/home/agent", "file": "./build.sh", "digest": "sha256:...",
//              "script": true, "parent": {"exe": "/usr/bin/bash"}}
//
// Bytes of a command line that are no UTF-8 stand in the body as they are, which then is no JSON:
// what cannot be read in one way only is undefined for rules.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "audit/key.h"
#include "daemon/call.h"
#include "scan/scanner.h"
#include "writ/abi.h"

namespace writ::daemon {

// Where files stand that this host does not have under the name by which a process runs them:
// deleted ones, those made in memory, those of another mount namespace.
inline constexpr const char* kElsewhere = "/?";

// Everything but the digest. `arguments`: each word with its NUL.
Command read_command(const std::string& proc, const writ_event_command& event,
                     std::string_view arguments);

// The path by which policies know the file behind `link`.
std::string program_path(std::string_view link, std::string_view file, bool on_host);

// Scanned and digested; not named and not judged. `keep`: somebody reads the arguments.
std::unique_ptr<Call> make_command_call(Command command, std::string path, scan::Scanner& scanner,
                                        const audit::Key& key, bool keep);

}  // namespace writ::daemon
