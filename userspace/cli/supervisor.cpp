#include "cli/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <optional>

#include "cli/exit_code.h"
#include "util/framing.h"

namespace writ::cli {
namespace {

constexpr std::array kForwarded{SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                                SIGUSR2, SIGALRM, SIGWINCH, SIGCONT, SIGTSTP};

// A process asked, not the terminal driver: the signal went to us and maybe to nobody else.
bool sent_by_process(const signalfd_siginfo& info) {
  return info.ssi_code == SI_USER || info.ssi_code == SI_QUEUE || info.ssi_code == SI_TKILL;
}

bool is_job_control(int signal) {
  // SIGSTOP is left out: writd itself stops governed processes with it for a moment.
  return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

// Stops this process as the child was stopped, so that the shell gets the terminal back. Returns
// when the shell has continued us.
void stop_like(int signal, pid_t child) {
  sigset_t only{};
  (void)sigemptyset(&only);
  (void)sigaddset(&only, signal);
  sigset_t before{};
  (void)sigprocmask(SIG_UNBLOCK, &only, &before);
  (void)raise(signal);
  (void)sigprocmask(SIG_SETMASK, &before, nullptr);
  (void)::kill(child, SIGCONT);  // `fg` reaches the whole group; `kill -CONT` of us alone does not
}

// The wait status once the child has ended. Handles its stops on the way.
std::optional<int> reap(pid_t child) {
  for (;;) {
    int status = 0;
    const pid_t got = ::waitpid(child, &status, WNOHANG | WUNTRACED);
    if (got < 0 && errno == EINTR) continue;
    if (got != child) return std::nullopt;
    if (!WIFSTOPPED(status)) return status;
    if (is_job_control(WSTOPSIG(status))) stop_like(WSTOPSIG(status), child);
  }
}

// False at the end of the pipe.
bool read_report(int pipe, std::string& report) {
  std::array<char, 4096> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  const ssize_t got = ::read(pipe, bytes.data(), bytes.size());
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0 || report.size() > kMaxFrameBytes) return false;
  report.append(bytes.data(), static_cast<std::size_t>(got));
  return true;
}

}  // namespace

Result<SignalBlock> SignalBlock::block() {
  SignalBlock made;
  sigset_t set{};
  (void)sigemptyset(&set);
  (void)sigaddset(&set, SIGCHLD);
  for (const int signal : kForwarded) (void)sigaddset(&set, signal);
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;  // inherited as ignored, it would take the exit code away
  if (sigaction(SIGCHLD, &plain, &made.child_before_) != 0) return fail_errno(errno, "set SIGCHLD");
  if (sigprocmask(SIG_BLOCK, &set, &made.before_) != 0) return fail_errno(errno, "block signals");
  made.fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!made.fd_) return fail_errno(errno, "create a signalfd");
  return made;
}

void SignalBlock::restore() const {
  (void)sigaction(SIGCHLD, &child_before_, nullptr);
  (void)sigprocmask(SIG_SETMASK, &before_, nullptr);
}

Result<Ended> supervise(pid_t child, const SignalBlock& signals, UniqueFd report_pipe) {
  (void)::fcntl(report_pipe.get(), F_SETFL, O_NONBLOCK);  // poll() guards the reads as well
  Ended ended;
  for (;;) {
    std::array<pollfd, 2> ready{pollfd{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = report_pipe.get(), .events = POLLIN, .revents = 0}};
    if (::poll(ready.data(), ready.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return fail_errno(errno, "wait for the command");
    }
    if (ready[1].revents != 0 && !read_report(report_pipe.get(), ended.report)) report_pipe.reset();

    signalfd_siginfo info{};
    while (::read(signals.fd(), &info, sizeof info) == sizeof info) {
      const int signal = static_cast<int>(info.ssi_signo);
      if (signal != SIGCHLD && sent_by_process(info)) (void)::kill(child, signal);
    }
    const std::optional<int> status = reap(child);
    if (!status.has_value()) continue;
    ended.wait_status = status.value();
    while (report_pipe && read_report(report_pipe.get(), ended.report)) {
      pollfd rest{.fd = report_pipe.get(), .events = POLLIN, .revents = 0};
      if (::poll(&rest, 1, 0) <= 0) break;  // the writer is gone: what is there is all
    }
    return ended;
  }
}

int exit_code_of_status(int wait_status) {
  return WIFSIGNALED(wait_status) ? kSignalBase + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

void die_like(int wait_status) {
  if (!WIFSIGNALED(wait_status)) return;
  const int signal = WTERMSIG(wait_status);
  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  (void)sigaction(signal, &plain, nullptr);  // fails for SIGKILL, which needs none
  sigset_t only{};
  (void)sigemptyset(&only);
  (void)sigaddset(&only, signal);
  (void)raise(signal);
  (void)sigprocmask(SIG_UNBLOCK, &only, nullptr);
}

}  // namespace writ::cli
