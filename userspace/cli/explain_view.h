// The views of an explanation: pure, from what a policy says of a call to text and JSON.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/output.h"
#include "cli/recorded_call.h"
#include "policy/explanation.h"
#include "record.pb.h"

namespace writ::cli {

// What is explained.
struct ExplainView {
  std::string version;  // of the policy
  std::string tool;     // policy::describe_tool()
  std::string person;   // empty: nobody is known
  std::string agent;
  identity::Scopes effective;
  identity::Scopes required;  // by the tool
  policy::Explanation explanation;
  struct Recorded {
    v1::Record decision;
    Decider decider = Decider::kPolicy;
    std::vector<std::string> open;  // see Rejudged
    bool stopped_later = false;
  };
  std::optional<Recorded> recorded;  // absent: the call is only described
};

ExplainView explain_view(const policy::Policy& policy, const policy::Input& input);

std::string explain_text(const ExplainView& view, const Palette& palette);
google::protobuf::Struct explain_document(const ExplainView& view);

}  // namespace writ::cli
