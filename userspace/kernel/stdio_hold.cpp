#include "kernel/stdio_hold.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "util/unique_fd.h"

namespace writ::kernel {
namespace {

UniqueFd open_server(std::uint32_t pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

bool signal_server(const UniqueFd& process, int signal) {
  return syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0) == 0;
}

// The process's descriptor for the pipe or socket with that inode. Mostly it is 1.
std::optional<int> descriptor_of(std::uint32_t pid, std::uint64_t inode) {
  std::error_code error;
  const std::string folder = fmt::format("/proc/{}/fd", pid);
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string target = std::filesystem::read_symlink(entry.path(), error).native();
    if (target == fmt::format("pipe:[{}]", inode) || target == fmt::format("socket:[{}]", inode))
      return std::stoi(entry.path().filename().native());
  }
  return std::nullopt;
}

Status busy(const char* why) { return fail(ErrorCode::kUnavailable, "{}", why); }

bool has(int map, const ServerId& server) {
  std::uint64_t thread = 0;
  return bpf_map_lookup_elem(map, &server.pid, &thread) == 0 &&
         thread == (std::uint64_t{server.pid} << 32 | server.tid);
}

std::vector<ServerId> all_in(int map) {
  std::vector<ServerId> all;
  std::uint32_t pid = 0;
  std::uint64_t thread = 0;
  for (const std::uint32_t* last = nullptr; bpf_map_get_next_key(map, last, &pid) == 0;
       last = &pid) {
    if (bpf_map_lookup_elem(map, &pid, &thread) == 0)
      all.push_back({.pid = pid, .tid = static_cast<std::uint32_t>(thread)});
  }
  return all;
}

// All of it or nothing, and without waiting: it is the server's own open file, which may block.
Status write_line(const UniqueFd& output, std::string_view line) {
  struct stat about = {};
  if (fstat(output.get(), &about) != 0) return fail_errno(errno, "look at a server's output");
  ssize_t done = -1;
  if (S_ISSOCK(about.st_mode)) {
    done = send(output.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    // A pipe that polls writable has room for PIPE_BUF bytes (pipe(7)).
    pollfd room = {.fd = output.get(), .events = POLLOUT, .revents = 0};
    if (poll(&room, 1, 0) != 1 || (room.revents & POLLERR) != 0) {
      return busy("nobody reads what the server says");
    }
    done = write(output.get(), line.data(), line.size());
  }
  if (done == static_cast<ssize_t>(line.size())) return {};
  if (done < 0 && errno == EAGAIN) return busy("nobody reads what the server says");
  if (done < 0) return fail_errno(errno, "answer in a server's name");
  return fail(ErrorCode::kIo, "an answer in a server's name was cut after {} bytes", done);
}

}  // namespace

bool StdioHold::read(std::uint32_t pid, writ_server& out) const {
  return bpf_map_lookup_elem(maps_.servers, &pid, &out) == 0;
}

void StdioHold::pass_over(std::uint32_t pid) {
  writ_server server = {};
  // (void): with no room for it, it is asked about again.
  if (read(pid, server)) (void)bpf_map_update_elem(maps_.plain, &pid, &server.input, BPF_ANY);
}

Status StdioHold::overwrite(std::uint32_t pid, std::uint64_t address, std::string_view bytes) {
  const iovec local{.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is an address in another process
  const iovec remote{.iov_base = reinterpret_cast<void*>(address), .iov_len = bytes.size()};
  if (process_vm_writev(static_cast<pid_t>(pid), &local, 1, &remote, 1, 0) ==
      static_cast<ssize_t>(bytes.size())) {
    return {};
  }
  return fail_errno(errno, "change what a server has read");
}

Status StdioHold::say(std::uint32_t pid, std::string_view line) {
  const UniqueFd process = open_server(pid);
  writ_server server = {};
  if (!process || !read(pid, server)) return fail(ErrorCode::kNotFound, "the server has ended");
  if (server.writing != 0 || server.open != 0) return busy("the server is saying something");
  const auto number = descriptor_of(pid, server.output);
  if (!number) return fail(ErrorCode::kNotFound, "the server has closed its standard output");
  const UniqueFd output(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), *number, 0)));
  if (!output) return fail_errno(errno, "open a server's standard output");
  return write_line(output, line);
}

bool StdioHold::waits(const ServerId& server) const {
  // In this order: the kernel side takes it out of the first once it is in the second.
  return has(maps_.waiting, server) || has(maps_.stopped, server);
}

bool StdioHold::go_on(const ServerId& server) {
  // Inside of its read it sees that for itself.
  if (has(maps_.waiting, server) && bpf_map_delete_elem(maps_.waiting, &server.pid) == 0)
    return true;
  // The kernel side takes the entry away as the process ends. So the one that was opened before the
  // entry was seen is the one that waits.
  const UniqueFd process = open_server(server.pid);
  if (!process || !has(maps_.stopped, server)) return false;
  // Before it runs: what runs with an entry is killed.
  if (bpf_map_delete_elem(maps_.stopped, &server.pid) != 0) return false;
  return signal_server(process, SIGCONT);
}

bool StdioHold::end(const ServerId& server) {
  const UniqueFd process = open_server(server.pid);
  // The entry stays: should anybody continue it now, it still does not run.
  return process && waits(server) && signal_server(process, SIGKILL);
}

void StdioHold::end_all() {
  for (const int map : {maps_.waiting, maps_.stopped}) {
    for (const ServerId& server : all_in(map)) (void)end(server);  // or it has ended
  }
}

}  // namespace writ::kernel
