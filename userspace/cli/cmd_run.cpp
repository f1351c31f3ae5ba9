// writ run: starts a command inside a session. The process that becomes the command connects to
// writd itself, so that it is the one SO_PEERCRED names and writd moves into the session's cgroup;
// it executes the command only after writd has said yes. This process stays outside, passes signals
// and the exit code through, and reports the end.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <memory>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/supervisor.h"
#include "cli/terms.h"

namespace writ::cli {
namespace {

struct RunOptions {
  std::string writ;
  bool as_child = false;
  std::string parent;
  std::string mode;
};

constexpr std::size_t kMaxRecordedCommand = 64u << 10;
constexpr std::chrono::seconds kReportTimeout{5};

// The command line goes into the record, as text: protobuf strings are UTF-8, and a record is no
// place for megabytes. The command itself gets its arguments untouched.
void record_command(const std::vector<std::string>& command, v1::RunRequest& request) {
  std::size_t room = kMaxRecordedCommand;
  for (const std::string& argument : command) {
    const std::string text = printable(argument);
    if (text.size() > room) {
      request.add_command("... (cut)");
      return;
    }
    room -= text.size();
    request.add_command(text);
  }
}

// All bytes, or the parent has gone and the session ends with this process.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

[[noreturn]] void execute(const Program& program, const std::vector<std::string>& command) {
  std::vector<std::string> words = command;  // execv wants char*, not const char*
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 2);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(program.path.c_str(), arguments.data());
  if (errno == ENOEXEC) {  // a script without "#!": the shell runs it, as execvp has it
    std::string shell = "sh";
    std::string path = program.path;
    arguments.front() = path.data();
    arguments.insert(arguments.begin(), shell.data());
    ::execv("/bin/sh", arguments.data());
  }
  const int reason = errno;
  warn(fail_errno(reason, "cannot execute {}", program.path).value().message);
  ::_exit(reason == ENOENT ? kCommandNotFound : kCannotExecute);
}

// In the child. The report is the ControlResponse that writd gave, or an error in its place.
[[noreturn]] void become(const Context& context, const v1::ControlRequest& request,
                         const Program& program, int report_pipe) {
  v1::ControlResponse report;
  auto accepted = ask(context.root, request);
  if (accepted && accepted->has_run()) {
    report = *accepted;
  } else {
    const Error error =
        accepted ? Error{ErrorCode::kInternal, "writd gave no session"} : accepted.error();
    report.mutable_error()->set_message(error.message);
  }
  const bool told = write_all(report_pipe, report.SerializeAsString());
  if (!told || !report.has_run()) ::_exit(kNotRun);
  if (context.json) {
    // Standard output is the command's; so is the exit code.
    if (const auto text = json_text(report.run(), false)) (void)write_all(STDERR_FILENO, *text);
  }
  execute(program, context.operands);
}

void report_end(const Context& context, const std::string& session_id, int exit_code) {
  v1::ControlRequest request;
  request.mutable_run_ended()->set_session_id(session_id);
  request.mutable_run_ended()->set_exit_code(exit_code);
  if (const auto told = ask(context.root, request, kReportTimeout); !told) {
    warn(fmt::format("the exit code of session {} is not in the record: {}", session_id,
                     told.error().message));
  }
}

int start(const Context& context, const v1::ControlRequest& request, const Program& program) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return report(fail_errno(errno, "create a pipe").value()), kNotRun;
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const auto signals = SignalBlock::block();
  if (!signals) return report(signals.error()), kNotRun;

  const pid_t child = ::fork();
  if (child < 0) return report(fail_errno(errno, "fork").value()), kNotRun;
  if (child == 0) {
    signals->restore();
    become(context, request, program, write_end.get());
  }
  write_end.reset();
  const auto ended = supervise(child, *signals, std::move(read_end));
  if (!ended) return report(ended.error()), kNotRun;

  v1::ControlResponse answer;
  const bool answered = !ended->report.empty() && answer.ParseFromString(ended->report);
  if (answered && answer.has_run()) {
    report_end(context, answer.run().session_id(), exit_code_of_status(ended->wait_status));
    die_like(ended->wait_status);
    return exit_code_of_status(ended->wait_status);
  }
  if (answered) {
    warn(fmt::format("{}; {} was not started", answer.error().message(), context.operands.front()));
    return kNotRun;
  }
  die_like(ended->wait_status);  // ^C while writd was asked
  warn(fmt::format("{} was not started", context.operands.front()));
  return kNotRun;
}

// What is acted under: a writ that was granted before, or terms for a new one.
Status fill_writ(const RunOptions& options, const TermsOptions& terms, v1::RunRequest& wanted) {
  if (options.writ.empty() == terms.agent.empty()) {
    return fail(ErrorCode::kInvalid, "say --agent, or --writ of one that was granted");
  }
  if (!options.writ.empty() && (says_anything(terms) || options.as_child)) {
    return fail(ErrorCode::kInvalid, "--writ says it all: leave out the other options");
  }
  wanted.set_writ(printable(options.writ));
  wanted.set_as_child(options.as_child);
  wanted.set_parent(printable(options.parent));
  if (options.writ.empty()) {
    auto read = read_terms(terms);
    if (!read) return tl::unexpected(read.error());
    *wanted.mutable_terms() = std::move(*read);
    if (wanted.terms().tier().empty() && !options.as_child) {
      wanted.mutable_terms()->set_tier(isatty(STDIN_FILENO) == 1 ? "interactive" : "background");
    }
  }
  return {};
}

int run(const Context& context, const RunOptions& options, const TermsOptions& terms) {
  if (context.operands.empty()) {
    return report({ErrorCode::kInvalid,
                   "no command (writ run --agent A -- CMD ARGUMENT...; the -- is needed)"});
  }
  const char* search_path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  const auto program = find_program(context.operands.front(), search_path);
  if (!program) {
    (void)report(program.error());
    return program.error().code == ErrorCode::kNotFound ? kCommandNotFound : kCannotExecute;
  }
  if (printable(program->canonical) != program->canonical) {
    warn(fmt::format("the path {} is not plain UTF-8 and cannot stand in a record (rename it)",
                     program->canonical));
    return kNotRun;
  }
  v1::ControlRequest request;
  v1::RunRequest& wanted = *request.mutable_run();
  if (Status filled = fill_writ(options, terms, wanted); !filled) return report(filled.error());
  wanted.set_mode(mode_of(options.mode));
  wanted.set_executable(program->canonical);
  record_command(context.operands, wanted);
  return start(context, request, *program);
}

}  // namespace

Action define_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  auto terms = add_terms(app);
  app.add_option("--writ", options->writ, "act under this one, from `writ grant`");
  app.add_flag("--as-child", options->as_child,
               "the caller is an agent itself, and passes on a part of its writ");
  app.add_option("--parent", options->parent, "with --as-child: the caller's own writ");
  app.add_option("--mode", options->mode, "observe: record only; enforce: hold until allowed")
      ->check(CLI::IsMember({"observe", "enforce"}));
  app.footer(
      "writ run --agent A [--user U | --token-file F] [--mode observe|enforce] -- CMD ARGUMENT...\n"
      "CMD's exit code and signals pass through; 125: CMD never ran, 126: it cannot be "
      "executed, 127: not found.");
  return [options, terms](const Context& context) { return run(context, *options, *terms); };
}

}  // namespace writ::cli
