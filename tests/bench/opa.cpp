// writ_bench_opa COUNT: how long a decision point takes to be asked, beside the round trip alone.
//
//   decision   PdpClient::ask() → callback: document, transfer, and the answer read
//   bare       the same bytes posted by libcurl on a connection that is kept: the floor
//
// Of a stand-in that answers at once, over each kind of socket, one request at a time, in turn.
#include <curl/curl.h>

#include <cstdio>
#include <memory>
#include <string>

#include "figures.h"
#include "pdp/stand_in.h"
#include "pdp/support.h"

namespace {

using namespace writ;       // NOLINT(google-build-using-namespace): this is the program
using namespace writ::pdp;  // NOLINT(google-build-using-namespace): this is the program

constexpr std::size_t kWarmUp = 200;
constexpr const char* kAnswer = R"({"result":{"decision":"allow","reason":"yes","rule":"r"}})";

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t append(char* bytes, std::size_t, std::size_t size, void* into) {
  static_cast<std::string*>(into)->append(bytes, size);
  return size;
}

// Posts one document again and again.
class Bare {
 public:
  Bare(const PdpConfig& config, std::string document)
      : document_(std::move(document)), easy_(curl_easy_init()) {
    headers_.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
    CURL* easy = easy_.get();
    const auto set = [easy](CURLoption option, auto value) {
      return curl_easy_setopt(easy, option, value) == CURLE_OK;
    };
    ready_ =
        set(CURLOPT_URL, config.url.c_str()) && set(CURLOPT_PROXY, "") &&
        set(CURLOPT_POSTFIELDS, document_.c_str()) &&
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(document_.size())) &&
        set(CURLOPT_HTTPHEADER, headers_.get()) && set(CURLOPT_WRITEFUNCTION, &append) &&
        set(CURLOPT_WRITEDATA, &answer_) &&
        (config.unix_socket.empty() || set(CURLOPT_UNIX_SOCKET_PATH, config.unix_socket.c_str()));
  }

  bool post() {
    answer_.clear();
    return ready_ && curl_easy_perform(easy_.get()) == CURLE_OK && answer_ == kAnswer;
  }

 private:
  const std::string document_;
  std::string answer_;
  std::unique_ptr<curl_slist, FreeList> headers_;
  std::unique_ptr<CURL, FreeEasy> easy_;
  bool ready_ = false;
};

bool ask(test::Loop& loop, const PdpInput& input) {
  bool done = false;
  bool allowed = false;
  loop.client().ask(1, input, [&](const PdpAnswer& answer) {
    done = true;
    allowed = answer.code == "pdp_allowed";
  });
  return loop.run([&] { return done; }) && allowed;
}

bool measure(bool tcp, std::size_t count, bench::Figures& figures) {
  std::string document;
  const test::StandIn server({.tcp = tcp}, [&](const test::Asked& asked) {
    if (asked.number == 1) document = asked.body;  // before it is answered, so before it is read
    return test::Said::json(kAnswer);
  });
  test::Loop loop(server.config());
  const PdpInput input = test::call_of("sarah");
  if (!ask(loop, input)) return false;
  Bare bare(server.config(), document);
  bench::Samples decision;
  bench::Samples floor;
  for (std::size_t i = 0; i < count + kWarmUp; ++i) {
    const std::uint64_t start = bench::now_ns();
    const bool asked = ask(loop, input);
    const std::uint64_t between = bench::now_ns();
    const bool posted = bare.post();
    const std::uint64_t end = bench::now_ns();
    if (!asked || !posted) return false;
    if (i < kWarmUp) continue;
    decision.add(between - start);
    floor.add(end - between);
  }
  const std::string column = tcp ? "tcp" : "unix";
  figures.add_percentiles("decision", "us", column, decision);
  figures.add_percentiles("bare", "us", column, floor);
  return server.connections() == 2;  // both were kept
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t count = argc == 2 ? bench::count_argument(argv[1]) : 0;
  if (count == 0) {
    (void)std::fprintf(stderr, "usage: writ_bench_opa COUNT\n");
    return 2;
  }
  bench::Figures figures;
  for (const bool tcp : {false, true}) {
    if (measure(tcp, count, figures)) continue;
    (void)std::fprintf(stderr, "writ_bench_opa: the stand-in was not asked as it should be\n");
    return 1;
  }
  figures.print();
  return 0;
}
