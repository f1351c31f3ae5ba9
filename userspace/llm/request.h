// What a request asks of a model, as far as the record has it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "llm/api.h"

namespace writ::llm {

struct Request {
  std::string model;  // as asked for; at most kMaxModel bytes
  bool stream = false;
  // Every text that tells the model how to behave, in the order of the request, an LF between two:
  // the messages of roles "system" and "developer", `instructions`, `system`, `systemInstruction`.
  std::string system;
};

inline constexpr std::size_t kMaxModel = 128;

// nullopt: whatever the path says, it is no request of this API. `body` is JSON without its
// codings.
std::optional<Request> read_request(Api api, std::string_view path, std::string_view body);

// What the path alone says, for a body that cannot be read.
Request request_of_path(Api api, std::string_view path);

}  // namespace writ::llm
