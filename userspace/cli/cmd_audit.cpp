// writ audit verify: is the record whole? Asks writd; where none runs, reads the store itself,
// which needs the key and so the rights of the store's owner.
#include <filesystem>

#include "audit/key.h"
#include "audit/store.h"
#include "audit/verifier.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace writ::cli {
namespace {

constexpr std::chrono::seconds kNoTimeout{0};  // a long record takes its time

Result<v1::AuditVerifyResponse> verify_offline(const std::string& root) {
  const std::string directory = (std::filesystem::path(root) / "var/lib/writ/audit").string();
  const auto key = audit::Key::load(audit::default_key_path(directory));
  if (!key) return context(key.error(), "verify " + directory + " without writd");
  const auto found = audit::verify(directory, *key);
  if (!found) return context(found.error(), "verify " + directory);
  v1::AuditVerifyResponse answer;
  answer.set_intact(found->intact);
  answer.set_records(found->records);
  answer.set_segments(found->segments);
  if (!found->problems.empty()) {
    const audit::Problem& first = found->problems.front();
    answer.set_problem(first.message);
    answer.set_broken_sequence(first.sequence);
    answer.set_file(first.file);
    answer.set_offset(first.offset);
  }
  return answer;
}

Result<v1::AuditVerifyResponse> verify(const std::string& root) {
  v1::ControlRequest request;
  request.mutable_audit_verify();
  auto answer = ask(root, request, kNoTimeout);
  if (answer) return answer->audit_verify();
  if (answer.error().code != ErrorCode::kUnavailable) return tl::unexpected(answer.error());
  auto offline = verify_offline(root);
  if (!offline) {
    offline.error().code = ErrorCode::kUnavailable;
    offline.error().message =
        answer.error().message + "; nor can it be done here: " + offline.error().message;
  }
  return offline;
}

std::string text_of(const v1::AuditVerifyResponse& found, const Palette& palette) {
  const std::string proven = fmt::format("{} in {}", count_of(found.records(), "record"),
                                         count_of(found.segments(), "segment"));
  if (found.intact()) {
    return fmt::format("{}: {} verified\n", palette.paint(Colour::kGreen, "intact"), proven);
  }
  std::string out =
      fmt::format("{}: {}\n", palette.paint(Colour::kRed, "BROKEN"), printable(found.problem()));
  if (!found.file().empty()) {
    out += fmt::format("  file      {}, offset {}\n", printable(found.file()), found.offset());
  }
  if (found.broken_sequence() != 0) {
    out += fmt::format("  record    #{} is the first that cannot be trusted\n",
                       found.broken_sequence());
  }
  out += fmt::format("  verified  {}\n", proven);
  return out;
}

int run_audit(const Context& context) {
  const auto found = verify(context.root);
  if (!found) return report(found.error());
  if (context.json) {
    if (auto printed = print_json(*found, true); !printed) return report(printed.error());
  } else {
    print(text_of(*found, Palette::for_stdout()));
  }
  return found->intact() ? kOk : kFailed;
}

}  // namespace

Action define_audit(CLI::App& app) {
  app.require_subcommand(1);
  CLI::App* sub = app.add_subcommand("verify", "read every record and prove that none was changed");
  sub->fallthrough();
  return run_audit;
}

}  // namespace writ::cli
