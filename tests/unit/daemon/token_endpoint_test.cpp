#include "daemon/token_endpoint.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "daemon/token_endpoint_support.h"

namespace writ::daemon {
namespace {

using identity::Body;
using identity::check_jwt;
using identity::kCrm;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST_F(EndpointTest, ExchangesOverTcp) {
  const std::string writ = add_writ();
  open();
  const Reply reply = post(Body::by_writ(writ));
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.head, HasSubstr("Cache-Control: no-store"));
  EXPECT_THAT(reply.head, HasSubstr("Pragma: no-cache"));
  EXPECT_THAT(reply.head, HasSubstr("Content-Type: application/json"));
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  const Reply keys_reply = curl("/.well-known/jwks.json");
  ASSERT_EQ(keys_reply.status, 200);
  EXPECT_THAT(keys_reply.head, HasSubstr("Cache-Control: max-age=60"));
  const auto jwt =
      check_jwt(YAML::Load(reply.body)["access_token"].as<std::string>(), keys_reply.body);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->claims["iss"].as<std::string>(), base());
  EXPECT_EQ(jwt->claims["sub"].as<std::string>(), "sarah");
  EXPECT_EQ(handler.loop, loop.get_id());  // the daemon's state is touched on its thread alone
  const TokenEndpointCounters counters = endpoint->counters();
  EXPECT_EQ(counters.connections, 2u);
  EXPECT_EQ(counters.issued, 1u);
  EXPECT_EQ(counters.refused + counters.malformed + counters.busy, 0u);
}

TEST_F(EndpointTest, ExchangesOverIpv6) {
  open({.host = "::1"});
  EXPECT_EQ(endpoint->issuer(), "http://[::1]:" + std::to_string(endpoint->port()));
  const Output got = run_command("curl -q -sS --noproxy '*' -g '" + endpoint->issuer() +
                                 "/.well-known/jwks.json' 2>&1");
  EXPECT_EQ(got.out, keys->jwks(host.time));
}

TEST_F(EndpointTest, ExchangesOverAUnixSocket) {
  const std::string writ = add_writ();
  open({.unix_path = folder / "token.sock", .socket_mode = 0660, .issuer = "https://writ.test"});
  struct stat info {};
  ASSERT_EQ(::stat(unix_path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0660u);
  const Reply reply = post(Body::by_writ(writ));
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto jwt = check_jwt(YAML::Load(reply.body)["access_token"].as<std::string>(),
                             curl("/.well-known/jwks.json").body);
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->claims["iss"].as<std::string>(), "https://writ.test");
  close();
  EXPECT_NE(::stat(unix_path.c_str(), &info), 0);
}

TEST_F(EndpointTest, MetadataLeadsToBoth) {
  open();
  const YAML::Node metadata = YAML::Load(curl("/.well-known/oauth-authorization-server").body);
  EXPECT_EQ(metadata["issuer"].as<std::string>(), base());
  EXPECT_EQ(metadata["token_endpoint"].as<std::string>(), base() + "/token");
  EXPECT_EQ(metadata["jwks_uri"].as<std::string>(), base() + "/.well-known/jwks.json");
}

TEST_F(EndpointTest, ClientsAuthenticate) {
  open();
  const std::string secret = identity::kSecret;
  EXPECT_EQ(post(Body::by_client(), "-u backend:" + secret).status, 200);
  const Reply wrong = post(Body::by_client(), "-u backend:wrong");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(wrong.head, HasSubstr("WWW-Authenticate: Basic realm=\"writ\""));
  EXPECT_THAT(wrong.head, HasSubstr("Cache-Control: no-store"));
  EXPECT_THAT(wrong.body, HasSubstr("invalid_client"));
  const Reply twice =
      post(Body::by_client(), "-u backend:" + secret + " -H 'Authorization: Basic eDp4'");
  EXPECT_EQ(twice.status == 400 || twice.status == 401, true) << twice.status;
}

TEST_F(EndpointTest, RefusalsAreOAuthErrors) {
  const std::string writ = add_writ();
  open();
  const Reply refused = post(Body::by_writ(std::string(32, '0')));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(YAML::Load(refused.body)["error"].as<std::string>(), "invalid_request");
  EXPECT_THAT(refused.head, Not(HasSubstr("WWW-Authenticate")));
  EXPECT_EQ(endpoint->counters().refused, 1u);
  const Reply type = post(Body::by_writ(writ), "-H 'Content-Type: application/json'");
  EXPECT_THAT(type.body, HasSubstr("invalid_request"));
  const Reply multipart = curl("/token", "-F grant_type=x");
  EXPECT_EQ(multipart.status, 400);
  EXPECT_THAT(multipart.body, HasSubstr("x-www-form-urlencoded"));
}

TEST_F(EndpointTest, OnlyWhatThereIsIsServed) {
  open();
  EXPECT_EQ(curl("/token").status, 405);
  EXPECT_EQ(curl("/token", "-X PUT -d a=b").status, 405);
  EXPECT_EQ(curl("/.well-known/jwks.json", "-d a=b").status, 405);
  EXPECT_EQ(curl("/.well-known/jwks.json", "-X DELETE").status, 405);
  EXPECT_EQ(curl("/").status, 404);
  EXPECT_EQ(curl("/etc/passwd").status, 404);
  EXPECT_EQ(curl("/../../etc/passwd", "--path-as-is").status, 404);
  EXPECT_EQ(curl("/token/", "-d a=b").status, 404);
  const Reply head = curl("/.well-known/jwks.json", "-I");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  // A part of a document is never served.
  EXPECT_EQ(curl("/.well-known/jwks.json", "-H 'Range: bytes=0-0,1-1'").body,
            keys->jwks(host.time));
}

TEST_F(EndpointTest, WhenTheLoopDoesNotAnswerTheClientIsToldSo) {
  const std::string writ = add_writ();
  open({.answer_timeout = milliseconds(500)});
  handler.keeps = true;
  const Reply reply = post(Body::by_writ(writ));
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.head, HasSubstr("Retry-After"));
  EXPECT_THAT(reply.body, HasSubstr("temporarily_unavailable"));
  EXPECT_EQ(endpoint->counters().timed_out, 1u);
  stop_loop();
  ASSERT_EQ(handler.kept.size(), 1u);
  handler.kept[0]({.body = "late"});                        // goes nowhere, harms nobody
  const Reply keys_reply = curl("/.well-known/jwks.json");  // nobody runs the loop
  EXPECT_EQ(keys_reply.status, 503);
  start_loop();
  handler.keeps = false;
  EXPECT_EQ(post(Body::by_writ(writ)).status, 200);
  stop_loop();
  handler.kept[0]({.body = "later"});
  close();
  handler.kept[0]({.body = "last"});
}

TEST_F(EndpointTest, ALateAnswerOfTheHandlerIsWaitedFor) {
  const std::string writ = add_writ();
  host.waits = true;  // as for an identity provider
  open();
  Reply reply;
  std::thread client([&] { reply = post(Body::by_writ(writ)); });
  while (true) {
    std::this_thread::sleep_for(milliseconds(20));
    stop_loop();
    if (!host.pending.empty()) break;
    start_loop();
  }
  EXPECT_EQ(endpoint->counters().issued, 0u);
  host.pending[0]();
  client.join();
  EXPECT_EQ(reply.status, 200) << reply.body;
}

TEST_F(EndpointTest, WhoIsTooManyIsTold503) {
  const std::string writ = add_writ();
  open({.threads = 2, .max_waiting = 1});
  // Two are being served and one waits; they say nothing.
  const UniqueFd idle[] = {connect(), connect(), connect()};
  while (endpoint->counters().connections < 3) std::this_thread::sleep_for(milliseconds(5));
  Reply reply;
  for (int i = 0; i < 50 && reply.status != 503; ++i)
    reply = curl("/.well-known/jwks.json", "-m 1");
  EXPECT_EQ(reply.status, 503);
  EXPECT_THAT(reply.body, HasSubstr("temporarily_unavailable"));
  EXPECT_EQ(YAML::Load(reply.body)["error"].as<std::string>(), "temporarily_unavailable");
  EXPECT_GE(endpoint->counters().busy, 1u);
  for (const UniqueFd& fd : idle) ::shutdown(fd.get(), SHUT_RDWR);
  EXPECT_EQ(post(Body::by_writ(writ)).status, 200);
}

TEST_F(EndpointTest, ManyClientsAtOnceGetEachItsOwn) {
  for (int i = 0; i < 8; ++i) add_person("p" + std::to_string(i), {"crm.*"});
  std::vector<std::string> writs;
  for (int i = 0; i < 8; ++i) {
    const auto& person = host.people["token-of-p" + std::to_string(i)].user;
    writs.push_back(add_writ(identity::issued(person, host.agents[0])));
  }
  open({.max_waiting = 64});
  std::atomic<int> right = 0;
  std::vector<std::string> files;
  for (int i = 0; i < 8; ++i) {
    files.push_back(folder / ("p" + std::to_string(i)));
    std::ofstream(files.back()) << identity::form(
        Body::by_writ(writs[static_cast<std::size_t>(i)], "p" + std::to_string(i)).pairs);
  }
  std::vector<std::thread> clients;
  const std::string jwks = keys->jwks(host.time);
  for (std::size_t i = 0; i < 8; ++i) {
    clients.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        const Reply reply = curl("/token", "--data-binary @" + files[i]);
        if (reply.status != 200) continue;
        const auto jwt = check_jwt(YAML::Load(reply.body)["access_token"].as<std::string>(), jwks);
        if (jwt && jwt->claims["sub"].as<std::string>() == "p" + std::to_string(i)) ++right;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(right, 80);
}

}  // namespace
}  // namespace writ::daemon
