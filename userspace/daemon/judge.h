// The judge takes a call that was read to its verdict and its record; how a verdict is made true is
// for those who hold the call (Gatekeeper) or were asked about it (DecideDesk).
//
//   judge.weigh(session, call);                         // what the rules say
//   while (judge.wants_answer(session, call)) {
//     judge.consult(flow, session, call, then);
//     judge.narrow(session, call, answer);              // in `then`
//   }
//   if (judge.conclude(session, call, pid, exe)) ...    // counted, recorded: it may go
//   judge.write_outcome(session, call, "completed", "");
//
// So whoever asks, limits, rates, what a session did before and the audit are the same ones.
//
// judge_mcp.cpp knows MCP servers; judge_batch.cpp takes the messages of a batch the same way, for
// whoever holds the one call that carries them.
//
// Owner: the gatekeeper; loop thread only. Everything handed in must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "audit/writer.h"
#include "budget/limits.h"
#include "budget/rate.h"
#include "daemon/call.h"
#include "daemon/mcp_tools.h"
#include "daemon/session.h"
#include "identity/writ_book.h"
#include "pdp/client.h"
#include "scan/ruleset.h"
#include "scan/scanner.h"

namespace writ::daemon {

// Where a problem that is nobody's fault is told; logs.
using Report = std::function<void(const std::string&)>;

class Judge {
 public:
  struct Parts {
    budget::LimitBook& limits;
    const identity::WritBook& book;
    audit::Writer& audit;
    pdp::PdpClient* pdp = nullptr;        // nullptr: rules alone decide
    const llm::Prices* prices = nullptr;  // nullptr: nobody has said what models cost
    Report report;
  };
  Judge(Parts parts, std::shared_ptr<const scan::Ruleset> rules);

  // The decision when the session's writ does not count; nullopt: it does.
  [[nodiscard]] std::optional<policy::Decision> check_writ(const Session& session) const;

  // What the session's policy says; with the name of the check where no rule decided.
  static policy::Decision ask(const Session& session, const policy::Input& input);

  // `complete`: the whole call is there. `provisional`: see policy::Input.
  [[nodiscard]] policy::Decision judge(const Session& session, const Call& call, bool complete,
                                       bool provisional = false) const;

  // Names the call, sees whether a model is asked or has asked for it, takes the scan's findings
  // and what is known of an MCP server's tool, and judges it.
  void weigh(const Session& session, Call& call);

  // Asks the decision point about what the rules let through; of a batch about its next message.
  // `flow`: whose turn it takes, see PdpClient. REQUIRES: wants_answer(session, call).
  void consult(std::uint64_t flow, const Session& session, Call& call,
               pdp::PdpClient::Callback then);
  [[nodiscard]] static bool wants_answer(const Session& session, const Call& call) {
    return session.consults && call.decision.verdict != policy::Verdict::kDeny &&
           call.consulted < call.messages();
  }

  // As weigh(), once the decision point has answered: it can only narrow what the rules let
  // through. What has changed meanwhile counts: a writ that ended, a rule that was taken away.
  void narrow(const Session& session, Call& call, const pdp::PdpAnswer& answer) const;

  // The verdict stands: it is counted and recorded. True: the call may go. `pid`, `executable`: who
  // makes it.
  bool conclude(Session& session, Call& call, std::uint32_t pid, const std::string& executable);

  // False: there is no record of it, or not of each of its messages, so it must not leave.
  bool write_decision(Session& session, Call& call, std::uint32_t pid,
                      const std::string& executable);
  void write_outcome(const Session& session, Call& call, const char* result, std::string detail);

  // What the call brought into the session. What an MCP server answers is read for the outcome's
  // record, and the tools that it lists are remembered. REQUIRES: the call has its whole result.
  void take_result(Session& session, Call& call);

  // As write_outcome() of a message that was only accepted: the record waits for the answer on that
  // stream, or for the stream's end.
  void await_answer(const Session& session, Call& call, McpStream& stream, std::string detail);
  // False: none waits for that answer.
  bool take_answer(McpStream& stream, const protocol::McpResult& result);

  [[nodiscard]] const RecordContext& context() const { return context_; }

 private:
  void weigh_one(const Session& session, const policy::SessionFacts& facts, Call& call) const;
  void narrow_one(const Session& session, const policy::SessionFacts& facts, Call& call,
                  const pdp::PdpAnswer& answer) const;
  [[nodiscard]] policy::Decision judge_one(const Session& session,
                                           const policy::SessionFacts& facts, const Call& call,
                                           bool complete, bool provisional) const;
  void open_batch(Call& carrier);
  void write_batch_outcomes(const Session& session, Call& carrier, const char* result,
                            const std::string& detail);
  void hand_out_answers(Call& carrier);
  Status append_decision(const Session& session, const Call& call, std::uint32_t pid,
                         const std::string& executable);
  void append_outcome(v1::Record record);
  void look_at_message(const Session& session, Call& call) const;
  void read_answer(const Session& session, Call& call);
  // The calls that `call` is: its messages, or itself.
  static std::vector<Call*> calls_in(Call& call);
  // The carrier's decision is that of its messages together.
  static void settle_batch(Call& carrier);
  // What of a denied batch is not denied by itself.
  static void deny_with_batch(Call& carrier);
  void count_all(const Session& session, Call& call);
  void count(const Session& session, Call& call);
  [[nodiscard]] McpAnswer digests_of(const protocol::McpResult& result) const;
  // Those of the listed tools that have changed.
  std::vector<scan::Finding> note_tools(const std::string& server,
                                        const protocol::McpResult& result);
  void check_rate(const Session& session, Call& call);

  Parts parts_;
  RecordContext context_;
  scan::Scanner scanner_;
  audit::DigestStream digests_;
  budget::RateBook rates_;
  McpTools tools_;
};

}  // namespace writ::daemon
