// A suggestion as the files that it becomes. Hosts and paths in it were written by an agent: the
// files hold them quoted, their comments nothing that ends a comment.
#pragma once

#include <google/protobuf/struct.pb.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "control.pb.h"
#include "policy/suggestion.h"
#include "util/result.h"

namespace writ::cli {

// Adds up what a session did, call by call.
struct ObservedSession {
  std::string id;
  std::string tenant;
  std::string user;
  std::string agent;
  v1::Mode mode = v1::MODE_UNSPECIFIED;
  std::uint64_t first_unix_ns = 0;
  std::uint64_t last_unix_ns = 0;
  std::uint64_t calls = 0;

  void add(const v1::Record& decision);
};

// What a policy may be made from. Denied calls, also those that were denied after they began, and
// calls that could not be read are there to be named, never to be allowed.
policy::ObservedCall observed_call(const v1::Call& call);
std::set<std::string> rules_that_found(const v1::Call& call);

struct SuggestionText {
  std::string policy;  // for etc/writ/policies
  std::string agents;  // entries for agents.yaml
};

// REQUIRES: sessions of one tenant, at least one. kInternal: the text is not what a policy is read
// from, and must not be used.
Result<SuggestionText> text_of(const policy::Suggestion& suggestion,
                               const std::vector<ObservedSession>& sessions);

// Each line of it as a comment.
std::string commented(const std::string& text);

// The same for machines, with what was left out.
google::protobuf::Struct document_of(const policy::Suggestion& suggestion,
                                     const SuggestionText& text);

}  // namespace writ::cli
