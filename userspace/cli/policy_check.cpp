// writ policy check: what is wrong with policy files, before writd sees them. Needs no writd.
#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <memory>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "policy/policy_set.h"

namespace writ::cli {
namespace {

using google::protobuf::Struct;

Struct document_of(const policy::PolicySet* policy, const Diagnostics& found) {
  Struct document;
  auto& fields = *document.mutable_fields();
  fields["ok"].set_bool_value(policy != nullptr);
  fields["policyVersion"].set_string_value(policy != nullptr ? policy->version() : "");
  auto& list = *fields["diagnostics"].mutable_list_value();
  for (const Diagnostic& d : found) {
    auto& entry = *list.add_values()->mutable_struct_value()->mutable_fields();
    entry["severity"].set_string_value(d.severity == Severity::kError ? "error" : "warning");
    entry["file"].set_string_value(printable(d.file));
    entry["line"].set_number_value(d.line);
    entry["column"].set_number_value(d.column);
    entry["message"].set_string_value(printable(d.message));
    entry["hint"].set_string_value(printable(d.hint));
  }
  return document;
}

int check(const Context& context, std::vector<std::string> files) {
  files.insert(files.end(), context.operands.begin(), context.operands.end());
  if (files.empty()) return report({ErrorCode::kInvalid, "name the policy's files"});
  Diagnostics found;
  const auto policy = policy::PolicySet::load(files, found);
  if (context.json) {
    if (auto printed = print_json(document_of(policy.get(), found), true); !printed) {
      return report(printed.error());
    }
    return policy ? kOk : kFailed;
  }
  tell(found);
  const auto errors = static_cast<std::size_t>(std::count_if(
      found.begin(), found.end(), [](const auto& d) { return d.severity == Severity::kError; }));
  if (!policy) {
    warn(fmt::format("{}; this policy would not be loaded", count_of(errors, "error")));
    return kFailed;
  }
  print(fmt::format("policy {} is good: {}, {}, {}\n", policy->version(),
                    count_of(files.size(), "file"), count_of(policy->rules(), "rule"),
                    count_of(found.size(), "warning")));
  return kOk;
}

}  // namespace

Action define_policy_check(CLI::App& app) {
  auto files = std::make_shared<std::vector<std::string>>();
  app.add_option("FILE", *files, "files of the policy");
  return [files](const Context& context) { return check(context, *files); };
}

}  // namespace writ::cli
