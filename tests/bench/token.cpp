// writ_bench_token SAMPLES: what a person's token costs while its issuer's keys are cached, beside
// the bare signature check of the same bytes.
//
// "verify" is all that writd does for a token: read, find the key, check, map the claims.
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bare_check.h"
#include "figures.h"
#include "identity/token_maker.h"
#include "identity/token_service.h"

namespace {

using namespace writ;            // NOLINT(google-build-using-namespace): this is the program
using namespace writ::identity;  // NOLINT(google-build-using-namespace): this is the program

constexpr std::size_t kBlock = 10;  // samples of one case before it is the next one's turn
constexpr std::size_t kWarmUp = 50;
constexpr const char* kIssuer = R"(
issuers:
  - id: idp
    issuer: https://idp.example.test
    jwks_uri: https://idp.example.test/jwks
    audience: api://writ
    algorithms: [RS256, PS256, ES256, EdDSA]
    claims: {user_id: sub, email: email, tenant: tid, roles: roles, scopes: scope}
    tenants: {acme-corp: default}
    role_scopes: {role-1: [finance.revenue.read]}
)";

// An issuer that answers at once.
class OneDocument : public Fetcher {
 public:
  explicit OneDocument(std::string body) : body_(std::move(body)) {}
  void start(std::uint64_t id, FetchRequest /*request*/) override {
    ready_.push_back({id, FetchedDocument{.body = body_}});
  }
  [[nodiscard]] int fd() const override { return -1; }
  std::vector<Done> take() override { return std::exchange(ready_, {}); }

 private:
  std::string body_;
  std::vector<Done> ready_;
};

struct Case {
  Case(std::string its_name, const std::string& algorithm, const test::Key& key,
       const std::string& kid, const std::string& claims)
      : name(std::move(its_name)),
        token(test::token(key, algorithm, kid, claims)),
        bare(key.get(), algorithm, token) {}

  std::string name;
  std::string token;
  bench::BareCheck bare;
  bench::Samples floor;
  bench::Samples verify;
};

// As identity providers write them.
std::string claims_with(int roles) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(SystemClock().wall().time_since_epoch());
  std::string list;
  for (int i = 1; i <= roles; ++i) list += (i > 1 ? R"(",")" : "") + ("role-" + std::to_string(i));
  return R"({"iss":"https://idp.example.test","sub":"sarah","aud":"api://writ","iat":)" +
         std::to_string(now.count() - 1) + R"(,"exp":)" + std::to_string(now.count() + 3600) +
         R"(,"jti":"2f1c5a0e9d","client_id":"assistant-web","tid":"acme-corp",)" +
         R"("email":"sarah@acme.example.test","name":"Sarah Example",)" +
         R"("scope":"openid crm.contacts.read crm.contacts.write test.use","roles":[")" + list +
         R"("]})";
}

class Bench {
 public:
  Bench() {
    struct Algorithm {
      const char* name;
      const test::Key& key;
      const char* kid;
    };
    for (const auto& [name, key, kid] :
         {Algorithm{"RS256", test::rsa_key(), "r"}, Algorithm{"PS256", test::rsa_key(), "r"},
          Algorithm{"ES256", test::ec_key(), "e"}, Algorithm{"EdDSA", test::ed_key(), "d"}}) {
      for (const int roles : {5, 41}) {
        cases_.emplace_back(std::string(name) + "_" + std::to_string(roles) + "_roles", name, key,
                            kid, claims_with(roles));
      }
    }
  }

  bool run(std::size_t samples) {
    Diagnostics out;
    auto issuers = Issuers::load_from_text("issuers.yaml", kIssuer, out);
    if (!issuers) return false;
    service_ = std::make_unique<TokenService>(
        std::move(*issuers),
        std::make_unique<OneDocument>(test::jwks(
            {test::rsa_key().jwk("r"), test::ec_key().jwk("e"), test::ed_key().jwk("d")})),
        std::make_unique<SystemClock>());
    service_->tick();
    service_->on_ready();
    for (Case& one : cases_) {
      for (std::size_t i = 0; i < kWarmUp; ++i)
        if (!one.bare.good() || !verified(one)) return false;
    }
    for (std::size_t taken = 0; taken < samples; taken += kBlock) {
      for (Case& one : cases_)
        if (!block(one)) return false;
    }
    return true;
  }

  void print() const {
    bench::Figures figures;
    for (const Case& one : cases_) {
      figures.add_percentiles(one.name, "us", "verify", one.verify);
      figures.add_percentiles(one.name, "us", "floor", one.floor);
      figures.add(one.name + "_ratio", "x", "verify",
                  one.verify.percentile(50) / one.floor.percentile(50));
    }
    figures.print();
  }

 private:
  bool verified(const Case& one) {
    bool good = false;
    service_->verify(one.token,
                     [&](const Result<VerifiedPerson>& person) { good = person.has_value(); });
    return good;
  }

  // In turn, and each as often the first.
  bool block(Case& one) {
    bool good = true;
    for (std::size_t i = 0; i < kBlock; ++i) {
      for (const bool bare : {i % 2 == 0, i % 2 != 0}) {
        const std::uint64_t start = bench::now_ns();
        good = (bare ? one.bare.good() : verified(one)) && good;
        (bare ? one.floor : one.verify).add(bench::now_ns() - start);
      }
    }
    return good;
  }

  std::deque<Case> cases_;  // their tokens do not move
  std::unique_ptr<TokenService> service_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t samples = argc == 2 ? bench::count_argument(argv[1]) : 0;
  if (samples == 0) {
    (void)std::fprintf(stderr, "usage: writ_bench_token SAMPLES\n");
    return 2;
  }
  Bench bench;
  if (!bench.run(samples)) {
    (void)std::fprintf(stderr, "writ_bench_token: a good token was refused\n");
    return 1;
  }
  bench.print();
  return 0;
}
