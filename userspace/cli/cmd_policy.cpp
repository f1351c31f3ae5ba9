// writ policy: what is wrong with policy files, what they decide, and their grammar, before writd
// sees them. Needs no writd.
#include <google/protobuf/struct.pb.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "policy/cases.h"
#include "policy/keys.h"
#include "policy/policy_set.h"
#include "util/diagnostic.h"

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

void tell(const Diagnostics& found) {
  for (const Diagnostic& d : found) {
    const std::string line = printable(to_string(d)) + "\n";
    (void)std::fwrite(line.data(), 1, line.size(), stderr);  // there is nobody else to tell
  }
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

Action define_policy(CLI::App& app) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto options = std::make_shared<TestOptions>();
  app.require_subcommand(1);
  CLI::App* to_check =
      app.add_subcommand("check", "read the files as one policy; list every error");
  to_check->add_option("FILE", *files, "files of the policy");
  CLI::App* to_test =
      app.add_subcommand("test", "decide the cases of files; exit code 0: all as expected");
  to_test->add_option("--policy", options->policies, "a file of the policy; repeatable")
      ->allow_extra_args(false);
  to_test->add_option("--users", options->users, "users.yaml, to look people up in");
  to_test->add_option("--agents", options->agents, "agents.yaml, for agents");
  to_test->add_option("CASES", options->cases, "files with cases");
  CLI::App* to_print = app.add_subcommand("schema", "the language as a JSON Schema, for editors");
  for (CLI::App* sub : {to_check, to_test, to_print}) sub->fallthrough();
  return [files, options, to_test, to_print](const Context& context) {
    if (to_print->parsed()) {
      print(policy::json_schema() + "\n");
      return static_cast<int>(kOk);
    }
    return to_test->parsed() ? test(context, *options) : check(context, *files);
  };
}

}  // namespace writ::cli
