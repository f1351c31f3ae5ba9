// writ_bench_exchange PORT COUNT: how fast writd exchanges tokens (RFC 8693). Reads the form of the
// request from its standard input, where no other process sees it, and sends it COUNT times by
// itself, then COUNT times with eight callers at once.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "figures.h"
#include "http_client.h"

namespace {

using namespace writ;  // NOLINT(google-build-using-namespace): this is the program

constexpr std::size_t kWarmUp = 20;
constexpr std::size_t kAtOnce = 8;

struct Caller {
  bench::Samples samples;
  Status outcome;
};

void call(std::uint16_t port, const std::string& form, std::size_t count, Caller& out) {
  bench::HttpClient client(port);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t start = bench::now_ns();
    const auto answer = client.post_form("/token", form);
    out.samples.add(bench::now_ns() - start);
    if (!answer) {
      out.outcome = tl::unexpected(answer.error());
    } else if (answer->find("\"access_token\"") == std::string::npos) {
      out.outcome = fail(ErrorCode::kInternal, "there is no token in the answer");
    }
    if (!out.outcome) return;
  }
}

Status measure(std::uint16_t port, const std::string& form, std::size_t count, std::size_t callers,
               const std::string& column, bench::Figures& figures) {
  std::vector<Caller> all(callers);
  std::vector<std::thread> threads;
  const std::uint64_t start = bench::now_ns();
  threads.reserve(callers);
  for (Caller& one : all)
    threads.emplace_back([&, each = count / callers] { call(port, form, each, one); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = static_cast<double>(bench::now_ns() - start) / 1e9;
  bench::Samples samples;
  for (const Caller& one : all) {
    if (!one.outcome) return one.outcome;
    samples.add_all(one.samples);
  }
  figures.add_percentiles("exchange", "us", column, samples);
  figures.add("exchanges", "1/s", column, static_cast<double>(samples.size()) / seconds);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t port = argc == 3 ? bench::count_argument(argv[1]) : 0;
  const std::size_t count = argc == 3 ? bench::count_argument(argv[2]) : 0;
  if (port == 0 || port > std::numeric_limits<std::uint16_t>::max() || count < kAtOnce) {
    (void)std::fprintf(stderr, "usage: writ_bench_exchange PORT COUNT < FORM   (COUNT >= %zu)\n",
                       kAtOnce);
    return 2;
  }
  const std::string form(std::istreambuf_iterator<char>(std::cin), {});
  const auto to = static_cast<std::uint16_t>(port);
  bench::Figures figures;
  bench::Figures unused;
  Status done = measure(to, form, kWarmUp, 1, "one", unused);
  if (done) done = measure(to, form, count, 1, "one", figures);
  if (done) done = measure(to, form, count, kAtOnce, "eight", figures);
  if (!done) {
    (void)std::fprintf(stderr, "writ_bench_exchange: %s\n", done.error().message.c_str());
    return 1;
  }
  figures.print();
  return 0;
}
