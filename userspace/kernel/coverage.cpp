#include "kernel/coverage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace writ::kernel {
namespace {

constexpr const char* kLibraryFolders[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64",
    "/usr/local/lib",        "/usr/local/lib64"};
constexpr const char* kSystemLibraries[] = {"libssl.so.3", "libcrypto.so.3"};
constexpr int kMaxInterpreters = 4;  // as execve(2) follows them

bool is_tls_library(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string_view name = std::string_view(path).substr(slash + 1);
  return name.starts_with("libssl") || name.starts_with("libcrypto");
}

// TLS libraries that are known and that Writ cannot see into yet.
bool is_foreign_tls(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string_view name = std::string_view(path).substr(slash + 1);
  return name.starts_with("libgnutls") || name.starts_with("libnss3") ||
         name.starts_with("libssl3.so") || name.starts_with("libmbedtls") ||
         name.starts_with("libwolfssl");
}

std::string in_path(const std::string& name) {
  std::istringstream folders("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string path = fmt::format("{}/{}", folder, name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

// The interpreter that a script names in its first line, or "".
std::string interpreter(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  char magic[2] = {};
  if (!in.read(magic, 2) || magic[0] != '#' || magic[1] != '!') return "";
  std::string line;
  line.resize(256);
  in.getline(line.data(), static_cast<std::streamsize>(line.size()));
  std::istringstream words(line.c_str());
  std::string program;
  std::string argument;
  words >> program;
  while (words >> argument) {
    if (program.ends_with("/env") && argument.find('=') == std::string::npos && argument[0] != '-')
      return in_path(argument);
  }
  return program;
}

// Files that a process has mapped executable, without doubles.
std::set<std::string> mapped_files(std::uint32_t pid) {
  std::set<std::string> files;
  std::ifstream in(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(in, line);) {
    // 7f...-7f... r-xp offset dev inode   path
    const auto permissions = line.find(' ');
    const auto path = line.find('/');
    if (path == std::string::npos || permissions == std::string::npos) continue;
    if (line.compare(permissions + 3, 1, "x") == 0) files.insert(line.substr(path));
  }
  return files;
}

std::string executable_of(std::uint32_t pid) {
  std::error_code error;
  return std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid), error);
}

}  // namespace

Status Coverage::cover_file(const std::string& path, const std::string& name) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return fail_errno(errno, "stat {}", path);
  const Inode inode(info.st_dev, info.st_ino);
  if (seen_.contains(inode)) return {};
  const auto found = tap_.attach_tls(path);
  if (!found) {
    if (found.error().code == ErrorCode::kInvalid) {  // a script, or not ELF: nothing to cover
      seen_[inode] = {name, 0};
      return {};
    }
    return tl::unexpected(found.error());
  }
  seen_[inode] = {name, *found};
  return {};
}

Status Coverage::cover_system() {
  for (const char* library : kSystemLibraries) {
    for (const char* folder : kLibraryFolders) {
      const std::string path = fmt::format("{}/{}", folder, library);
      if (access(path.c_str(), R_OK) != 0) continue;
      if (Status covered = cover_file(path, path); !covered) return covered;
    }
  }
  return {};
}

Status Coverage::cover_executable(const std::string& path) {
  std::string file = path;
  for (int i = 0; i < kMaxInterpreters && !file.empty(); ++i) {
    if (Status covered = cover_file(file, file); !covered) return covered;
    file = interpreter(file);
  }
  return {};
}

Status Coverage::cover_process(std::uint32_t pid, std::chrono::milliseconds at_most_every) {
  const auto now = std::chrono::steady_clock::now();
  const auto last = looked_.find(pid);
  if (last != looked_.end() && now - last->second < at_most_every) return {};
  looked_[pid] = now;
  const std::string root = fmt::format("/proc/{}/root", pid);
  if (Status covered = cover_file(fmt::format("/proc/{}/exe", pid), executable_of(pid)); !covered) {
    return covered;
  }
  for (const std::string& file : mapped_files(pid)) {
    if (!is_tls_library(file)) continue;
    if (Status covered = cover_file(root + file, file); !covered) return covered;
  }
  return {};
}

ProcessCoverage Coverage::status(std::uint32_t pid) const {
  ProcessCoverage answer{.pid = pid, .exe = executable_of(pid)};
  const auto functions = [&](const std::string& path) {
    struct stat info = {};
    if (stat(path.c_str(), &info) != 0) return 0;
    const auto found = seen_.find(Inode(info.st_dev, info.st_ino));
    return found == seen_.end() ? -1 : found->second.second;
  };
  if (functions(fmt::format("/proc/{}/exe", pid)) > 1) {
    answer.covered = true;
    answer.why = "its own TLS functions carry probes";
    return answer;
  }
  answer.covered = true;
  answer.why = "has no TLS library mapped; cleartext is seen at its socket calls";
  for (const std::string& file : mapped_files(pid)) {
    if (is_foreign_tls(file)) {
      answer.covered = false;
      answer.why = fmt::format(
          "{} is not covered: what it encrypts is opaque, and is held (see on_opaque)", file);
      return answer;
    }
    if (!is_tls_library(file)) continue;
    if (functions(fmt::format("/proc/{}/root{}", pid, file)) <= 0) {
      answer.covered = false;
      answer.why = fmt::format("{} carries no probes: what it encrypts is held as opaque", file);
      return answer;
    }
    answer.why = fmt::format("{} carries probes", file);
  }
  return answer;
}

std::vector<std::string> Coverage::files() const {
  std::vector<std::string> all;
  for (const auto& [inode, file] : seen_) {
    if (file.second > 0) all.push_back(file.first);
  }
  return all;
}

}  // namespace writ::kernel
