#include "policy/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "policy/argument_value.h"
#include "util/json_fault.h"

namespace writ::policy {
namespace {

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// nullopt: a broken escape, a NUL, or no UTF-8.
std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      plain += ' ';
    } else if (text[i] == '%') {
      if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
      plain += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  if (has_nul(plain) || !simdjson::validate_utf8(plain)) return std::nullopt;
  return plain;
}

}  // namespace

Arguments::Arguments() = default;
Arguments::~Arguments() = default;
Arguments::Arguments(Arguments&&) noexcept = default;
Arguments& Arguments::operator=(Arguments&&) noexcept = default;

Arguments Arguments::read(std::optional<std::string_view> body, std::string_view query) {
  Arguments arguments;
  if (body && !body->empty()) arguments.read_body(*body);
  arguments.read_query(query);
  return arguments;
}

Arguments Arguments::unread(std::string problem, std::string_view query) {
  Arguments arguments;
  arguments.body_problem_ = problem.empty() ? "the body was not read" : std::move(problem);
  arguments.read_query(query);
  return arguments;
}

void Arguments::read_body(std::string_view body) {
  if (body.size() > kMaxBytes) {
    body_problem_ = fmt::format("the body is over {} bytes", kMaxBytes);
    return;
  }
  auto document = std::make_unique<ArgumentDocument>();
  auto error = document->parser.allocate(std::max<std::size_t>(body.size(), 64), kMaxDepth);
  if (error == simdjson::SUCCESS)
    error = document->parser.parse(body.data(), body.size()).get(document->root);
  if (error != simdjson::SUCCESS) {
    body_problem_ = error == simdjson::DEPTH_ERROR ? "the body nests too deep"
                                                   : "the body is no JSON that can be read";
    return;
  }
  if (const char* fault = json_fault(document->root, body, kMaxDepth)) {
    body_problem_ = fmt::format("the body {}", fault);
    return;
  }
  body_ = std::move(document);
}

void Arguments::read_query(std::string_view query) {
  // Servers differ over ';' (HTML 4 appendix B.2.2 wanted it to separate as '&' does).
  if (query.size() > kMaxQueryBytes || query.find(';') != std::string_view::npos) {
    query_problem_ = "the query cannot be read in one way";
    return;
  }
  std::size_t count = 0;
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view one = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (one.empty()) continue;
    const std::size_t sign = one.find('=');
    auto name = decoded(one.substr(0, sign));
    auto value = decoded(sign == std::string_view::npos ? "" : one.substr(sign + 1));
    if (!name || !value || ++count > kMaxParameters) {
      query_problem_ = "the query cannot be read in one way";
      parameters_.clear();
      return;
    }
    parameters_[std::move(*name)].push_back(std::move(*value));
  }
}

const std::vector<std::string>* Arguments::parameter(std::string_view name) const {
  const auto found = parameters_.find(name);
  return found == parameters_.end() ? nullptr : &found->second;
}

}  // namespace writ::policy
