// The sentence of a rule, with names that are filled in when it decides: "{user} may not move
// {args.amount} EUR".
//
//   {user} {agent} {tenant} {tier}      who
//   {tool} {method} {host} {path} {destination}
//   {findings}                          those that the rule asks for
//   {rule}                              its id
//   {args.PATH} {captures.NAME}         see argument_path.h
//
// What is filled in is printable ASCII of at most 120 characters each, the whole at most kMaxShown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/argument_path.h"
#include "util/result.h"

namespace writ::policy {

struct Evaluation;
struct Rule;

class ReasonTemplate {
 public:
  static constexpr std::size_t kMaxLength = 1000;
  static constexpr std::size_t kMaxShown = 2000;

  ReasonTemplate() = default;
  // kInvalid: what is wrong, with the name that stands for nothing.
  static Result<ReasonTemplate> parse(std::string_view text);

  [[nodiscard]] bool empty() const { return parts_.empty(); }
  [[nodiscard]] bool reads_arguments() const;
  // REQUIRES: a writ.
  [[nodiscard]] std::string expand(const Rule& rule, Evaluation& evaluation) const;

 private:
  enum class Name : std::uint8_t {
    kLiteral,
    kUser,
    kAgent,
    kTenant,
    kTier,
    kTool,
    kMethod,
    kHost,
    kPath,
    kDestination,
    kFindings,
    kRule,
    kArgument,
  };
  struct Part {
    Name name = Name::kLiteral;
    std::string literal;
    ArgumentPath path;
  };
  [[nodiscard]] static std::string value(const Part& part, const Rule& rule,
                                         Evaluation& evaluation);
  static Result<Part> parse_name(std::string_view name);

  std::vector<Part> parts_;
};

}  // namespace writ::policy
