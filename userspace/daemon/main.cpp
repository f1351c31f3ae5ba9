// writd: parse, construct, run.
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "daemon/daemon.h"
#include "daemon/version.h"

namespace {

int run(const std::string& root) {
  writ::Diagnostics problems;
  auto daemon = writ::daemon::Daemon::open(root, problems);
  for (const writ::Diagnostic& problem : problems) {
    fmt::print(stderr, "{}\n", writ::to_string(problem));
  }
  if (!daemon) {
    fmt::print(stderr, "writd: {}\n", daemon.error().message);
    return 1;
  }
  fmt::print(stderr, "writd: ready\n");
  if (writ::Status served = (*daemon)->run(); !served) {
    fmt::print(stderr, "writd: {}\n", served.error().message);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    CLI::App app("writd: the control plane for AI agents on this host");
    std::string root = "/";
    std::string level = "info";
    app.add_option("--root", root, "configuration, state and socket lie below this folder");
    app.add_option("--log-level", level, "debug, info, warn or error");
    app.set_version_flag("--version", writ::daemon::kVersion);
    CLI11_PARSE(app, argc, argv);
    spdlog::set_default_logger(spdlog::stderr_logger_mt("writd"));
    // Who reads what is written may be gone; each write says so.
    (void)std::signal(SIGPIPE, SIG_IGN);
    spdlog::set_level(spdlog::level::from_str(level));
    return run(root);
  } catch (const std::exception& error) {
    (void)std::fputs(error.what(), stderr);  // the last words; nowhere else to say them
    return 1;
  }
}
