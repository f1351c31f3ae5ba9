#include "kernel/process_facts.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <filesystem>
#include <fstream>

namespace writ::kernel {
namespace {

constexpr uid_t kUnset = static_cast<uid_t>(-1);  // proc(5), loginuid

std::string cgroup_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("0::")) return line.substr(3);  // cgroups(7)
  }
  return {};
}

std::optional<uid_t> login_uid(const std::string& path) {
  std::ifstream in(path);
  std::string text;
  std::getline(in, text);
  uid_t uid = kUnset;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || end != text.data() + text.size() || uid == kUnset) {
    return std::nullopt;
  }
  return uid;
}

std::string first_bytes(const std::string& path, std::size_t limit) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(limit, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(limit));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return bytes;
}

}  // namespace

Result<ProcessFacts> facts_of(const std::string& proc, pid_t pid, bool with_environment) {
  const std::string folder = fmt::format("{}/{}", proc, pid);
  struct stat info = {};
  ProcessFacts facts{.pid = pid};
  facts.cgroup = cgroup_line(folder + "/cgroup");
  if (stat(folder.c_str(), &info) != 0 || facts.cgroup.empty()) {
    return fail(ErrorCode::kNotFound, "process {} has ended", pid);
  }
  facts.uid = info.st_uid;
  facts.login_uid = login_uid(folder + "/loginuid");
  std::error_code error;
  facts.executable = std::filesystem::read_symlink(folder + "/exe", error).native();
  if (with_environment) facts.environment = first_bytes(folder + "/environ", kMaxEnvironment);
  return facts;
}

}  // namespace writ::kernel
