#include "daemon/settings.h"

#include <sys/stat.h>

#include <bit>

#include "policy/source_text.h"
#include "util/yaml.h"

namespace writ::daemon {
namespace {

constexpr std::uint64_t kMinRing = 4096;
constexpr std::uint64_t kMaxRing = 1u << 30;
constexpr std::uint64_t kMaxHold = 256u << 20;
constexpr std::uint64_t kMaxMessage = 1u << 30;

}  // namespace

std::string Settings::path(const char* below) const {
  return root + (root.ends_with('/') ? "" : "/") + below;
}
std::vector<std::string> Settings::policy_files() const {
  return policy::yaml_files(path("etc/writ/policies"));
}
std::vector<std::string> Settings::rule_files() const {
  return policy::yaml_files(path("etc/writ/rules"));
}

std::optional<Settings> load_settings(const std::string& root, Diagnostics& out) {
  Settings settings;
  settings.root = root;
  const std::string file = settings.path("etc/writ/writ.yaml");
  struct stat info = {};
  if (stat(file.c_str(), &info) != 0 && errno == ENOENT) return settings;
  const auto text = read_text_file(file);
  if (!text) {
    out.push_back({.file = file, .message = text.error().message});
    return std::nullopt;
  }
  const auto node = parse_yaml(*text, file, out);
  if (!node) return std::nullopt;
  YamlMap map(*node, file, out);
  if (const auto bytes = map.size_bytes("hold_max")) {
    settings.hold_max = *bytes;
    if (*bytes < 4096 || *bytes > kMaxHold) {
      map.error("hold_max", "'hold_max' must be from 4KiB to 256MiB");
    }
  }
  if (const auto bytes = map.size_bytes("message_max")) {
    settings.message_max = *bytes;
    if (*bytes < 4096 || *bytes > kMaxMessage) {
      map.error("message_max", "'message_max' must be from 4KiB to 1GiB");
    }
  }
  if (const auto bytes = map.size_bytes("ring_bytes")) {
    if (*bytes < kMinRing || *bytes > kMaxRing || !std::has_single_bit(*bytes)) {
      map.error("ring_bytes", "'ring_bytes' must be a power of two from 4KiB to 1GiB",
                "16MiB holds what agents on two cores send");
    } else {
      settings.ring_bytes = static_cast<std::uint32_t>(*bytes);
    }
  }
  if (map.one_of("durability", {"group", "strict"}).value_or("group") == "strict") {
    settings.durability = audit::Durability::kStrict;
  }
  if (map.has("decision"))
    settings.decision = pdp::read_pdp_config(map.child("decision"), file, out);
  map.finish();
  if (has_errors(out)) return std::nullopt;
  return settings;
}

}  // namespace writ::daemon
