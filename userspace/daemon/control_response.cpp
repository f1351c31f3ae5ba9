#include "daemon/control_response.h"

#include <utility>

#include "util/framing.h"

namespace writ::daemon {
namespace {

const char* code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid:
      return "invalid";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kDenied:
      return "denied";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kCorrupt:
    case ErrorCode::kIo:
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace

v1::ControlResponse error_response(const Error& error) {
  v1::ControlResponse response;
  response.set_done(true);
  response.mutable_error()->set_code(code_name(error.code));
  response.mutable_error()->set_message(error.message);
  return response;
}

Encoded encode(const v1::ControlResponse& response) {
  Encoded made{.frame = {}, .done = response.done()};
  if (append_frame(made.frame, response.SerializeAsString())) return made;
  const auto error = error_response(
      {ErrorCode::kInternal, "the answer is too long for one message (ask for less)"});
  (void)append_frame(made.frame, error.SerializeAsString());  // a short text always fits
  made.done = true;
  return made;
}

Posted Responder::send(const v1::ControlResponse& response) {
  Encoded made = encode(response);
  return outbox_.put(id_, std::move(made.frame), made.done);
}

}  // namespace writ::daemon
