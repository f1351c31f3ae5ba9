#include "scan/ruleset.h"

#include <hs.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <set>

#include "scan/hs_check.h"
#include "util/yaml.h"

namespace writ::scan {
namespace {

constexpr std::size_t kMaxRules = 1000;
// A shorter pattern matches everywhere: it says nothing, and every match costs.
constexpr unsigned kMinWidth = 4;

unsigned flags_of(const Rule& rule) {
  return HS_FLAG_DOTALL | (rule.caseless ? HS_FLAG_CASELESS : 0u);
}

struct CompileErrorFree {
  void operator()(hs_compile_error_t* e) const { hs_free_compile_error(e); }
};
using CompileError = std::unique_ptr<hs_compile_error_t, CompileErrorFree>;

void report(const Rule& rule, std::string message, std::string hint, Diagnostics& out) {
  out.push_back({.file = rule.file,
                 .line = rule.line,
                 .column = rule.column,
                 .message = fmt::format("rule '{}': {}", rule.id, message),
                 .hint = std::move(hint)});
}

// The least and the greatest length of a match; what Vectorscan refuses is a diagnostic.
struct Widths {
  unsigned min = 0;
  unsigned max = 0;
};
std::optional<Widths> measure(const Rule& rule, const std::string& expression, unsigned at_least,
                              Diagnostics& out) {
  hs_expr_info_t* info_raw = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_expression_info(expression.c_str(), flags_of(rule), &info_raw, &error) != HS_SUCCESS) {
    const CompileError owner(error);
    report(rule, fmt::format("bad pattern: {}", error->message),
           "patterns are PCRE without back-references and look-around", out);
    return std::nullopt;
  }
  const std::unique_ptr<hs_expr_info_t, decltype(&std::free)> info(info_raw, &std::free);
  if (info->min_width < at_least || info->min_width == ~0u) {
    report(rule, fmt::format("the pattern can match fewer than {} bytes", at_least),
           "make it longer, or it matches everywhere", out);
    return std::nullopt;
  }
  return Widths{info->min_width, info->max_width};
}

void compile_rule(CompiledRule& compiled, Diagnostics& out) {
  const Rule& rule = compiled.rule;
  const auto widths = measure(rule, rule.expression, rule.validator ? 1 : kMinWidth, out);
  const bool anchor_fine =
      rule.anchor.empty() || measure(rule, rule.anchor, kMinWidth, out).has_value();
  if (!widths || !anchor_fine) return;
  compiled.min_width = widths->min;
  compiled.max_width = std::min<std::size_t>(widths->max, kBehind);
  if (rule.validator != nullptr) return;
  hs_database_t* db = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile(rule.expression.c_str(), flags_of(rule) | HS_FLAG_SOM_LEFTMOST, HS_MODE_BLOCK,
                 nullptr, &db, &error) != HS_SUCCESS) {
    const CompileError owner(error);
    report(rule, fmt::format("the pattern is too complex: {}", error->message),
           "split it into several rules", out);
    return;
  }
  compiled.locate.reset(db);
}

std::string hash_of(const std::vector<CompiledRule>& rules) {
  std::string text;
  const auto add = [&](std::string_view part) {  // with its length, so that parts cannot run over
    text += fmt::format("{}:", part.size());
    text += part;
  };
  for (const CompiledRule& compiled : rules) {
    const Rule& rule = compiled.rule;
    add(rule.id);
    add(rule.category);
    add(rule.expression);
    add(rule.anchor);
    add(rule.validator != nullptr ? rule.validator->name : "");
    add(fmt::format("{}{}{}", rule.caseless, rule.word_edges, rule.show));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    return "";
  std::string hex;
  for (std::size_t i = 0; i < 8; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

Result<Database> compile_all(const std::vector<CompiledRule>& rules) {
  std::vector<const char*> expressions;
  std::vector<unsigned> flags;
  std::vector<unsigned> ids;
  for (const CompiledRule& compiled : rules) {
    expressions.push_back(trigger_of(compiled.rule).c_str());
    flags.push_back(flags_of(compiled.rule));
    ids.push_back(static_cast<unsigned>(ids.size()));
  }
  hs_database_t* db = nullptr;
  hs_compile_error_t* error = nullptr;
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(ids.size()), HS_MODE_STREAM, nullptr, &db,
                       &error) != HS_SUCCESS) {
    const CompileError owner(error);
    return fail(ErrorCode::kInvalid, "compile the scan rules together: {}", error->message);
  }
  return Database(db);
}

}  // namespace

void DatabaseFree::operator()(hs_database* db) const { check(hs_free_database(db)); }
void ScratchFree::operator()(hs_scratch* scratch) const { check(hs_free_scratch(scratch)); }

Result<std::shared_ptr<const Ruleset>> Ruleset::load(const std::vector<std::string>& files,
                                                     Diagnostics& problems) {
  if (hs_valid_platform() != HS_SUCCESS)
    return fail(ErrorCode::kUnavailable, "content scanning needs a CPU with SSSE3");
  const auto errors = [&] {
    return std::count_if(problems.begin(), problems.end(),
                         [](const Diagnostic& d) { return d.severity == Severity::kError; });
  };
  const auto before = errors();
  std::shared_ptr<Ruleset> set(new Ruleset);
  std::set<std::string> seen;
  for (const std::string& file : files) {
    auto text = read_text_file(file);
    if (!text) {
      problems.push_back({.file = file, .message = text.error().message});
      continue;
    }
    for (Rule& rule : parse_rules(*text, file, problems)) {
      if (!rule.id.empty() && !seen.insert(rule.id).second)
        report(rule, "the id is used twice", "ids are unique over all rule files", problems);
      CompiledRule compiled{.rule = std::move(rule)};
      if (!compiled.rule.expression.empty()) compile_rule(compiled, problems);
      set->rules_.push_back(std::move(compiled));
    }
  }
  if (set->rules_.empty() && errors() == before)
    return fail(ErrorCode::kInvalid, "the rule files hold no rules");
  if (set->rules_.size() > kMaxRules)
    return fail(ErrorCode::kInvalid, "there are more than {} scan rules", kMaxRules);
  if (errors() != before)
    return fail(ErrorCode::kInvalid, "{} problems in the scan rules", errors() - before);
  std::sort(set->rules_.begin(), set->rules_.end(),
            [](const CompiledRule& a, const CompiledRule& b) { return a.rule.id < b.rule.id; });
  auto database = compile_all(set->rules_);
  if (!database) return tl::unexpected(database.error());
  set->database_ = std::move(*database);
  set->version_ = hash_of(set->rules_);
  if (set->version_.empty()) return fail(ErrorCode::kUnavailable, "SHA-256 is not available");
  return std::shared_ptr<const Ruleset>(std::move(set));
}

std::vector<std::string> Ruleset::categories() const {
  std::set<std::string> all;
  for (const CompiledRule& compiled : rules_) all.insert(compiled.rule.category);
  return {all.begin(), all.end()};
}

Scratch Ruleset::make_scratch(bool locate) const {
  hs_scratch_t* scratch = nullptr;
  if (!locate) check(hs_alloc_scratch(database_.get(), &scratch));
  for (const CompiledRule& compiled : rules_) {
    if (locate && compiled.locate) check(hs_alloc_scratch(compiled.locate.get(), &scratch));
  }
  return Scratch(scratch);
}

std::size_t Ruleset::stream_bytes() const {
  std::size_t size = 0;
  check(hs_stream_size(database_.get(), &size));
  return size;
}

void detail::run_locate(const CompiledRule& rule, std::string_view window, hs_scratch* scratch,
                        OnMatch on_match, void* context) {
  struct Call {
    OnMatch on_match;
    void* context;
  } call{on_match, context};
  const auto forward = [](unsigned, unsigned long long from, unsigned long long to, unsigned,
                          void* opaque) {
    const Call& c = *static_cast<Call*>(opaque);
    c.on_match(c.context, static_cast<std::size_t>(from), static_cast<std::size_t>(to));
    return 0;
  };
  check(hs_scan(rule.locate.get(), window.data(), static_cast<unsigned>(window.size()), 0, scratch,
                forward, &call));
}

}  // namespace writ::scan
