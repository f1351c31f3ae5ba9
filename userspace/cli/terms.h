// What a writ shall be, as options: the same for `run`, `grant` and `attach`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control.pb.h"
#include "util/result.h"

namespace writ::cli {

struct TermsOptions {
  std::string agent;
  std::string user;
  std::string tenant;
  std::string token_file;
  std::vector<std::string> scopes;
  std::string task;
  std::string ttl;
  std::vector<std::string> limits;  // name=value
  std::string tier;
};

std::shared_ptr<TermsOptions> add_terms(CLI::App& app);

// Reads the token file and checks what needs no writd. The token must be in a file, since command
// lines are seen by everybody on the host; "-" is standard input.
Result<v1::WritTerms> read_terms(const TermsOptions& options);

// Whether any of them was given.
bool says_anything(const TermsOptions& options);

v1::Mode mode_of(const std::string& text);

}  // namespace writ::cli
