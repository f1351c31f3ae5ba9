// writ_bench_scopes SAMPLES: what the scope algebra costs with 100 scopes of the user and 100 of
// the agent.
//
//   per_call    each call: whether the writ counts, and whether its scopes cover what the tool
//               needs; every second call lacks one
//   intersect   the effective scopes themselves, once a writ and once a token exchange
#include <algorithm>
#include <cstdio>
#include <random>
#include <string>

#include "figures.h"
#include "identity/writ_book.h"

namespace {

using namespace writ;            // NOLINT(google-build-using-namespace): this is the program
using namespace writ::identity;  // NOLINT(google-build-using-namespace): this is the program

constexpr int kScopes = 100;
constexpr std::size_t kIntersectEvery = 20;  // it takes longer, and its samples are as many as need

struct Sides {
  const char* name;
  Scopes user;
  Scopes agent;
  std::vector<Scopes> required;  // had in the even places, not had in the odd ones
};

std::string resource(int i) {
  return "service" + std::to_string(i / 10) + ".resource" + std::to_string(i);
}

// Both have the same 100.
Sides specific() {
  Sides sides{.name = "specific"};
  for (int i = 0; i < kScopes; ++i) {
    sides.user.push_back(resource(i) + ".read");
    sides.agent.push_back(resource(i) + ".read");
    sides.required.push_back({resource(i) + ".read"});
    sides.required.push_back({resource(i) + ".write"});
  }
  return sides;
}

// A third each: wildcards of the user over scopes of the agent, the other way round, and the same
// wildcards on both sides. The effective scopes are 100 again, 34 of them wildcards.
Sides wildcards() {
  Sides sides{.name = "wildcards"};
  for (int i = 0; i < kScopes; ++i) {
    const bool user_wide = i % 3 != 1;
    const bool agent_wide = i % 3 != 2;
    sides.user.push_back(resource(i) + (user_wide ? ".*" : ".read"));
    sides.agent.push_back(resource(i) + (agent_wide ? ".*" : ".read"));
    sides.required.push_back({resource(i) + ".read"});
    sides.required.push_back({user_wide && agent_wide ? resource(i) : resource(i) + ".write"});
  }
  return sides;
}

bool measure(const Sides& sides, std::size_t samples, bench::Figures& figures) {
  const User user{.id = "sarah", .scopes = minimal(sides.user)};
  const Agent agent{.id = "assistant", .scopes = minimal(sides.agent)};
  const TimePoint now{std::chrono::hours(480'000)};
  auto writ = issue(user, agent, {.via = "bench", .strength = IdentityStrength::kAsserted}, now);
  if (!writ || writ->effective.size() != kScopes) return false;
  const Scopes effective = writ->effective;
  WritBook book;
  const auto handle = book.add(std::move(*writ), now);
  if (!handle) return false;

  std::vector<std::size_t> order(sides.required.size());  // one that no branch predictor learns
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::mt19937 random(1);
  bench::Samples per_call;
  bench::Samples whole;
  std::size_t denied = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    if (i % order.size() == 0) std::shuffle(order.begin(), order.end(), random);
    const Scopes& required = sides.required[order[i % order.size()]];
    std::uint64_t start = bench::now_ns();
    const bool may = book.active(*handle, now) && missing(effective, required).empty();
    per_call.add(bench::now_ns() - start);
    denied += may ? 0 : 1;
    if (i % kIntersectEvery != 0) continue;
    start = bench::now_ns();
    const Scopes both = intersect(user.scopes, agent.scopes);
    whole.add(bench::now_ns() - start);
    if (both.size() != kScopes) return false;
  }
  figures.add_percentiles("per_call", "ns", sides.name, per_call);
  figures.add_percentiles("intersect", "ns", sides.name, whole);
  return samples % order.size() != 0 || denied * 2 == samples;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t samples = argc == 2 ? bench::count_argument(argv[1]) : 0;
  if (samples == 0) {
    (void)std::fprintf(stderr, "usage: writ_bench_scopes SAMPLES\n");
    return 2;
  }
  bench::Figures figures;
  for (const Sides& sides : {specific(), wildcards()}) {
    if (!measure(sides, samples, figures)) {
      (void)std::fprintf(stderr, "writ_bench_scopes: the scopes are not what they should be\n");
      return 1;
    }
    figures.add("clock", "ns", sides.name, bench::clock_cost_ns());
  }
  figures.print();
  return 0;
}
