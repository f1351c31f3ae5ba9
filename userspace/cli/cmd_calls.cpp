// writ calls: one line a call, as it was decided; with -f also as they come.
#include <map>
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/time_text.h"
#include "cli/trace_view.h"

namespace writ::cli {
namespace {

struct CallsOptions {
  bool follow = false;
  std::string session;
  std::string verdict;
  std::string since;
  std::uint32_t limit = 0;
};

v1::Verdict verdict_of(const std::string& text) {
  if (text == "allow") return v1::VERDICT_ALLOW;
  if (text == "flag") return v1::VERDICT_FLAG;
  if (text == "deny") return v1::VERDICT_DENY;
  return v1::VERDICT_UNSPECIFIED;  // all
}

int run(const Context& context, const CallsOptions& options) {
  v1::ControlRequest request;
  v1::CallsRequest& wanted = *request.mutable_calls();
  wanted.set_follow(options.follow);
  wanted.set_session(printable(options.session));
  wanted.set_verdict(verdict_of(options.verdict));
  wanted.set_limit(options.limit);
  if (!options.since.empty()) {
    const auto since = parse_since(options.since, now_unix_ns());
    if (!since) return report(since.error());
    wanted.set_since_unix_ns(*since);
  }
  auto client = Client::connect(context.root);
  if (!client) return report(client.error());
  if (auto sent = client->send(request); !sent) return report(sent.error());

  const Palette palette = Palette::for_stdout();
  if (!context.json) print(palette.paint(Colour::kDim, call_line_head()) + "\n");
  for (;;) {
    const auto timeout = options.follow ? std::chrono::seconds(0) : Client::kAnswerTimeout;
    const auto answer = client->receive(timeout);
    if (!answer) return report(answer.error());
    if (answer->has_call()) {
      if (context.json) {
        if (auto printed = print_json(answer->call(), false); !printed) {
          return report(printed.error());
        }
      } else {
        print(call_line(answer->call(), palette) + "\n");
      }
    }
    if (answer->done()) return kOk;
  }
}

}  // namespace

Action define_calls(CLI::App& app) {
  auto options = std::make_shared<CallsOptions>();
  app.add_flag("-f,--follow", options->follow, "go on with calls as they are decided");
  app.add_option("--session", options->session, "only calls of this session");
  app.add_option("--verdict", options->verdict, "only calls with this verdict")
      ->check(CLI::IsMember({"allow", "flag", "deny"}));
  app.add_option("--since", options->since, "90s, 10m, 2h, 3d ago, or 2026-01-02T03:04:05Z");
  app.add_option("--limit", options->limit, "only the newest N (0: all)");
  return [options](const Context& context) { return run(context, *options); };
}

}  // namespace writ::cli
