// writ_floor -- CMD ARGUMENT...: runs CMD with every byte held and released at once, and exits with
// its exit code.
//
// For TLS only: long blocking sends of cleartext need somebody who reads them while they wait
// (flow/flow_table.h).
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "bare_mechanism.h"
#include "kernel/cgroup.h"

namespace {

using namespace writ;  // NOLINT(google-build-using-namespace): this is the program

constexpr int kTickMs = 10;   // as writd looks for events that nothing waits for
constexpr int kNice = -20;    // as writd has it
constexpr int kNotRun = 125;  // as `writ run` has it

std::string in_path(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* folders = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  std::string rest = folders != nullptr ? folders : "/usr/bin:/bin";
  while (!rest.empty()) {
    const auto end = rest.find(':');
    std::string path = rest.substr(0, end) + "/" + name;
    if (access(path.c_str(), X_OK) == 0) return path;
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  return name;
}

// The child waits until it stands in its cgroup, so that no byte of it goes by unseen.
[[noreturn]] void become(int gate, const sigset_t& signals, char** command) {
  char go = 0;
  if (read(gate, &go, 1) != 1) _exit(kNotRun);
  (void)sigprocmask(SIG_UNBLOCK, &signals, nullptr);  // cannot fail with these arguments
  execvp(command[0], command);
  std::perror(command[0]);
  _exit(kNotRun);
}

// Serves the events until the child has ended; its exit code as a shell would give it.
Result<int> serve(kernel::Tap& tap, pid_t child, const sigset_t& signals) {
  UniqueFd ended(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));
  UniqueFd stop(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!ended || !stop || !epoll) return fail_errno(errno, "make the event loop");
  for (const int fd : {tap.epoll_fd(), ended.get(), stop.get()}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno(errno, "watch");
  }
  while (true) {
    std::array<epoll_event, 8> events;
    const int count =
        epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), kTickMs);
    if (count < 0 && errno != EINTR) return fail_errno(errno, "wait for events");
    if (Status consumed = tap.consume(); !consumed) return tl::unexpected(consumed.error());
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == stop.get()) {
        signalfd_siginfo info;
        if (read(fd, &info, sizeof info) == sizeof info) (void)kill(child, SIGTERM);
      } else if (fd == ended.get()) {
        int status = 0;
        if (waitpid(child, &status, 0) != child) return fail_errno(errno, "wait for the command");
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
    }
  }
}

Result<int> run(char** command) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return fail_errno(errno, "block signals");
  const auto mount = kernel::find_cgroup2("/proc/self/mountinfo");
  if (!mount) return tl::unexpected(mount.error());
  bench::BareMechanism mechanism;
  auto tap = kernel::Tap::open({.cgroup_root = mount->path}, mechanism);
  if (!tap) return context(tap.error(), "attach to the kernel");
  kernel::Coverage coverage(**tap);
  mechanism.use(**tap, coverage);
  Status covered = coverage.cover_system();
  std::error_code error;
  const auto program = std::filesystem::canonical(in_path(command[0]), error);
  if (error) return fail(ErrorCode::kNotFound, "{}: {}", command[0], error.message());
  if (covered) covered = coverage.cover_executable(program);
  if (!covered) return tl::unexpected(covered.error());
  auto cgroup = kernel::SessionCgroup::create(*mount, fmt::format("floor-{}", getpid()));
  if (!cgroup) return tl::unexpected(cgroup.error());

  std::array<int, 2> gate = {-1, -1};
  if (pipe2(gate.data(), O_CLOEXEC) != 0) return fail_errno(errno, "create a pipe");
  UniqueFd wait_end(gate[0]);
  UniqueFd go_end(gate[1]);
  const pid_t child = fork();
  if (child < 0) return fail_errno(errno, "fork");
  if (child == 0) {
    go_end.reset();  // or the child would wait for itself if this process failed
    become(wait_end.get(), signals, command);
  }
  (void)setpriority(PRIO_PROCESS, 0, kNice);  // worth having, not needed
  Status ready = (*tap)->add_session(cgroup->id(), cgroup->level(), {.mode = WRIT_MODE_ENFORCE});
  if (ready) ready = cgroup->add(child);
  if (ready && write(go_end.get(), "g", 1) != 1) ready = fail_errno(errno, "start the command");
  go_end.reset();
  Result<int> code = ready ? serve(**tap, child, signals) : tl::unexpected(ready.error());
  if (!code) {
    (void)kill(child, SIGKILL);
    (void)waitpid(child, nullptr, 0);
  }
  (*tap)->remove_session(cgroup->id());
  for (int i = 0; i < 100 && !cgroup->remove(); ++i)
    usleep(10'000);  // the child may still be on its way out
  kernel::remove_sessions_folder(*mount);
  if (code && mechanism.failed() != 0) {
    return fail(ErrorCode::kIo, "{} releases failed", mechanism.failed());
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || std::string(argv[1]) != "--") {
    (void)std::fprintf(stderr, "usage: writ_floor -- CMD ARGUMENT...\n");
    return kNotRun;
  }
  const auto code = run(argv + 2);
  if (code) return *code;
  (void)std::fprintf(stderr, "writ_floor: %s\n", code.error().message.c_str());
  return kNotRun;
}
