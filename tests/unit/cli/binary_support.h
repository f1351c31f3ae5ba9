// The real `writ` binary, started against a writd that the test plays on a thread of its own.
#pragma once

#include <fcntl.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "daemon/control_support.h"

namespace writ::cli {

inline std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// Serves <root>/run/writ/control.sock. By default it approves every run and acknowledges its end.
class FakeWritd : public daemon::ControlHandler {
 public:
  using Answer = std::function<v1::ControlResponse(const v1::ControlRequest&)>;

  explicit FakeWritd(const std::string& root, Answer answer = approve)
      : answer_(std::move(answer)) {
    auto made = daemon::ControlServer::listen(root + "/run/writ/control.sock", *this);
    if (!made) std::abort();
    server_ = std::move(*made);
    thread_ = std::thread([this] {
      pollfd ready{.fd = server_->epoll_fd(), .events = POLLIN, .revents = 0};
      while (!stop_) {
        if (::poll(&ready, 1, 5) > 0) server_->on_ready();
      }
    });
  }
  ~FakeWritd() override {
    stop_ = true;
    thread_.join();
  }
  FakeWritd(const FakeWritd&) = delete;
  FakeWritd& operator=(const FakeWritd&) = delete;

  static v1::ControlResponse approve(const v1::ControlRequest& request) {
    v1::ControlResponse response = daemon::done_response();
    if (request.has_run()) {
      response.mutable_run()->set_session_id("s-1");
      response.mutable_run()->set_user("sarah");
      response.mutable_run()->set_mode(v1::MODE_ENFORCE);
    }
    return response;
  }
  static v1::ControlResponse refuse(ErrorCode code, const std::string& message) {
    return daemon::error_response({code, message});
  }

  void handle(const daemon::Peer& peer, const v1::ControlRequest& request, daemon::ConnectionId,
              daemon::Responder& responder) override {
    {
      const std::scoped_lock lock(mutex_);
      seen_.push_back(request);
      pids_.push_back(peer.pid);
    }
    if (answer_) (void)responder.send(answer_(request));  // the client may have gone
  }
  void on_disconnect(daemon::ConnectionId) override {}

  std::vector<v1::ControlRequest> seen() {
    const std::scoped_lock lock(mutex_);
    return seen_;
  }
  std::vector<pid_t> pids() {
    const std::scoped_lock lock(mutex_);
    return pids_;
  }

 private:
  Answer answer_;
  std::unique_ptr<daemon::ControlServer> server_;
  std::mutex mutex_;
  std::vector<v1::ControlRequest> seen_;
  std::vector<pid_t> pids_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// A started program whose output goes to files.
class Started {
 public:
  Started(const std::vector<std::string>& command, const std::string& directory)
      : out_(directory + "/stdout"), err_(directory + "/stderr") {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    // A process group of its own below a living session, as a shell makes it: job control works.
    (void)::setpgid(0, 0);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    const int in = ::open("/dev/null", O_RDONLY);
    const int out = ::open(out_.c_str(), flags, 0600);
    const int err = ::open(err_.c_str(), flags, 0600);
    if (::dup2(in, 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) ::_exit(99);
    ::close(in);
    ::close(out);
    ::close(err);
    ::execv(arguments[0], arguments.data());
    ::_exit(98);
  }
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;
  ~Started() {
    if (!ended_) {
      (void)::kill(-pid_, SIGKILL);
      (void)::waitpid(pid_, nullptr, 0);
    }
  }

  int wait() {
    int status = 0;
    (void)::waitpid(pid_, &status, 0);
    ended_ = true;
    return status;
  }
  // Waits until it has ended; its exit code, or -n when signal n killed it.
  int exit_code() {
    const int status = wait();
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string out() const { return read_file(out_); }
  [[nodiscard]] std::string err() const { return read_file(err_); }

 private:
  std::string out_;
  std::string err_;
  pid_t pid_ = -1;
  bool ended_ = false;
};

}  // namespace writ::cli
