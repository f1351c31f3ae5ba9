// The policies of a host: what holds in every tenant, and what a tenant's own files add in it
// alone.
//
//   version: 1
//   tenant: acme        # this file counts in acme only; without it, everywhere
//
// Nothing of one tenant's files can match, be named in a reason, or clash with a name in another.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace writ::policy {

class PolicySet {
 public:
  // nullptr when any file holds an error; `out` lists warnings too.
  static std::shared_ptr<const PolicySet> load(const std::vector<std::string>& files,
                                               Diagnostics& out);
  static std::shared_ptr<const PolicySet> load_from_text(const std::vector<SourceText>& sources,
                                                         Diagnostics& out);

  // Of a tenant without files of its own: the common one. Never nullptr; without any file for it, a
  // policy that allows nothing.
  [[nodiscard]] const std::shared_ptr<const Policy>& of(std::string_view tenant) const;

  // What the files say and this version cannot do, each once: of one tenant, or of all.
  [[nodiscard]] Diagnostics not_in_force(std::optional<std::string_view> tenant) const;

  // 16 hex digits over the contents of all files. Each tenant's policy has a version of its own.
  [[nodiscard]] const std::string& version() const { return version_; }
  [[nodiscard]] std::size_t rules() const { return rules_; }

 private:
  std::shared_ptr<const Policy> common_;
  std::map<std::string, std::shared_ptr<const Policy>, std::less<>> by_tenant_;
  std::string version_;
  std::size_t rules_ = 0;  // each counted once
};

}  // namespace writ::policy
