#include "identity/unit_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include "util/unique_fd.h"

namespace writ::identity {
namespace {

namespace fs = std::filesystem;

// systemd.unit(5), unit file load path; the first that has a file of a name wins.
constexpr std::array kFolders = {"etc/systemd/system", "run/systemd/system",
                                 "usr/local/lib/systemd/system", "usr/lib/systemd/system",
                                 "lib/systemd/system"};
constexpr std::size_t kMaxFile = 256u << 10;
constexpr std::size_t kMaxDropIns = 256;

bool valid_unit(std::string_view unit) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
  };
  return !unit.empty() && unit.size() < 256 && unit.front() != '.' &&
         std::all_of(unit.begin(), unit.end(), plain);
}

// The file's text; nullopt: it is not there.
Result<std::optional<std::string>> read_trusted(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return std::nullopt;
  if (!fd) return fail_errno(errno, "open {}", path);
  struct stat info = {};
  if (fstat(fd.get(), &info) != 0) return fail_errno(errno, "stat {}", path);
  if (!S_ISREG(info.st_mode)) return std::nullopt;  // /dev/null masks a unit
  if ((info.st_uid != 0 && info.st_uid != geteuid()) || (info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return fail(ErrorCode::kDenied, "{} can be written by others than root, so it names nobody",
                path);
  }
  std::string text(kMaxFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read {}", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxFile) return fail(ErrorCode::kInvalid, "{} is over {} bytes", path, kMaxFile);
  text.resize(size);
  return text;
}

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Takes over what the file's [X-Writ] sections say; later lines win, as in systemd.
Status read_section(const std::string& path, const std::string& text, UnitPerson& out) {
  std::istringstream lines(text);
  std::string raw;
  bool inside = false;
  for (int number = 1; std::getline(lines, raw); ++number) {
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      inside = line == "[X-Writ]";
      continue;
    }
    if (!inside) continue;
    const auto equals = line.find('=');
    const std::string_view key = trim(line.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? "" : trim(line.substr(equals + 1));
    if (equals != std::string_view::npos && key == "User") {
      out.user = value;
    } else if (equals != std::string_view::npos && key == "Task") {
      out.task = value;
    } else {
      return fail(ErrorCode::kInvalid, "{}:{}: in [X-Writ] there are User= and Task= only", path,
                  number);
    }
  }
  return {};
}

// "a@.service" of "a@b.service", else empty.
std::string template_of(std::string_view unit) {
  const auto at = unit.find('@');
  const auto dot = unit.rfind('.');
  if (at == std::string_view::npos || dot == std::string_view::npos || dot < at + 1) return {};
  return std::string(unit.substr(0, at + 1)) + std::string(unit.substr(dot));
}

// Takes up the drop-ins of one folder whose names no earlier folder had. False: too many.
bool add_drop_ins(const fs::path& folder, std::vector<fs::path>& found) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path& path = entry.path();
    // A hidden file is an editor's, not systemd's.
    if (path.extension() != ".conf" || path.filename().native().front() == '.') continue;
    const bool known = std::any_of(found.begin(), found.end(), [&](const fs::path& other) {
      return other.filename() == path.filename();
    });
    if (known) continue;
    if (found.size() == kMaxDropIns) return false;
    found.push_back(path);
  }
  return true;
}

// Paths of a unit's drop-ins, in the order in which they apply: by file name, whatever the folder,
// and of one file name only the first that is met: an instance's before its template's, in one
// folder after the other.
Result<std::vector<std::string>> drop_ins(const std::string& root,
                                          const std::vector<std::string>& names) {
  std::vector<fs::path> found;
  for (const char* folder : kFolders) {
    for (const std::string& name : names) {
      if (!add_drop_ins(fs::path(root) / folder / (name + ".d"), found)) {
        return fail(ErrorCode::kInvalid, "more than {} drop-ins of {}", kMaxDropIns, names.front());
      }
    }
  }
  std::sort(found.begin(), found.end(),
            [](const fs::path& a, const fs::path& b) { return a.filename() < b.filename(); });
  return std::vector<std::string>(found.begin(), found.end());
}

}  // namespace

Result<std::optional<UnitPerson>> read_unit_person(const std::string& root, std::string_view unit) {
  if (!valid_unit(unit)) return fail(ErrorCode::kInvalid, "that is no unit's name");
  const std::string instance(unit);
  const std::string common = template_of(unit);
  std::vector<std::string> names{instance};
  if (!common.empty()) names.push_back(common);
  std::vector<std::string> files;
  // The unit's own file, or else its template's.
  for (const std::string& name : names) {
    for (const char* folder : kFolders) {
      const fs::path path = fs::path(root) / folder / name;
      std::error_code error;
      if (files.empty() && fs::exists(path, error)) files.push_back(path);
    }
  }
  const auto more = drop_ins(root, names);
  if (!more) return tl::unexpected(more.error());
  files.insert(files.end(), more->begin(), more->end());
  UnitPerson person;
  for (const std::string& file : files) {
    const auto text = read_trusted(file);
    if (!text) return tl::unexpected(text.error());
    if (!*text) continue;
    if (Status read = read_section(file, **text, person); !read) {
      return tl::unexpected(read.error());
    }
  }
  if (person.user.empty()) return std::nullopt;
  return person;
}

}  // namespace writ::identity
