#include "policy/reason.h"

#include <algorithm>
#include <array>
#include <utility>

#include "policy/argument_value.h"
#include "policy/explain.h"
#include "policy/rule.h"

namespace writ::policy {
namespace {

constexpr std::size_t kMaxListedFindings = 8;

std::string list_findings(const Rule& rule, std::span<const FindingView> findings) {
  std::vector<std::string_view> names;
  for (const FindingView& finding : findings) {
    const bool wanted =
        rule.findings.empty() ||
        std::any_of(rule.findings.begin(), rule.findings.end(), [&](const FindingCondition& c) {
          return finding_matches(c.kind, finding.rule, finding.category);
        });
    if (wanted && std::find(names.begin(), names.end(), finding.rule) == names.end())
      names.push_back(finding.rule);
    if (names.size() > kMaxListedFindings) break;
  }
  std::sort(names.begin(), names.end());
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxListedFindings); ++i) {
    if (i > 0) text += ", ";
    text += names[i];
  }
  if (names.size() > kMaxListedFindings) text += " and more";
  return text.empty() ? "nothing" : text;
}

std::string or_unknown(const std::string& text) { return text.empty() ? "unknown" : text; }

}  // namespace

Result<ReasonTemplate::Part> ReasonTemplate::parse_name(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Name>, 11> kNames = {{
      {"user", Name::kUser},
      {"agent", Name::kAgent},
      {"tenant", Name::kTenant},
      {"tier", Name::kTier},
      {"tool", Name::kTool},
      {"method", Name::kMethod},
      {"host", Name::kHost},
      {"path", Name::kPath},
      {"destination", Name::kDestination},
      {"findings", Name::kFindings},
      {"rule", Name::kRule},
  }};
  for (const auto& [known, part] : kNames) {
    if (name == known) return Part{.name = part};
  }
  const bool capture = name.starts_with("captures.");
  if (!capture && !name.starts_with("args."))
    return fail(ErrorCode::kInvalid, "'reason' holds {{{}}}, which stands for nothing", name);
  const std::string_view path = name.substr(name.find('.') + 1);
  auto parsed = parse_argument_path(capture ? "path:" + std::string(path) : std::string(path));
  if (!parsed) return fail(ErrorCode::kInvalid, "'{{{}}}': {}", name, parsed.error().message);
  return Part{.name = Name::kArgument, .path = std::move(*parsed)};
}

Result<ReasonTemplate> ReasonTemplate::parse(std::string_view text) {
  const bool one_line = std::all_of(text.begin(), text.end(),
                                    [](char c) { return static_cast<unsigned char>(c) >= ' '; });
  if (!one_line || text.size() > kMaxLength) {
    return fail(ErrorCode::kInvalid, "'reason' must be one line of at most {} characters",
                kMaxLength);
  }
  ReasonTemplate result;
  while (!text.empty()) {
    const std::size_t brace = text.find_first_of("{}");
    if (brace != 0) result.parts_.push_back({.literal = std::string(text.substr(0, brace))});
    if (brace == std::string_view::npos) break;
    text.remove_prefix(brace);
    const std::size_t end = text.find('}');
    if (text.front() == '}' || end == std::string_view::npos)
      return fail(ErrorCode::kInvalid, "'reason' holds {}, which stands for nothing", text);
    Result<Part> part = parse_name(text.substr(1, end - 1));
    if (!part) return tl::unexpected(part.error());
    result.parts_.push_back(std::move(*part));
    text.remove_prefix(end + 1);
  }
  return result;
}

bool ReasonTemplate::reads_arguments() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.name == Name::kArgument; });
}

std::string ReasonTemplate::value(const Part& part, const Rule& rule, Evaluation& evaluation) {
  const Input& input = evaluation.input;
  switch (part.name) {
    case Name::kLiteral:
      return part.literal;
    case Name::kUser:
      return input.writ->user.id;
    case Name::kAgent:
      return input.writ->agent.id;
    case Name::kTenant:
      return input.writ->tenant;
    case Name::kTier:
      return std::string(identity::to_text(input.writ->tier));
    case Name::kTool:
      return describe_tool(input);
    case Name::kMethod:
      return or_unknown(printable(input.call.method));
    case Name::kHost:
      return or_unknown(printable(input.call.host));
    case Name::kPath:
      return or_unknown(printable(input.call.path));
    case Name::kDestination:
      return describe_destination(input.call.destination);
    case Name::kFindings:
      return list_findings(rule, input.findings);
    case Name::kRule:
      return rule.id;
    case Name::kArgument:
      return or_unknown(show_argument(part.path, evaluation));
  }
  return "";
}

std::string ReasonTemplate::expand(const Rule& rule, Evaluation& evaluation) const {
  std::string text;
  for (const Part& part : parts_) text += value(part, rule, evaluation);
  if (text.size() > kMaxShown) {
    std::size_t end = kMaxShown;
    while ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not within a character
    text.resize(end);
    text += "...";
  }
  return text;
}

}  // namespace writ::policy
