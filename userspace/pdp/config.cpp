#include "pdp/config.h"

#include <sys/un.h>

#include <algorithm>
#include <string_view>

#include "identity/http_url.h"
#include "util/yaml.h"

namespace writ::pdp {
namespace {

constexpr std::int64_t kMinTimeoutMs = 1;
constexpr std::int64_t kMaxTimeoutMs = 10'000;
constexpr std::int64_t kMaxConcurrency = 256;
constexpr std::size_t kMaxPath = 512;
constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kOpaPrefix = "data/";

bool printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

// Fills the socket or the part of the url before the path.
void read_url(YamlMap& map, PdpConfig& config) {
  const std::string url = map.required_string("url");
  if (url.empty()) return;
  if (url.starts_with(kUnix)) {
    config.unix_socket = url.substr(kUnix.size());
    config.url = "http://localhost";
    if (!config.unix_socket.starts_with('/') || !printable_ascii(config.unix_socket)) {
      map.error("url", "'url' must name the socket by an absolute path of printable characters",
                "write unix:/run/opa.sock");
    } else if (config.unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
      map.error("url", fmt::format("the path of a unix socket has at most {} bytes",
                                   sizeof(sockaddr_un::sun_path) - 1));
    }
    return;
  }
  const auto parsed = identity::parse_http_url(url);
  if (!parsed || parsed->https) {
    map.error("url",
              parsed ? "'url' cannot be https" : fmt::format("'url': {}", parsed.error().message),
              "write unix:/run/opa.sock, or http://127.0.0.1:8181 (plain HTTP goes to this host "
              "only)");
    return;
  }
  const std::size_t host = url.find("://") + 3;
  const std::size_t end = std::min(url.find_first_of("/?", host), url.size());
  config.url = url.substr(0, end);
  if (end != url.size() && url.substr(end) != "/") {
    map.error("url", "'url' ends with the port", "what comes behind it belongs under 'path'");
  }
}

bool good_path(std::string_view path) {
  // What a server or a proxy could take for something else than a plain path.
  constexpr std::string_view kOther = "?#\\%\"<>^`{|}";
  if (path.size() > kMaxPath || !printable_ascii(path)) return false;
  if (path.find_first_of(kOther) != std::string_view::npos) return false;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

void read_path(YamlMap& map, PdpConfig& config) {
  const bool opa = config.dialect == Dialect::kOpa;
  std::string path =
      opa ? map.required_string("path") : map.string("path").value_or("access/v1/evaluation");
  if (path.empty() && opa) return;  // reported
  const bool starts = !opa || path.starts_with(kOpaPrefix);
  if (!good_path(path) || !starts) {
    map.error("path", "'path' must be a plain path without a slash at either end",
              opa ? "write data/<package>/<rule>, such as data/writ/decision"
                  : "write access/v1/evaluation");
  }
  config.url += (opa ? "/v1/" : "/") + path;
}

void read_timeout(YamlMap& map, PdpConfig& config) {
  const auto timeout = map.duration_ms("timeout");
  if (!timeout) return;
  if (*timeout < kMinTimeoutMs || *timeout > kMaxTimeoutMs) {
    map.error("timeout", "'timeout' must be from 1ms to 10s", "a call is held for so long");
    return;
  }
  config.timeout = std::chrono::milliseconds(*timeout);
}

void read_on_error(YamlMap& map, const std::string& file, PdpConfig& config, Diagnostics& out) {
  const auto on_error = map.one_of("on_error", {"deny", "flag", "allow"});
  if (!on_error || *on_error == "deny") return;
  config.on_error = *on_error == "flag" ? Verdict::kFlag : Verdict::kAllow;
  const YAML::Mark mark = map.child("on_error").Mark();
  out.push_back({.severity = Severity::kWarning,
                 .file = file,
                 .line = mark.line + 1,
                 .column = mark.column + 1,
                 .message = "calls pass when the decision point gives no usable answer",
                 .hint = "on_error: deny is the safe choice"});
}

PdpConfig read_point(Dialect dialect, const YAML::Node& node, const std::string& file,
                     Diagnostics& out) {
  PdpConfig config{.dialect = dialect};
  YamlMap map(node, file, out);
  if (!node.IsMap()) return config;  // reported once
  read_url(map, config);
  read_path(map, config);
  read_timeout(map, config);
  read_on_error(map, file, config, out);
  if (const auto most = map.integer("concurrency", 1, kMaxConcurrency)) {
    config.concurrency = static_cast<std::size_t>(*most);
  }
  map.finish();
  return config;
}

}  // namespace

std::optional<PdpConfig> read_pdp_config(const YAML::Node& decision, const std::string& file,
                                         Diagnostics& out) {
  Diagnostics found;
  YamlMap map(decision, file, found);
  std::optional<PdpConfig> config;
  const bool opa = map.has("opa");
  const bool authzen = map.has("authzen");
  if (opa) config = read_point(Dialect::kOpa, map.child("opa"), file, found);
  if (authzen) config = read_point(Dialect::kAuthZen, map.child("authzen"), file, found);
  if (opa && authzen) {
    map.error("authzen", "there is one decision point: either 'opa' or 'authzen'",
              "remove one of them");
  }
  if (!opa && !authzen && decision.IsDefined() && decision.IsMap()) {
    add_error(found, file, decision, "the decision point is missing",
              "write opa: {url: unix:/run/opa.sock, path: data/writ/decision}");
  }
  (void)map.child("opa");  // known keys, for finish()
  (void)map.child("authzen");
  map.finish();
  const bool failed = has_errors(found);
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return std::nullopt;
  return config;
}

}  // namespace writ::pdp
