#include "policy/policy_set.h"

#include <fmt/format.h>

#include <set>

#include "identity/name.h"
#include "policy/source_text.h"

namespace writ::policy {
namespace {

// The tenant that a file is of; empty: all.
std::string tenant_of(const SourceTree& source, Diagnostics& out) {
  if (!source.root) return "";
  YamlMap top(*source.root, source.file, out);
  if (!top.has("tenant")) return "";
  std::string tenant = top.string("tenant").value_or("");
  if (!identity::valid_name(tenant)) {
    top.error("tenant", fmt::format("'{}' is not a name for a tenant", tenant),
              identity::kNameHint);
  }
  return tenant;
}

// The common files are read once for each tenant, and say the same each time.
void add_new(const Diagnostics& from, std::set<std::string>& known, Diagnostics& to) {
  for (const Diagnostic& one : from) {
    if (known.insert(to_string(one)).second) to.push_back(one);
  }
}

}  // namespace

std::shared_ptr<const PolicySet> PolicySet::load(const std::vector<std::string>& files,
                                                 Diagnostics& out) {
  std::vector<SourceText> sources;
  const bool all = read_sources(files, sources, out);
  auto set = load_from_text(sources, out);
  return all ? set : nullptr;
}

std::shared_ptr<const PolicySet> PolicySet::load_from_text(const std::vector<SourceText>& sources,
                                                           Diagnostics& out) {
  auto set = std::make_shared<PolicySet>();
  Diagnostics found;
  std::set<std::string> known;
  std::vector<SourceTree> common;
  std::map<std::string, std::vector<SourceTree>> own;
  const std::vector<SourceTree> trees = parse_sources(sources, found);
  for (const SourceTree& source : trees) {
    const std::string tenant = tenant_of(source, found);
    (tenant.empty() ? common : own[tenant]).push_back(source);
  }
  for (const Diagnostic& one : found) known.insert(to_string(one));
  set->version_ = content_version(trees);
  bool failed = false;
  // Without common files there is still a policy for tenants that have none: nothing is allowed.
  if (!common.empty() || own.empty()) {
    Diagnostics said;
    set->common_ = Policy::load_from_trees(common, said);
    add_new(said, known, found);
    failed = set->common_ == nullptr;
    if (!failed) set->rules_ = set->common_->rules().size();
  } else {
    set->common_ = std::make_shared<const Policy>(Document{}, set->version_);
  }
  const std::size_t common_rules = set->rules_;
  for (auto& [tenant, files] : own) {
    files.insert(files.end(), common.begin(), common.end());
    Diagnostics said;
    auto policy = Policy::load_from_trees(files, said);
    add_new(said, known, found);
    failed = failed || policy == nullptr;
    if (policy) set->rules_ += policy->rules().size() - common_rules;
    set->by_tenant_[tenant] = std::move(policy);
  }
  failed = failed || has_errors(found);
  out.insert(out.end(), found.begin(), found.end());
  if (failed) return nullptr;
  return set;
}

const std::shared_ptr<const Policy>& PolicySet::of(std::string_view tenant) const {
  const auto found = by_tenant_.find(tenant);
  return found == by_tenant_.end() ? common_ : found->second;
}

Diagnostics PolicySet::not_in_force(std::optional<std::string_view> tenant) const {
  if (tenant) return of(*tenant)->not_in_force();
  std::set<std::string> known;
  Diagnostics all;
  add_new(common_->not_in_force(), known, all);
  for (const auto& [name, policy] : by_tenant_) add_new(policy->not_in_force(), known, all);
  return all;
}

}  // namespace writ::policy
