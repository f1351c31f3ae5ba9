// A stock resource server (npm's jose, tests/system/node/install) accepts what the endpoint issues.
#include <gmock/gmock.h>

#include "daemon/token_endpoint_support.h"

namespace writ::daemon {
namespace {

using identity::Body;
using identity::kCrm;
using testing::HasSubstr;

const std::string kNode = std::string(WRIT_SOURCE_DIR) + "/tests/system/node";

class NodeTest : public EndpointTest {
 protected:
  void SetUp() override {
    if (run_command("node --version 2>&1").exit_code != 0)
      GTEST_SKIP() << "node is not installed, so no resource server was asked (run scripts/setup)";
    ASSERT_TRUE(std::filesystem::exists(kNode + "/node_modules/jose"))
        << "npm's jose is not installed: run tests/system/node/install";
    host.time = std::chrono::system_clock::now();
    host.people["token-of-sarah"].expires = host.time + std::chrono::hours(1);
    open();
  }
  std::string new_token() {
    const auto writ = identity::issued(host.people["token-of-sarah"].user, host.agents[0], {},
                                       host.time - std::chrono::seconds(1));
    const Reply reply = post(Body::by_writ(add_writ(writ)));
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.status == 200 ? YAML::Load(reply.body)["access_token"].as<std::string>() : "";
  }
  [[nodiscard]] Output verify(const std::string& token, const std::string& audience,
                              const std::string& issuer) const {
    return run_command("node " + kNode + "/verify_token.mjs " + base() +
                       "/.well-known/jwks.json '" + audience + "' '" + issuer + "' '" + token +
                       "' 2>&1");
  }
};

TEST_F(NodeTest, AStockResourceServerAcceptsTheToken) {
  const Output good = verify(new_token(), kCrm, base());
  ASSERT_EQ(good.exit_code, 0) << good.out;
  const YAML::Node claims = YAML::Load(good.out);
  EXPECT_EQ(claims["sub"].as<std::string>(), "sarah");
  EXPECT_EQ(claims["act"]["sub"].as<std::string>(), "assistant");
  EXPECT_EQ(claims["scope"].as<std::string>(), "crm.contacts.* mail.send");
}

TEST_F(NodeTest, AlsoAcrossARotation) {
  const std::string before = new_token();
  ASSERT_TRUE(keys->rotate(host.time));
  host.time += std::chrono::seconds(61);
  host.people["token-of-sarah"].expires = host.time + std::chrono::hours(1);
  ASSERT_NE(keys->signing_kid(host.time), keys->signing_kid(host.time - std::chrono::seconds(30)));
  EXPECT_EQ(verify(before, kCrm, base()).exit_code, 0);
  host.time -= std::chrono::seconds(61);  // jose's clock is the real one
}

TEST_F(NodeTest, AndRefusesItForAnotherOrChanged) {
  const std::string token = new_token();
  EXPECT_THAT(verify(token, "https://mail.example.test", base()).out, HasSubstr("aud"));
  EXPECT_THAT(verify(token, kCrm, "http://127.0.0.1:1").out, HasSubstr("iss"));
  std::string changed = token;
  char& letter = changed[changed.size() - 20];
  letter = letter == 'A' ? 'B' : 'A';
  const Output refused = verify(changed, kCrm, base());
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.out, HasSubstr("signature"));
}

}  // namespace
}  // namespace writ::daemon
