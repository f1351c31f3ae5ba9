// A host with one person and her writs, for the tests of the token exchange.
#pragma once

#include <gtest/gtest.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "identity/delegation.h"
#include "identity/jwt_check.h"
#include "identity/support.h"
#include "identity/token_exchange.h"

namespace writ::identity {

inline constexpr const char* kCrm = "https://crm.example.test";
inline constexpr const char* kMail = "mail";
inline constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "writ-exchange-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "mkdtemp";
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline Sha256 sha256(const std::string& text) {
  Sha256 digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

// Tokens are names of people: "token-of-sarah". Verification waits when `waits` is set.
class FakeHost : public ExchangeHost {
 public:
  void verify_subject(std::string_view token, Verified done) override {
    ++verifications;
    const auto found = people.find(std::string(token));
    Result<ExchangePerson> result =
        found == people.end()
            ? Result<ExchangePerson>(fail(ErrorCode::kDenied, "not signed by okta"))
            : Result<ExchangePerson>(found->second);
    if (trouble) result = tl::unexpected(*trouble);
    if (!waits) return done(std::move(result));
    pending.emplace_back([done = std::move(done), result] { done(result); });
  }
  Result<Writ> active_writ(std::string_view id, TimePoint at) override {
    const auto found = writs.find(std::string(id));
    if (found == writs.end()) return fail(ErrorCode::kNotFound, "no writ {}", id);
    if (revoked == id) return fail(ErrorCode::kDenied, "the writ is revoked");
    if (found->second.not_after && *found->second.not_after <= at)
      return fail(ErrorCode::kDenied, "the writ has expired");
    return found->second;
  }
  std::optional<Agent> agent(std::string_view tenant, std::string_view id) override {
    for (const Agent& one : agents) {
      if (one.tenant == tenant && one.id == id) return one;
    }
    return std::nullopt;
  }
  Status record(const ExchangeEvent& event) override {
    if (!recordable) return fail(ErrorCode::kIo, "the disk is full");
    events.push_back(event);
    return {};
  }
  TimePoint now() override { return time; }

  std::map<std::string, ExchangePerson> people;
  std::map<std::string, Writ> writs;
  std::vector<Agent> agents;
  std::string revoked;
  std::optional<Error> trouble;
  bool waits = false;
  bool recordable = true;
  std::vector<std::function<void()>> pending;
  std::vector<ExchangeEvent> events;
  int verifications = 0;
  TimePoint time = kNow + std::chrono::milliseconds(250);
};

inline std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

using Pairs = std::vector<std::pair<std::string, std::string>>;
inline std::string form(const Pairs& pairs) {
  std::string body;
  for (const auto& [name, value] : pairs)
    body += (body.empty() ? "" : "&") + escaped(name) + "=" + escaped(value);
  return body;
}

// A whole good request by writ, to which a test adds and from which it leaves out.
struct Body {
  Pairs pairs;

  static Body by_writ(const std::string& writ, const std::string& person = "sarah") {
    Body body = by_client(person);
    body.pairs.emplace_back("actor_token", writ);
    body.pairs.emplace_back("actor_token_type", "urn:writ:token-type:writ");
    return body;
  }
  static Body by_client(const std::string& person = "sarah") {
    return {{{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
             {"subject_token", "token-of-" + person},
             {"subject_token_type", "urn:ietf:params:oauth:token-type:access_token"},
             {"audience", kCrm}}};
  }
  Body with(const std::string& name, const std::string& value) const {
    Body body = *this;
    body.pairs.emplace_back(name, value);
    return body;
  }
  Body without(const std::string& name) const {
    Body body = *this;
    std::erase_if(body.pairs, [&](const auto& pair) { return pair.first == name; });
    return body;
  }
  Body but(const std::string& name, const std::string& value) const {
    return without(name).with(name, value);
  }
};

class ExchangeTest : public testing::Test {
 protected:
  ExchangeTest() {
    config.issuer = "http://127.0.0.1:8460";
    config.audiences = {kCrm, kMail};
    config.clients["backend"] = {
        .id = "backend", .agent = "assistant", .tenant = kDefaultTenant, .secret = sha256(kSecret)};
    host.agents = {agent("assistant", {"crm.*", "mail.send"})};
    add_person("sarah", {"crm.contacts.*", "mail.send", "hr.*"});
    auto opened = SigningKeys::open(folder / "keys", {}, host.time);
    if (!opened) ADD_FAILURE() << opened.error().message;
    keys = std::move(*opened);
    exchange = std::make_unique<TokenExchange>(config, *keys, host);
  }

  void add_person(const std::string& id, Scopes scopes,
                  const std::string& tenant = kDefaultTenant) {
    host.people["token-of-" + id] = {.user = user(id, std::move(scopes), tenant),
                                     .issuer = "https://idp.example.test",
                                     .token_digest = "d1",
                                     .expires = host.time + std::chrono::hours(1)};
  }
  // A writ of sarah and the assistant; its id.
  std::string add_writ(Writ writ) {
    const std::string id = writ.id;
    host.writs[id] = std::move(writ);
    return id;
  }
  std::string add_writ(Asked asked = {.lifetime = Lifetime::kGrant}) {
    return add_writ(issued(host.people["token-of-sarah"].user, host.agents[0], std::move(asked)));
  }

  TokenResponse run(const Body& body, const std::string& authorization = "") {
    return run_raw(form(body.pairs), authorization);
  }
  TokenResponse run_raw(const std::string& body, const std::string& authorization = "",
                        const std::string& type = "application/x-www-form-urlencoded") {
    auto parsed = parse_exchange_request(
        {.content_type = type, .authorization = authorization, .body = body});
    if (const auto* error = std::get_if<OAuthError>(&parsed)) return to_response(*error);
    std::optional<TokenResponse> response;
    exchange->run(std::get<ExchangeRequest>(parsed),
                  [&](TokenResponse got) { response = std::move(got); });
    if (!response) ADD_FAILURE() << "no answer";
    return response.value_or(TokenResponse());
  }
  // The token of a response that must hold one, checked by OpenSSL.
  CheckedJwt token_of(const TokenResponse& response) {
    EXPECT_EQ(response.status, 200) << response.body;
    if (response.status != 200) return {};
    const auto jwt =
        check_jwt(YAML::Load(response.body)["access_token"].as<std::string>(), exchange->jwks());
    EXPECT_TRUE(jwt) << response.body;
    return jwt.value_or(CheckedJwt());
  }

  Folder folder;
  FakeHost host;
  ExchangeConfig config;
  std::unique_ptr<SigningKeys> keys;
  std::unique_ptr<TokenExchange> exchange;
};

}  // namespace writ::identity
