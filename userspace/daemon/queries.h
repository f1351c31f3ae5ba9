// Answers questions about the audit record (calls, trace, verify) on threads of their own, so that
// no held call waits for a disk.
//
// Owner: the daemon. Destroying it ends and joins the threads; the server must still be there then.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "audit/calls.h"
#include "audit/key.h"
#include "control.pb.h"
#include "daemon/caller.h"
#include "daemon/control_server.h"

namespace writ::daemon {

class Queries {
 public:
  static constexpr std::size_t kMaxThreads = 16;

  Queries(std::string dir, const audit::Key& key, ControlServer& server)
      : dir_(std::move(dir)), key_(key), server_(server) {}
  ~Queries();

  // Of the calls that the asker may see.
  void calls(ConnectionId id, const v1::CallsRequest& request, const Sight& sight);
  void trace(ConnectionId id, const v1::TraceRequest& request, const Sight& sight);
  void verify(ConnectionId id);
  // The asker is gone.
  void cancel(ConnectionId id);

 private:
  struct Job {
    std::atomic<bool> cancelled{false};
    std::atomic<bool> finished{false};
    std::thread thread;
  };
  using Work = std::function<void(Job&)>;

  void start(ConnectionId id, Work work);
  void reap();
  void list(Job& job, ConnectionId id, const audit::CallFilter& filter, std::uint32_t limit);
  void follow(Job& job, ConnectionId id, const audit::CallFilter& filter);
  void done(ConnectionId id);
  void fail(ConnectionId id, const Error& error);

  const std::string dir_;
  const audit::Key key_;
  ControlServer& server_;
  std::multimap<ConnectionId, std::unique_ptr<Job>> jobs_;  // loop thread only
};

}  // namespace writ::daemon
