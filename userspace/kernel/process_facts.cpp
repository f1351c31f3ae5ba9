#include "kernel/process_facts.h"

#include <fmt/format.h>

#include <algorithm>
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

std::optional<uid_t> to_uid(std::string_view text) {
  uid_t uid = kUnset;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || end != text.data() + text.size() || uid == kUnset) {
    return std::nullopt;
  }
  return uid;
}

std::optional<uid_t> login_uid(const std::string& path) {
  std::ifstream in(path);
  std::string text;
  std::getline(in, text);
  return to_uid(text);
}

// The real one, proc(5) status: a setuid program's effective one, which the owner of the folder in
// /proc shows, is not the account of whoever started it.
std::optional<uid_t> real_uid(const std::string& path) {
  constexpr std::string_view kKey = "Uid:\t";
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(kKey)) continue;
    return to_uid(
        std::string_view(line).substr(kKey.size(), line.find('\t', kKey.size()) - kKey.size()));
  }
  return std::nullopt;
}

// Of a program whose file was replaced while it runs, the path says so, proc(5) exe.
std::string program_path(const std::string& path) {
  constexpr std::string_view kReplaced = " (deleted)";
  std::error_code error;
  std::string program = std::filesystem::read_symlink(path, error).native();
  if (program.ends_with(kReplaced)) program.resize(program.size() - kReplaced.size());
  return program;
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
  ProcessFacts facts{.pid = pid};
  facts.cgroup = cgroup_line(folder + "/cgroup");
  const auto uid = real_uid(folder + "/status");
  if (!uid || facts.cgroup.empty()) {
    return fail(ErrorCode::kNotFound, "process {} has ended", pid);
  }
  facts.uid = *uid;
  facts.login_uid = login_uid(folder + "/loginuid");
  facts.executable = program_path(folder + "/exe");
  if (with_environment) facts.environment = first_bytes(folder + "/environ", kMaxEnvironment);
  return facts;
}

}  // namespace writ::kernel
