// How long a decision takes over each socket, with a stand-in that answers at once:
//   build/pdp_round_trip [count]
// Microseconds from ask() to the callback, one request at a time on a connection that is kept.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "pdp/stand_in.h"
#include "pdp/support.h"

namespace {

using namespace writ::pdp;
using namespace writ::pdp::test;

void measure(const char* name, bool tcp, std::size_t count) {
  const StandIn server({.tcp = tcp}, [](const Asked&) {
    return Said::json(R"({"result":{"decision":"allow","reason":"yes","rule":"r"}})");
  });
  Loop loop(server.config());
  const PdpInput input = call_of("sarah");
  std::vector<double> times;
  const std::size_t warm = count / 10;
  for (std::size_t i = 0; i < count + warm; ++i) {
    bool done = false;
    const auto start = Clock::now();
    loop.client().ask(1, input, [&](const PdpAnswer& answer) {
      done = true;
      if (answer.code != "pdp_allowed") std::abort();
    });
    if (!loop.run([&] { return done; })) std::abort();
    const std::chrono::duration<double, std::micro> took = Clock::now() - start;
    if (i >= warm) times.push_back(took.count());
  }
  std::sort(times.begin(), times.end());
  std::printf("%s: p50 %.1f us, p99 %.1f us (%zu requests, %d connection)\n", name,
              times[times.size() / 2], times[times.size() * 99 / 100], times.size(),
              server.connections());
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 20'000;
  if (count == 0) return 2;
  measure("unix socket ", false, count);
  measure("TCP loopback", true, count);
  return 0;
}
