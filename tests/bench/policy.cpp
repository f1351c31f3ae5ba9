// writ_bench_policy SAMPLES: how long a decision takes with 10, 1,000 and 10,000 rules, and how
// long it takes to load them.
//
//   decide    of the calls of a real policy (policy_text.h: spread); allowed, flagged and denied
//   growth    its median, to that with 10 rules
//   crowded   of the call that every rule names, and the last one allows
//   match     which tool a call is: goes before each decision
//   load      text → policy, of the spread one
//
// writ_bench_policy --write DIRECTORY RULES: puts the spread one into files there.
#include "policy/policy.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include "figures.h"
#include "policy_text.h"

namespace {

using namespace writ;          // NOLINT(google-build-using-namespace): this is the program
using namespace writ::policy;  // NOLINT(google-build-using-namespace): this is the program

constexpr std::size_t kSizes[] = {10, 1'000, 10'000};
constexpr std::size_t kCalls = 997;  // different ones at most; each is asked again and again
constexpr std::size_t kFindingsEvery = 5;
constexpr FindingView kFindings[] = {{.rule = "pii.email", .category = "pii"}};

std::shared_ptr<const Policy> load(const std::vector<SourceText>& sources) {
  Diagnostics out;
  auto policy = Policy::load_from_text(sources, out);
  for (const Diagnostic& problem : out)
    (void)std::fprintf(stderr, "writ_bench_policy: %s\n", to_string(problem).c_str());
  return out.empty() ? policy : nullptr;
}

identity::Writ writ_of(const std::string& user) {
  identity::Writ writ;
  writ.user = {.id = user, .roles = {"lead", "sales"}, .scopes = {"work.*", "crm.*", "mail.send"}};
  writ.agent = {.id = "assistant", .scopes = {"crm.contacts.read", "mail.send", "work.*"}};
  writ.effective = identity::intersect(writ.user.scopes, writ.agent.scopes);
  writ.chain = {writ.agent.id};
  writ.strength = identity::IdentityStrength::kToken;
  return writ;
}

struct Question {
  ToolCall call;
  std::optional<ToolMatch> tool;
  std::span<const FindingView> findings;
};

std::vector<Question> questions_of(std::size_t rules) {
  std::mt19937 random(1);
  std::vector<Question> questions;
  for (std::size_t i = 0; i < kCalls; ++i) {
    questions.push_back({.call = bench::call_of(random() % (rules / 10), random() % 4)});
    if (i % kFindingsEvery == 0) questions.back().findings = kFindings;
  }
  return questions;
}

Decision ask(const Policy& policy, const identity::Writ& writ, const Question& question) {
  return policy.decide({.call = question.call,
                        .tool = question.tool ? &*question.tool : nullptr,
                        .writ = &writ,
                        .findings = question.findings});
}

// A policy of many services, and what was measured of it.
class Spread {
 public:
  explicit Spread(std::size_t rules, bench::Figures& figures)
      : column_(std::to_string(rules)), questions_(questions_of(rules)) {
    const auto sources = bench::spread_policy(rules);
    const std::uint64_t began = bench::now_ns();
    policy_ = load(sources);
    figures.add("load", "ms", column_, static_cast<double>(bench::now_ns() - began) / 1e6);
  }

  // False: the policy does not know its own tools.
  bool ask_some(std::size_t samples) {
    if (!policy_) return false;
    for (std::size_t i = 0; i < samples; ++i) {
      Question& question = questions_[next_++ % questions_.size()];
      std::uint64_t start = bench::now_ns();
      question.tool = policy_->match(question.call);
      match_.add(bench::now_ns() - start);
      if (!question.tool) return false;
      start = bench::now_ns();
      const Decision decision = ask(*policy_, writ_, question);
      decide_.add(bench::now_ns() - start);
      verdicts_.insert(decision.verdict);
    }
    return true;
  }

  // False: a verdict never occurred, so this measured something else.
  bool report(double least, bench::Figures& figures) const {
    figures.add_percentiles("decide", "us", column_, decide_);
    figures.add("growth_p50", "x", column_, median() / least);
    figures.add_percentiles("match", "us", column_, match_);
    return verdicts_.size() == 3;
  }
  [[nodiscard]] double median() const { return decide_.percentile(50); }

 private:
  std::string column_;
  std::shared_ptr<const Policy> policy_;
  identity::Writ writ_ = writ_of("sarah");
  std::vector<Question> questions_;
  std::size_t next_ = 0;
  bench::Samples match_;
  bench::Samples decide_;
  std::set<Verdict> verdicts_;
};

// In turn, so that what else the machine does falls on all of them.
bool spread(std::size_t samples, bench::Figures& figures) {
  constexpr std::size_t kTurns = 20;
  std::deque<Spread> all;
  for (const std::size_t rules : kSizes) all.emplace_back(rules, figures);
  for (std::size_t turn = 0; turn < kTurns; ++turn) {
    for (Spread& one : all) {
      if (!one.ask_some(samples / kTurns)) return false;
    }
  }
  return std::all_of(all.begin(), all.end(),
                     [&](const Spread& one) { return one.report(all.front().median(), figures); });
}

bool crowded(std::size_t rules, std::size_t samples, bench::Figures& figures) {
  const auto policy = load(bench::crowded_policy(rules));
  if (!policy) return false;
  const identity::Writ writ = writ_of(bench::last_user(rules));
  Question question{.call = bench::call_of(0, 1)};
  question.tool = policy->match(question.call);
  bench::Samples decide;
  bool allowed = true;
  for (std::size_t i = 0; i < samples; ++i) {
    const std::uint64_t start = bench::now_ns();
    const Decision decision = ask(*policy, writ, question);
    decide.add(bench::now_ns() - start);
    allowed = allowed && decision.verdict == Verdict::kAllow;
  }
  figures.add_percentiles("crowded", "us", std::to_string(rules), decide);
  return allowed;
}

int write_files(const std::filesystem::path& directory, std::size_t rules) {
  for (const SourceText& source : bench::spread_policy(rules)) {
    std::ofstream file(directory / source.file);
    if (file << source.text && file.flush()) continue;
    (void)std::fprintf(stderr, "writ_bench_policy: cannot write to %s\n", directory.c_str());
    return 1;
  }
  return 0;
}

int measure(std::size_t samples) {
  bench::Figures figures;
  bool done = spread(samples, figures);
  // The crowded one takes long where it is large.
  for (const std::size_t rules : kSizes) done = done && crowded(rules, samples / 10, figures);
  if (!done) {
    (void)std::fprintf(stderr, "writ_bench_policy: the rules do not decide as they should\n");
    return 1;
  }
  figures.print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool write = argc == 4 && std::string_view(argv[1]) == "--write";
  const std::size_t count = write       ? bench::count_argument(argv[3])
                            : argc == 2 ? bench::count_argument(argv[1])
                                        : 0;
  if (count == 0 || (write ? count % 10 != 0 : count < 100)) {
    (void)std::fprintf(stderr,
                       "usage: writ_bench_policy SAMPLES | --write DIRECTORY RULES   "
                       "(100 samples or more, rules by tens)\n");
    return 2;
  }
  return write ? write_files(argv[2], count) : measure(count);
}
