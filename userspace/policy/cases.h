// Cases of a policy: who calls what, and what must be decided. For `writ policy test`.
//
//   version: 1
//   cases:
//     - name: 501 is too much
//       user: sarah                    # or {id, roles, scopes, tenant}
//       agent: sales-assistant         # or {id, scopes}
//       tier: interactive              # optional, as are the next two
//       identity: login
//       scopes: [pay.*]                # of the writ; when not said: what user and agent share
//       tool: pay                      # or request: {method, host, path, query, address, port}
//                                      #   and to an MCP server mcp: NAME, mcp_method: METHOD
//       captures: {id: 7}              # with `tool`
//       args: {amount: 501}            # the JSON body; or body: "...", as it is sent
//       findings: [pii.card]           # or {rule, category, count, where}
//       session: {used: [crm.read], results: [{tool: web.get, untrusted: true}], repeated: 2}
//       budget: {calls: 3}
//       at: 2026-01-30T12:00:00Z
//       expect: deny                   # or {verdict, rule, code}
//
// A person or agent that is only named is looked up in the directory, when there is one; without it
// they may do everything, so that the rules decide. Of a call that is given by `tool` alone, what
// stands in its request is undefined. `repeated` calls like this very one were made last; those of
// `used` were others.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "identity/directory.h"
#include "policy/policy_set.h"

namespace writ::policy {

struct CaseResult {
  std::string name;
  std::string file;
  int line = 0;
  bool passed = false;
  std::string expected;  // "deny by rule cap"
  std::string got;       // "allow by rule all: sarah may ..."
  Decision decision;
};

// nullopt: a file cannot be read as cases; `out` lists every problem. `directory` may be nullptr.
std::optional<std::vector<CaseResult>> run_cases(const PolicySet& policies,
                                                 const std::vector<SourceText>& sources,
                                                 const identity::Directory* directory,
                                                 Diagnostics& out);

}  // namespace writ::policy
