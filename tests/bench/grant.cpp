// writ_bench_grant ROOT WRIT COMMANDS REQUESTS: the round trip of a grant at the writd of ROOT.
//
//   command   `WRIT --root ROOT grant …`, from before it is started until it has ended
//   process   /bin/true in its place: what of that is the start of a process
//   socket    the same request on the control socket alone, with a connection of its own
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/client.h"
#include "figures.h"

namespace {

using namespace writ;  // NOLINT(google-build-using-namespace): this is the program

constexpr const char* kAgent = "tester";
constexpr const char* kUser = "sarah";
constexpr std::size_t kWarmUp = 3;

// Nanoseconds until the command has ended well; an error otherwise.
Result<std::uint64_t> run(std::vector<std::string> command) {
  std::vector<char*> arguments;
  for (std::string& argument : command) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (posix_spawn_file_actions_init(&actions) != 0 ||
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) != 0) {
    return fail(ErrorCode::kInternal, "prepare a process");
  }
  pid_t child = 0;
  int status = 0;
  const std::uint64_t start = bench::now_ns();
  const int error = posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  if (error == 0 && waitpid(child, &status, 0) != child) return fail_errno(errno, "wait for it");
  const std::uint64_t took = bench::now_ns() - start;
  (void)posix_spawn_file_actions_destroy(&actions);  // cannot fail here
  if (error != 0) return fail_errno(error, "start {}", command[0]);
  if (status != 0) return fail(ErrorCode::kInternal, "{} failed", command[0]);
  return took;
}

Result<std::uint64_t> ask(const std::string& root) {
  v1::ControlRequest request;
  v1::WritTerms& terms = *request.mutable_grant()->mutable_terms();
  terms.set_agent(kAgent);
  terms.set_user(kUser);
  const std::uint64_t start = bench::now_ns();
  const auto answer = cli::ask(root, request);
  const std::uint64_t took = bench::now_ns() - start;
  if (!answer) return tl::unexpected(answer.error());
  if (answer->writ().id().empty()) return fail(ErrorCode::kInternal, "there is no writ in it");
  return took;
}

// The samples behind the warm-up.
template <class Take>
Status take(bench::Samples& samples, std::size_t count, Take one) {
  for (std::size_t i = 0; i < count; ++i) {
    const Result<std::uint64_t> took = one();
    if (!took) return tl::unexpected(took.error());
    samples.add(*took);
  }
  return {};
}

struct Measured {
  bench::Samples command;
  bench::Samples process;
  bench::Samples socket;
};

Status measure(const std::string& root, const std::string& writ, std::size_t commands,
               std::size_t requests, Measured& out) {
  const auto command = [&] {
    return run({writ, "--root", root, "grant", "--agent", kAgent, "--user", kUser});
  };
  const auto process = [] { return run({"/bin/true"}); };
  const auto socket = [&] { return ask(root); };
  Measured unused;
  Status done = take(unused.command, kWarmUp, command);
  if (done) done = take(unused.process, kWarmUp, process);
  if (done) done = take(unused.socket, kWarmUp, socket);
  // In turn, the requests spread over the commands.
  for (std::size_t i = 0; i < commands && done; ++i) {
    done = take(out.command, 1, command);
    if (done) done = take(out.process, 1, process);
    if (done) done = take(out.socket, std::max<std::size_t>(1, requests / commands), socket);
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t commands = argc == 5 ? bench::count_argument(argv[3]) : 0;
  const std::size_t requests = argc == 5 ? bench::count_argument(argv[4]) : 0;
  if (commands == 0 || requests == 0) {
    (void)std::fprintf(stderr, "usage: writ_bench_grant ROOT WRIT COMMANDS REQUESTS\n");
    return 2;
  }
  Measured measured;
  if (Status done = measure(argv[1], argv[2], commands, requests, measured); !done) {
    (void)std::fprintf(stderr, "writ_bench_grant: %s\n", done.error().message.c_str());
    return 1;
  }
  bench::Figures figures;
  figures.add_percentiles("grant", "us", "command", measured.command);
  figures.add_percentiles("grant", "us", "process", measured.process);
  figures.add_percentiles("grant", "us", "socket", measured.socket);
  figures.print();
  return 0;
}
