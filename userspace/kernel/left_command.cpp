#include "kernel/left_command.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

#include "util/unique_fd.h"

namespace writ::kernel {
namespace {

struct Stat {
  char state = 0;
  pid_t parent = 0;
  std::uint64_t start_stack = 0;
};

std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// proc(5), stat: the fields behind the name, which is in brackets and may hold any character.
std::optional<Stat> stat_of(const std::string& folder) {
  constexpr int kStartStack = 28;
  const std::string line = first_line(folder + "/stat");
  const auto bracket = line.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(bracket + 1));
  Stat stat;
  std::string skip;
  fields >> stat.state >> stat.parent;
  for (int field = 5; field < kStartStack; ++field) fields >> skip;
  fields >> stat.start_stack;
  return fields ? std::optional(stat) : std::nullopt;
}

// proc(5), syscall: the number, six arguments where it is within one, stack pointer, instruction.
// At the end of execve(2) the number may still be there.
std::optional<std::uint64_t> stack_pointer(const std::string& folder) {
  std::istringstream words(first_line(folder + "/syscall"));
  std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
  if (all.size() < 3) return std::nullopt;
  const std::string& word = all[all.size() - 2];
  if (!word.starts_with("0x")) return std::nullopt;
  std::uint64_t stack = 0;
  const auto [end, bad] = std::from_chars(word.data() + 2, word.data() + word.size(), stack, 16);
  return bad == std::errc() ? std::optional(stack) : std::nullopt;
}

// Stopped, and its stack is still as the kernel made it: it has not run.
bool stopped_at_exec(const std::string& folder, const Stat& stat) {
  return stat.state == 'T' && stat.start_stack != 0 && stack_pointer(folder) == stat.start_stack;
}

std::uint64_t now_ns() {
  timespec now = {};
  (void)clock_gettime(CLOCK_MONOTONIC, &now);  // cannot fail with this clock
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

std::optional<LeftCommand> left_command(const std::string& proc, pid_t pid) {
  const std::string folder = fmt::format("{}/{}", proc, pid);
  const auto stat = stat_of(folder);
  if (!stat || !stopped_at_exec(folder, *stat)) return std::nullopt;
  LeftCommand left;
  std::ifstream in(folder + "/cmdline", std::ios::binary);
  left.arguments.resize(WRIT_ARGUMENTS_MAX + 1);
  in.read(left.arguments.data(), static_cast<std::streamsize>(left.arguments.size()));
  left.arguments.resize(static_cast<std::size_t>(in.gcount()));
  left.event.flags = WRIT_COMMAND_HELD;
  if (left.arguments.size() > WRIT_ARGUMENTS_MAX) {
    left.event.flags |= WRIT_COMMAND_CUT;
    left.arguments.resize(WRIT_ARGUMENTS_MAX);
  }
  left.event.head.type = WRIT_EVENT_COMMAND;
  left.event.head.size = static_cast<std::uint32_t>(left.arguments.size());
  left.event.head.pid = left.event.head.tid = static_cast<std::uint32_t>(pid);
  left.event.head.time_ns = now_ns();
  left.event.parent = static_cast<std::uint32_t>(stat->parent);
  return left;
}

void end_left_command(const std::string& proc, pid_t pid) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process || !left_command(proc, pid)) return;
  // (void): it can only have ended by itself.
  (void)syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

namespace {

// Of the process's system call, where it is the first argument, the descriptor's link; else empty.
std::string link_of_read(const std::string& folder) {
  std::istringstream words(first_line(folder + "/syscall"));
  long number = -1;
  std::string first;
  words >> number >> first;
  const bool reads = number == SYS_read || number == SYS_readv || number == SYS_recvfrom ||
                     number == SYS_recvmsg || number == SYS_preadv2;
  if (!words || !reads || !first.starts_with("0x")) return {};
  std::uint64_t descriptor = 0;
  std::from_chars(first.data() + 2, first.data() + first.size(), descriptor, 16);
  std::error_code error;
  const auto link =
      std::filesystem::read_symlink(fmt::format("{}/fd/{}", folder, descriptor), error);
  return link.native();
}

}  // namespace

void end_left_reader(const std::string& proc, pid_t pid) {
  const std::string folder = fmt::format("{}/{}", proc, pid);
  // Opened first: it is the process that was looked at.
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const auto stat = stat_of(folder);
  if (!process || !stat || stat->state != 'T') return;
  const std::string link = link_of_read(folder);
  std::error_code error;
  const auto input = std::filesystem::read_symlink(folder + "/fd/0", error);
  const bool other = link.starts_with("pipe:") || link.starts_with("socket:");
  if (!other || input.native() != link) return;
  (void)syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);  // or it has ended
}

}  // namespace writ::kernel
