#include "daemon/configuration.h"

namespace writ::daemon {

std::optional<Configuration> read_configuration(const Settings& settings, Diagnostics& out) {
  auto directory = identity::Directory::load(settings.users_path(), settings.agents_path(), out);
  const auto files = settings.policy_files();
  if (files.empty()) {
    out.push_back({.file = settings.path("etc/writ/policies"),
                   .message = "no policy is there",
                   .hint = "copy one of the shipped policies/*.yaml there"});
    return std::nullopt;
  }
  auto policies = policy::PolicySet::load(files, out);
  if (!directory || !policies || has_errors(out)) return std::nullopt;
  return Configuration{.directory = std::move(*directory), .policies = std::move(policies)};
}

}  // namespace writ::daemon
