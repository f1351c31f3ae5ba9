// writ decide: one decision for a caller that asks before it acts. JSON in, JSON out.
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/call_document.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"

namespace writ::cli {
namespace {

struct Options {
  std::string session;
  std::string writ;
};

// No more than tells that it is too much.
Result<std::string> read_input() {
  std::string text;
  std::array<char, 65536> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  while (text.size() <= kMaxCallDocument) {
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read the call from standard input");
    if (got == 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(got));
  }
  return text;
}

int decide(const Context& context, const Options& options) {
  const auto input = read_input();
  if (!input) return report(input.error());
  auto call = read_call_document(*input);
  if (!call) return report(call.error());
  v1::ControlRequest request;
  v1::DecideRequest& asked = *request.mutable_decide();
  asked.set_session(options.session);
  asked.set_writ(options.writ);
  *asked.mutable_call() = std::move(*call);
  const auto answer = ask(context.root, request);
  if (!answer) return report(answer.error());
  if (auto printed = print_json(answer->decide(), true); !printed) return report(printed.error());
  const v1::Verdict verdict = answer->decide().verdict();
  return verdict == v1::VERDICT_ALLOW || verdict == v1::VERDICT_FLAG ? kOk : kVerdictDeny;
}

}  // namespace

Action define_decide(CLI::App& app) {
  auto options = std::make_shared<Options>();
  auto* session = app.add_option("--session", options->session,
                                 "under this running session: what it did before counts");
  app.add_option("--writ", options->writ, "under this writ, outside of every session")
      ->excludes(session);
  app.footer(
      "Reads the call as JSON from standard input:\n"
      "  {\"tool\": NAME, \"captures\": {...}, \"args\": ANY}, or\n"
      "  {\"request\": {\"method\", \"host\", \"path\", \"query\", \"address\", \"port\"}, "
      "\"args\": ANY}\n"
      "An agent asks for itself and says neither --session nor --writ.\n"
      "Exit code 0: it may; 6: the verdict is deny; another one: nobody has decided.");
  return [options](const Context& context) { return decide(context, *options); };
}

}  // namespace writ::cli
