// What `writ` exits with. Part of the interface: scripts depend on it, numbers are never reused.
#pragma once

#include "util/result.h"

namespace writ::cli {

enum ExitCode : int {
  kOk = 0,
  kFailed = 1,       // it was done, and the answer is no: a doctor check, a policy error, a broken
                     // audit, a call that `policy explain` finds denied; also any failure that has
                     // no number of its own
  kUsage = 2,        // the command line, or what it names, is wrong
  kUnavailable = 3,  // writd does not answer
  kDenied = 4,       // the caller may not
  kNotFound = 5,     // no such call, session, user, agent, file
  kVerdictDeny = 6,  // `writ decide`: it was decided, and the verdict is deny

  // `writ run`, as env(1) and the shells do: below 125 is CMD's own exit code.
  kNotRun = 125,           // CMD never ran; the message says why
  kCannotExecute = 126,    // CMD was found and cannot be executed
  kCommandNotFound = 127,  // CMD was not found
  kSignalBase = 128,       // CMD died of signal n: `writ` dies of it too; else 128 + n
};

inline ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return kUsage;
    case ErrorCode::kNotFound:
      return kNotFound;
    case ErrorCode::kDenied:
      return kDenied;
    case ErrorCode::kUnavailable:
      return kUnavailable;
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return kFailed;
  }
  return kFailed;
}

}  // namespace writ::cli
