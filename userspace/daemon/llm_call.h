// A call to a language model: what was asked of it, and its answer, read while it passes. Each tool
// use goes to the session's AskedTools as soon as it is complete, since an agent may act on it
// before the answer has ended.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/mac.h"
#include "daemon/asked_tools.h"
#include "llm/answer_reader.h"
#include "llm/prices.h"
#include "llm/request.h"
#include "protocol/content_coding.h"
#include "protocol/http1_types.h"
#include "protocol/tool_call.h"
#include "record.pb.h"

namespace writ::daemon {

struct Call;

// Owner: the Call. The sink of its result's bytes, without their codings.
class LlmCall : public protocol::DecodedSink {
 public:
  struct Parts {
    llm::Api api;
    llm::Request request;
    std::string unread;  // why the request was not read
    std::string call_id;
    std::shared_ptr<AskedTools> asked;
    audit::DigestStream digest;
  };
  explicit LlmCall(Parts parts);

  // The head of the answer has come.
  LlmCall& open_answer(const protocol::Headers& headers);
  void on_decoded(std::string_view bytes) override;
  // Nothing more of it will come.
  void end_answer();

  void fill(v1::LlmRequest& out) const;
  // `prices`: nullptr where there are none.
  void fill(const llm::Prices* prices, v1::LlmAnswer& out) const;

 private:
  void take_tool_uses();

  Parts parts_;
  std::string system_;  // digest
  std::optional<llm::AnswerReader> answer_;
  // By place in the answer's tool uses: digest of the arguments in their one form; empty: none.
  std::vector<std::string> arguments_;
};

// The request may be one to a model, by its head: its body has to be kept to tell.
bool may_ask_model(const ToolCall& request);

// Sees whether the call is one to a model, or one that a model has asked for: fills call.llm or
// call.asked. REQUIRES: the call has its name. `digest`: a fresh one of the audit's key.
void look_for_model(const std::shared_ptr<AskedTools>& asked, Call& call,
                    const audit::DigestStream& digest);

}  // namespace writ::daemon
