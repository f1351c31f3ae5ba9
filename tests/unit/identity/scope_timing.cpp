// What a call costs for its writ: whether the writ counts, and whether its 100 effective scopes
// cover what the tool needs. Not a test: it prints, and compares with nothing.
//   build/scope_timing
#include <time.h>

#include <cstddef>
#include <cstdio>
#include <string>

#include "identity/writ_book.h"

namespace {

using namespace writ::identity;  // NOLINT(google-build-using-namespace): a program of one screen

constexpr int kScopes = 100;
constexpr int kRounds = 1'000'000;

double seconds() {
  timespec now{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);  // cannot fail for this clock
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

template <class Work>
void measure(const char* what, int rounds, Work work) {
  std::size_t sum = 0;
  const double start = seconds();
  for (int i = 0; i < rounds; ++i) sum += work(i);
  const double each = (seconds() - start) * 1e9 / rounds;
  std::printf("%-44s %8.1f ns (%zu)\n", what, each, sum);
}

}  // namespace

int main() {
  Scopes scopes;
  for (int i = 0; i < kScopes; ++i)
    scopes.push_back("service" + std::to_string(i / 10) + ".resource" + std::to_string(i) +
                     ".read");
  User user{.id = "sarah", .scopes = minimal(scopes)};
  for (int i = 0; i < kScopes / 4; ++i) scopes.push_back("other" + std::to_string(i) + ".*");
  const Agent agent{.id = "assistant", .scopes = minimal(scopes)};
  const TimePoint now{std::chrono::hours(480'000)};
  auto writ = issue(user, agent, {.via = "x", .strength = IdentityStrength::kAsserted}, now);
  if (!writ) return 1;
  const Scopes effective = writ->effective;
  WritBook book;
  const auto handle = book.add(std::move(*writ), now);
  if (!handle) return 1;

  const Scopes one{"service9.resource99.read"};
  const Scopes absent{"service9.resource99.write"};
  const Scopes three{"service0.resource0.read", "service5.resource50.read",
                     "service9.resource99.read"};
  measure("missing(100 effective, 1 required, had)", kRounds,
          [&](int) { return missing(effective, one).size(); });
  measure("missing(100 effective, 1 required, not had)", kRounds,
          [&](int) { return missing(effective, absent).size(); });
  measure("missing(100 effective, 3 required, had)", kRounds,
          [&](int) { return missing(effective, three).size(); });
  measure("book.active()", kRounds, [&](int) { return std::size_t{book.active(*handle, now)}; });
  measure("intersect(100 of the user, 125 of the agent)", kRounds / 100,
          [&](int) { return intersect(user.scopes, agent.scopes).size(); });
  return 0;
}
