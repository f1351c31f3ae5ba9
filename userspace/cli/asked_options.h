// A call that is described on the command line: who would make it, of what, with which arguments.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "identity/directory.h"
#include "policy/asked_call.h"
#include "util/result.h"

namespace writ::cli {

struct AskedOptions {
  std::string tenant;
  std::string user;
  std::string agent;
  std::string tier = "interactive";
  std::string identity = "login";
  std::string tool;
  std::vector<std::string> captures;  // NAME=VALUE
  std::string method;
  std::string host;
  std::string path;
  std::string query;
  std::string address;
  std::uint16_t port = 443;
  std::string args;  // JSON
  std::vector<std::string> findings;
  std::vector<std::string> used;
  int repeated = 0;
  std::string at;  // RFC 3339; empty: now

  void add_to(CLI::App& app);
  // Something of a call was said.
  [[nodiscard]] bool any() const { return !user.empty() || !agent.empty() || !tool.empty(); }
};

// Errors say which option is wrong. kNotFound: the directory has no such person or agent.
Result<policy::AskedCall> asked_call(const AskedOptions& options,
                                     const identity::Directory& directory);

}  // namespace writ::cli
