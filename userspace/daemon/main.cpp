// writd: parse, construct, run.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "daemon/daemon.h"
#include "daemon/version.h"

namespace {

int run(const std::string& root) {
  writ::Diagnostics problems;
  auto daemon = writ::daemon::Daemon::open(root, problems);
  for (const writ::Diagnostic& problem : problems) {
    std::fprintf(stderr, "%s\n", writ::to_string(problem).c_str());
  }
  if (!daemon) {
    std::fprintf(stderr, "writd: %s\n", daemon.error().message.c_str());
    return 1;
  }
  std::fprintf(stderr, "writd: ready\n");
  if (writ::Status served = (*daemon)->run(); !served) {
    std::fprintf(stderr, "writd: %s\n", served.error().message.c_str());
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
    spdlog::set_level(spdlog::level::from_str(level));
    return run(root);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "writd: %s\n", error.what());
    return 1;
  }
}
