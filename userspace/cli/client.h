// The caller's end of the control socket: blocking, one request after the other.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "control.pb.h"
#include "util/framing.h"
#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::cli {

// <root>/run/writ/control.sock.
std::string control_path(const std::string& root);

class Client {
 public:
  // Refuses a server that runs neither as root nor as the caller: it could only be an impostor.
  // Errors say what to do: start writd, choose another root, ask for permission.
  static Result<Client> connect(const std::string& root);

  Status send(const v1::ControlRequest& request);

  // The next response. A ControlError comes back as an Error with its message. kUnavailable when
  // writd goes away, or when `timeout` (zero: none) passes without an answer.
  Result<v1::ControlResponse> receive(std::chrono::seconds timeout = kAnswerTimeout);

  // Long enough for writd to place probes in a large executable.
  static constexpr std::chrono::seconds kAnswerTimeout{60};

 private:
  explicit Client(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  FrameDecoder decoder_;
};

// Connects, asks, and takes one answer.
Result<v1::ControlResponse> ask(const std::string& root, const v1::ControlRequest& request,
                                std::chrono::seconds timeout = Client::kAnswerTimeout);

// Connects, asks, and hands on every answer, the last one too; `use` says false when it has enough.
Status ask_each(const std::string& root, const v1::ControlRequest& request,
                const std::function<bool(const v1::ControlResponse&)>& use);

}  // namespace writ::cli
