// writ policy test: what a policy decides in the cases that its author wrote down. Needs no writd.
#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/policy_command.h"
#include "policy/cases.h"
#include "policy/policy_set.h"

namespace writ::cli {
namespace {

using google::protobuf::Struct;

struct TestOptions {
  std::vector<std::string> policies;
  std::vector<std::string> cases;
  std::string users;
  std::string agents;
};

Struct document_of(const std::vector<policy::CaseResult>& results) {
  Struct document;
  auto& list = *(*document.mutable_fields())["cases"].mutable_list_value();
  for (const policy::CaseResult& result : results) {
    auto& entry = *list.add_values()->mutable_struct_value()->mutable_fields();
    entry["name"].set_string_value(printable(result.name));
    entry["file"].set_string_value(printable(result.file));
    entry["line"].set_number_value(result.line);
    entry["passed"].set_bool_value(result.passed);
    entry["expected"].set_string_value(printable(result.expected));
    entry["got"].set_string_value(printable(result.got));
  }
  return document;
}

// Exit code 0: every case came out as expected.
int test(const Context& context, TestOptions options) {
  options.cases.insert(options.cases.end(), context.operands.begin(), context.operands.end());
  if (options.policies.empty() || options.cases.empty()) {
    return report({ErrorCode::kInvalid,
                   "name the policy's files (--policy) and files with cases (policies/cases/*)"});
  }
  if (options.users.empty() != options.agents.empty()) {
    return report({ErrorCode::kInvalid, "--users and --agents go together"});
  }
  Diagnostics found;
  const auto policies = policy::PolicySet::load(options.policies, found);
  std::optional<identity::Directory> directory;
  if (!options.users.empty()) {
    directory = identity::Directory::load(options.users, options.agents, found);
  }
  std::vector<policy::SourceText> sources;
  const bool read = policy::read_sources(options.cases, sources, found);
  std::optional<std::vector<policy::CaseResult>> results;
  if (policies && read && !has_errors(found)) {
    results = policy::run_cases(*policies, sources, directory ? &*directory : nullptr, found);
  }
  if (!results || has_errors(found)) {
    tell(found);
    return kFailed;
  }
  const auto failed = static_cast<std::size_t>(
      std::count_if(results->begin(), results->end(), [](const auto& r) { return !r.passed; }));
  if (context.json) {
    if (auto printed = print_json(document_of(*results), true); !printed) {
      return report(printed.error());
    }
    return failed == 0 ? kOk : kFailed;
  }
  for (const policy::CaseResult& result : *results) {
    if (result.passed) continue;
    print(fmt::format("FAIL  {} ({}:{})\n      expected {}\n      got      {}\n",
                      printable(result.name), printable(result.file), result.line,
                      printable(result.expected), printable(result.got)));
  }
  print(
      fmt::format("{} as expected, {} not\n", count_of(results->size() - failed, "case"), failed));
  return failed == 0 ? kOk : kFailed;
}

}  // namespace

Action define_policy_test(CLI::App& app) {
  auto options = std::make_shared<TestOptions>();
  app.add_option("--policy", options->policies, "a file of the policy; repeatable")
      ->allow_extra_args(false);
  app.add_option("--users", options->users, "users.yaml, to look people up in");
  app.add_option("--agents", options->agents, "agents.yaml, for agents");
  app.add_option("CASES", options->cases, "files with cases");
  return [options](const Context& context) { return test(context, *options); };
}

}  // namespace writ::cli
