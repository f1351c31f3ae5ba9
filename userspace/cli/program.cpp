#include "cli/program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace writ::cli {
namespace {

// 0, or the errno that execve would give for the file itself.
int why_not(const std::string& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return errno;
  if (S_ISDIR(found.st_mode)) return EISDIR;
  if (!S_ISREG(found.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

Result<Program> resolved(const std::string& path) {
  std::error_code error;
  const auto canonical = std::filesystem::canonical(path, error);
  if (error) return fail(ErrorCode::kIo, "resolve {}: {}", path, error.message());
  return Program{.path = path, .canonical = canonical.string()};
}

bool is_absent(int error_number) { return error_number == ENOENT || error_number == ENOTDIR; }

tl::unexpected<Error> cannot_execute(int error_number, const std::string& path) {
  auto error = fail_errno(error_number, "cannot execute {}", path);
  error.value().code = ErrorCode::kDenied;
  return error;
}

}  // namespace

Result<Program> find_program(const std::string& name, const char* search_path) {
  if (name.empty()) return fail(ErrorCode::kNotFound, "the command is empty");
  if (name.find('/') != std::string::npos) {
    const int reason = why_not(name);
    if (reason == 0) return resolved(name);
    if (is_absent(reason)) return fail(ErrorCode::kNotFound, "{}: no such file", name);
    return cannot_execute(reason, name);
  }
  std::string_view rest = search_path != nullptr ? search_path : "/bin:/usr/bin";
  std::string refused;  // like execvp: remember a file without permission, and look on
  int refused_why = 0;
  for (bool more = true; more;) {
    const std::size_t colon = rest.find(':');
    more = colon != std::string_view::npos;
    const std::string_view directory = rest.substr(0, colon);
    const std::string path = directory.empty() ? "./" + name : std::string(directory) + "/" + name;
    const int reason = why_not(path);
    if (reason == 0) return resolved(path);
    if (!is_absent(reason) && refused.empty()) {
      refused = path;
      refused_why = reason;
    }
    if (more) rest.remove_prefix(colon + 1);
  }
  if (!refused.empty()) return cannot_execute(refused_why, refused);
  return fail(ErrorCode::kNotFound, "{}: command not found (is it in PATH?)", name);
}

}  // namespace writ::cli
