// The one way a function of ours fails: Result<T> holds a value or an Error.
//
//   Result<UniqueFd> fd = open_socket(path);
//   if (!fd) return context(fd.error(), "start the control socket");
//   use(*fd);
//
// Context is added on the way up, so that the whole reads as a sentence that says what to do.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace writ {

// What a caller can act on. Everything finer belongs in the message.
enum class ErrorCode {
  kInvalid,      // the input is wrong; the message says where
  kNotFound,     // a named thing does not exist
  kDenied,       // the caller may not
  kUnavailable,  // a peer, a kernel feature or a resource is not there
  kCorrupt,      // stored bytes are not what was written
  kIo,           // the operating system refused
  kInternal,     // our own mistake
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
};

// tl::expected, but a result that nobody looks at is a compiler error.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};
using Status = Result<void>;

template <class... Args>
tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  return tl::unexpected(Error{code, fmt::format(text, std::forward<Args>(args)...)});
}

// fail() with ": <strerror(error_number)>" behind the text.
template <class... Args>
tl::unexpected<Error> fail_errno(int error_number, fmt::format_string<Args...> text,
                                 Args&&... args) {
  return tl::unexpected(
      Error{ErrorCode::kIo, fmt::format(text, std::forward<Args>(args)...) + ": " +
                                std::strerror(error_number)});  // NOLINT(concurrency-mt-unsafe)
}

// The same error with "<what>: " before its message.
inline tl::unexpected<Error> context(Error error, std::string_view what) {
  error.message.insert(0, fmt::format("{}: ", what));
  return tl::unexpected(std::move(error));
}

}  // namespace writ
