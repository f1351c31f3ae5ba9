// writ_bench_policy SAMPLES: how long a decision takes with 10, 1,000 and 10,000 rules, and how
// long it takes to load them.
//
//   decide    of the calls of a real policy (policy_text.h: spread); allowed, flagged and denied
//   crowded   of the call that every rule names, and the last one allows
//   match     which tool a call is: goes before each decision
//   load      text → policy, of the spread one
#include "policy/policy.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "figures.h"
#include "policy_text.h"

namespace {

using namespace writ;          // NOLINT(google-build-using-namespace): this is the program
using namespace writ::policy;  // NOLINT(google-build-using-namespace): this is the program

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

// Every verdict must occur, or this would measure something else.
bool spread(std::size_t rules, std::size_t samples, bench::Figures& figures) {
  const std::string column = std::to_string(rules);
  const auto sources = bench::spread_policy(rules);
  const std::uint64_t began = bench::now_ns();
  const auto policy = load(sources);
  figures.add("load", "ms", column, static_cast<double>(bench::now_ns() - began) / 1e6);
  if (!policy) return false;
  const identity::Writ writ = writ_of("sarah");
  std::vector<Question> questions = questions_of(rules);
  bench::Samples match;
  bench::Samples decide;
  std::set<Verdict> verdicts;
  for (std::size_t i = 0; i < samples; ++i) {
    Question& question = questions[i % questions.size()];
    std::uint64_t start = bench::now_ns();
    question.tool = policy->match(question.call);
    match.add(bench::now_ns() - start);
    if (!question.tool) return false;
    start = bench::now_ns();
    const Decision decision = ask(*policy, writ, question);
    decide.add(bench::now_ns() - start);
    verdicts.insert(decision.verdict);
  }
  figures.add_percentiles("decide", "us", column, decide);
  figures.add_percentiles("match", "us", column, match);
  return verdicts.size() == 3;
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

}  // namespace

int main(int argc, char** argv) {
  const std::size_t samples = argc == 2 ? bench::count_argument(argv[1]) : 0;
  if (samples == 0) {
    (void)std::fprintf(stderr, "usage: writ_bench_policy SAMPLES\n");
    return 2;
  }
  bench::Figures figures;
  for (const std::size_t rules : {10u, 1'000u, 10'000u}) {
    // The crowded one takes long where it is large.
    const std::size_t fewer = std::max<std::size_t>(1, samples / 10);
    if (!spread(rules, samples, figures) || !crowded(rules, fewer, figures)) {
      (void)std::fprintf(stderr, "writ_bench_policy: %zu rules do not decide as they should\n",
                         rules);
      return 1;
    }
  }
  figures.print();
  return 0;
}
