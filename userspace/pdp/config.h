// Where the decision point is and how it is asked, as the configuration says it:
//
//   decision:
//     opa:                            # or authzen, one of the two
//       url: unix:/run/opa.sock       # or http://127.0.0.1:8181
//       path: data/writ/decision      # what is asked for; must be there for opa
//       timeout: 50ms                 # of one request, waiting for its turn included; 1ms to 10s
//       on_error: deny                # or flag, allow: what no usable answer means
//       concurrency: 16               # requests under way at once; 1 to 256
//
// opa asks POST /v1/<path> (OPA's Data API, openpolicyagent.org/docs/rest-api). authzen asks
// POST /<path>, by default access/v1/evaluation (OpenID AuthZEN Authorization API 1.0).
//
// Plain HTTP goes to this host only: whoever is on the way could answer for the decision point.
// Prefer the unix socket, whose folder says who may listen there; a port of a decision point that
// is down can be taken by any account of this host.
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "pdp/answer.h"
#include "util/diagnostic.h"

namespace writ::pdp {

struct PdpConfig {
  Dialect dialect = Dialect::kOpa;
  std::string unix_socket;  // absolute; empty: TCP
  std::string url;          // with the path: "http://127.0.0.1:8181/v1/data/writ/decision"
  std::chrono::milliseconds timeout{50};
  Verdict on_error = Verdict::kDeny;
  std::size_t concurrency = 16;
};

// Reads what stands below `decision:`. nullopt when any of it is wrong; every problem is a
// diagnostic with its place. `on_error` other than deny is a warning.
std::optional<PdpConfig> read_pdp_config(const YAML::Node& decision, const std::string& file,
                                         Diagnostics& out);

}  // namespace writ::pdp
