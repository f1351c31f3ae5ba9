// writ_bench_parse MEGABYTES: how fast each protocol is read, on one core, by the size of its
// messages; MEGABYTES are read of each. Bytes come in pieces of 16 KiB, as TLS records do.
#include <time.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "figures.h"
#include "parse_jobs.h"

namespace {

using namespace writ;  // NOLINT(google-build-using-namespace): this is the program

struct Size {
  const char* column;
  std::size_t bytes;
};
constexpr Size kSizes[] = {{"1KiB", 1u << 10}, {"64KiB", 64u << 10}, {"1MiB", 1u << 20}};

// Of this thread: what else the machine does is not what is measured.
std::uint64_t cpu_ns() {
  timespec now{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);  // cannot fail for one's own thread
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Bytes a second of CPU time, of the median read. < 0: one failed.
double rate(const bench::ParseJob& job, std::uint64_t bytes) {
  bench::Samples samples;
  for (std::uint64_t done = 0; done < bytes; done += job.bytes) {
    const std::uint64_t start = cpu_ns();
    if (!job.read()) return -1;
    samples.add(cpu_ns() - start);
  }
  return static_cast<double>(job.bytes) * 1e9 / samples.percentile(50);
}

int measure(std::uint64_t bytes) {
  bench::Figures figures;
  for (const bench::ParseKind& kind : bench::kParseTable) {
    for (const Size& size : kSizes) {
      const double found = rate(kind.make(size.bytes), bytes);
      if (found < 0) {
        (void)std::fprintf(stderr, "writ_bench_parse: %s of %s is not read\n", kind.name,
                           size.column);
        return 1;
      }
      figures.add(kind.name, "MB/s", size.column, found / 1e6);
    }
  }
  figures.print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t megabytes = argc == 2 ? bench::count_argument(argv[1]) : 0;
  if (megabytes == 0) {
    (void)std::fprintf(stderr, "usage: writ_bench_parse MEGABYTES\n");
    return 2;
  }
  return measure(megabytes * 1'000'000);
}
