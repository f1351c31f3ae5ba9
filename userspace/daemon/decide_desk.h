// The decide desk answers those who ask before they act: what they describe is judged, counted and
// recorded by the judge of live calls. What they do then, nobody here sees.
//
// An answer may come later: when a decision point has to be asked, or the person behind the session
// is still being found out. Nobody else waits for it.
//
// Owner: the daemon; loop thread only. Everything handed in must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "audit/key.h"
#include "control.pb.h"
#include "daemon/judge.h"
#include "daemon/session.h"
#include "pdp/client.h"
#include "scan/scanner.h"

namespace writ::daemon {

class DecideDesk {
 public:
  struct Parts {
    Judge& judge;
    pdp::PdpClient* pdp = nullptr;  // nullptr: rules alone decide
    std::shared_ptr<const scan::Ruleset> rules;
    const audit::Key& key;
  };
  explicit DecideDesk(Parts parts) : parts_(std::move(parts)), scanner_(parts_.rules) {}

  using Then = std::function<void(const Result<v1::DecideResponse>&)>;

  // Who asks: `id` names the question, one at a time; `pid` is the process for the record.
  // The session must live until end() was called for it. `then` may be called at once.
  struct Asker {
    std::uint64_t id = 0;
    std::uint32_t pid = 0;
    Session& session;
  };
  void ask(Asker asker, const v1::ProposedCall& proposal, Then then);

  // Nobody waits for the answer any more; what was asked is recorded as denied.
  void forget(std::uint64_t id);
  // The session goes; who still waits under it is denied.
  void end(const Session& session);
  // It is known now who is behind the session.
  void resume(const Session& session);

 private:
  struct Asked {
    Session& session;
    std::uint32_t pid = 0;
    std::unique_ptr<Call> call;
    Then then;
  };
  using Waiting = std::map<std::uint64_t, Asked>;

  void judge(std::uint64_t id);
  void take_answer(std::uint64_t id, const pdp::PdpAnswer& answer);
  void conclude(Waiting::iterator at);
  void give_up(Waiting::iterator at, const char* why);

  Parts parts_;
  scan::Scanner scanner_;
  Waiting waiting_;
};

}  // namespace writ::daemon
