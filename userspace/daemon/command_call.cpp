#include "daemon/command_call.h"

#include <fmt/format.h>

#include <filesystem>

#include "util/json_text.h"

namespace writ::daemon {
namespace {

constexpr std::string_view kDeleted = " (deleted)";  // proc(5) exe

std::string body_of(const Command& command) {
  std::string body = R"({"argv":[)";
  for (std::size_t i = 0; i < command.argv.size(); ++i) {
    body += (i == 0 ? "" : ",") + json_string(command.argv[i]);
  }
  body += fmt::format(R"(],"script":{},"file":{})", command.script, json_string(command.file));
  // What is not known is not there, so that a rule that asks for it has no answer.
  if (!command.cwd.empty()) body += fmt::format(R"(,"cwd":{})", json_string(command.cwd));
  if (!command.digest.empty()) body += fmt::format(R"(,"digest":{})", json_string(command.digest));
  if (!command.parent_executable.empty()) {
    // Not its number: the same command started again is the same call.
    body += fmt::format(R"(,"parent":{{"exe":{}}})", json_string(command.parent_executable));
  }
  return body + "}";
}

}  // namespace

Command read_command(const std::string& proc, const writ_event_command& event,
                     std::string_view arguments) {
  Command command;
  while (!arguments.empty()) {
    const std::size_t end = arguments.find('\0');
    command.argv.emplace_back(arguments.substr(0, end));
    if (end == std::string_view::npos) break;
    arguments.remove_prefix(end + 1);
  }
  command.cut = (event.flags & WRIT_COMMAND_CUT) != 0;
  command.script = (event.flags & WRIT_COMMAND_SCRIPT) != 0;
  std::error_code error;
  command.cwd =
      std::filesystem::read_symlink(fmt::format("{}/{}/cwd", proc, event.head.pid), error).native();
  command.file = event.file;
  command.parent = event.parent;
  command.parent_executable = printable(executable_link(event.parent, proc));
  return command;
}

std::string program_path(std::string_view link, std::string_view file, bool on_host) {
  if (link.ends_with(kDeleted)) link.remove_suffix(kDeleted.size());
  if (on_host) return std::string(link);
  const std::string_view name = link.empty() ? file : link;
  return fmt::format("{}{}{}", kElsewhere, name.starts_with('/') ? "" : "/", name);
}

std::unique_ptr<Call> make_command_call(Command command, std::string path, scan::Scanner& scanner,
                                        const audit::Key& key, bool keep) {
  auto call = std::make_unique<Call>();
  call->id = new_call_id();
  const std::string body = body_of(command);
  call->request.protocol = kCommandProtocol;
  call->request.method = kCommandMethod;
  call->request.path = std::move(path);
  call->request.bytes = body.size();
  call->arguments.open(scanner, make_digest(key), {}, {.keep = keep});
  call->arguments.feed(body);
  if (!command.cut) {
    call->arguments.end();
    call->end = body.size();
  }
  call->command = std::move(command);
  return call;
}

}  // namespace writ::daemon
