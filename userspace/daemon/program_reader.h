// Reads the files that commands run, on a thread of its own: a file can be long, and its file
// system can keep whoever opens it waiting.
//
//   reader.read({.pid = 7, .link = "/usr/bin/git"}, [](const ProgramFacts& facts) { ... });
//   watch(reader.fd(), EPOLLIN);             // readable: reader.on_ready() calls what is due
//
// Owner: the daemon; all functions belong to its loop thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::daemon {

struct ProgramFacts {
  std::uint64_t inode = 0;  // 0: it could not be looked at
  std::string digest;    // "sha256:" and 64 hex digits; empty: it could not be read, or is too long
  bool on_host = false;  // the file that this host has at that path is the one that runs
};

class ProgramReader {
 public:
  struct Program {
    std::uint32_t pid = 0;  // that runs it
    std::string link;       // what /proc shows for it
  };
  using Then = std::function<void(const ProgramFacts&)>;

  // No digest is made of longer files.
  static constexpr std::uint64_t kMaxProgramBytes = 512u << 20;

  // `proc` is /proc.
  static Result<std::unique_ptr<ProgramReader>> start(std::string proc);
  ~ProgramReader();
  ProgramReader(const ProgramReader&) = delete;
  ProgramReader& operator=(const ProgramReader&) = delete;

  void read(Program program, Then then);

  [[nodiscard]] int fd() const { return done_.get(); }
  void on_ready();

 private:
  struct Wanted {
    Program program;
    Then then;
    ProgramFacts facts;
  };

  explicit ProgramReader(std::string proc) : proc_(std::move(proc)) {}
  void work();

  const std::string proc_;
  UniqueFd done_;  // eventfd
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Wanted> wanted_;
  std::vector<Wanted> finished_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace writ::daemon
