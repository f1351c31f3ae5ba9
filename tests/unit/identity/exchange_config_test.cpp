#include "identity/exchange_config.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "identity/exchange_support.h"

namespace writ::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::optional<ExchangeConfig> load(const std::string& text, Diagnostics& out) {
  return exchange_config_from_text("/nowhere/exchange.yaml", text, out);
}

TEST(ExchangeConfig, TheExampleLoads) {
  Diagnostics out;
  const auto config = load_exchange_config(WRIT_SOURCE_DIR "/policies/identity/exchange.yaml", out);
  ASSERT_TRUE(config) << (out.empty() ? "" : to_string(out[0]));
  EXPECT_THAT(out, IsEmpty());
  EXPECT_EQ(config->port, 8460);
  EXPECT_EQ(config->issuer, "https://writ.example.test");
  EXPECT_THAT(config->audiences_of("default", "sales-assistant"), SizeIs(2));
  EXPECT_THAT(config->audiences_of("default", "anyone"), ElementsAre("https://crm.example.test"));
  EXPECT_THAT(config->audiences_of("acme", "night-report"), IsEmpty());
  EXPECT_THAT(config->clients, SizeIs(1));
}

TEST(ExchangeConfig, LittleNeedsToBeSaid) {
  Diagnostics out;
  const auto config = load("listen: \"[::1]:99\"\n", out);
  ASSERT_TRUE(config);
  EXPECT_EQ(config->host, "::1");
  EXPECT_EQ(config->issuer, "http://[::1]:99");
  EXPECT_EQ(config->token_ttl, std::chrono::minutes(5));
  EXPECT_THAT(config->audiences_of("a", "b"), IsEmpty());
  EXPECT_EQ(load("listen: 127.0.0.5:80\n", out)->issuer, "http://127.0.0.5:80");
}

TEST(ExchangeConfig, ASocketHasModeAndGroup) {
  Diagnostics out;
  const auto config = load(
      "listen: unix\nissuer: https://w.test:8443\nsocket: {mode: '0660', group: agents}\n"
      "token_ttl: 90s\nrotate_every: 24h\n",
      out);
  ASSERT_TRUE(config) << to_string(out[0]);
  EXPECT_TRUE(config->unix_socket);
  EXPECT_EQ(config->socket_mode, 0660u);
  EXPECT_EQ(config->socket_group, "agents");
  EXPECT_EQ(config->token_ttl, std::chrono::seconds(90));
  EXPECT_EQ(config->rotate_every, std::chrono::hours(24));
}

TEST(ExchangeConfig, EachMistakeHasItsPlaceAndHint) {
  const std::string ok = "listen: 127.0.0.1:1\n";
  const std::string digest(64, 'a');
  const std::pair<std::string, const char*> cases[] = {
      {"issuer: https://a.test\n", "'listen' is missing"},
      {"listen: 0.0.0.0:80\n", "not an address of the loopback"},
      {"listen: 10.1.2.3:80\n", "not an address of the loopback"},
      {"listen: \"[::]:80\"\n", "not an address of the loopback"},
      {"listen: \"[::ffff:127.0.0.1]:80\"\n", "not an address of the loopback"},
      {"listen: localhost:80\n", "not an address of the loopback"},
      {"listen: 127.0.0.1\n", "must be an address with a port"},
      {"listen: 127.0.0.1:0\n", "must be an address with a port"},
      {"listen: 127.0.0.1:65536\n", "must be an address with a port"},
      {"listen: unix\n", "'issuer' is missing"},
      {ok + "socket: {mode: '0660'}\n", "says nothing"},
      {"listen: unix\nissuer: https://a.test\nsocket: {mode: '0777'}\n", "octal"},
      {"listen: unix\nissuer: https://a.test\nsocket: {mode: '0060'}\n", "octal"},
      {"listen: unix\nissuer: https://a.test\nsocket: {mode: rw}\n", "octal"},
      {"listen: unix\nissuer: https://a.test\nsocket: {group: 'a b'}\n", "name of a group"},
      {ok + "issuer: https://a.test/path\n", "'issuer' must be"},
      {ok + "issuer: https://a.test/\n", "'issuer' must be"},
      {ok + "issuer: ftp://a.test\n", "'issuer' must be"},
      {ok + "issuer: https://\n", "'issuer' must be"},
      {ok + "issuer: https://u@a.test\n", "'issuer' must be"},
      {ok + "token_ttl: 2h\n", "'token_ttl' must be from 10s to 1h"},
      {ok + "token_ttl: 1s\n", "'token_ttl' must be from 10s to 1h"},
      {ok + "rotate_every: 1m\n", "'rotate_every' must be"},
      {ok + "audiences: ['a b']\n", "'audiences' holds a value"},
      {ok + "agents: [{id: a}]\n", "'audiences' is missing"},
      {ok + "agents: [{id: a, audiences: [x]}, {id: a, audiences: [y]}]\n", "is there twice"},
      {ok + "agents: [{id: 'a b', audiences: [x]}]\n", "not a name"},
      {ok + "clients: [{id: c, agent: a}]\n", "either 'secret_sha256' or 'secret_file'"},
      {ok + "clients: [{id: c, agent: a, secret_sha256: abc}]\n", "64 hex digits"},
      {ok + "clients: [{id: c, agent: a, secret_sha256: " + std::string(64, 'g') + "}]\n",
       "64 hex digits"},
      {ok + "clients: [{id: c, agent: a, secret_sha256: " + digest + ", secret_file: f}]\n",
       "either"},
      {ok + "clients: [{id: c, agent: a, secret_file: f}]\n", "/nowhere/f is not there"},
      {ok + "clients: [{id: c, secret_sha256: " + digest + "}]\n", "'agent' is missing"},
      {ok + "clients: [{id: c, agent: a, secret_sha256: " + digest +
           "}, {id: c, agent: b, secret_sha256: " + digest + "}]\n",
       "client 'c' is there twice"},
      {ok + "lisen: x\n", "unknown key 'lisen'"},
      {ok + "clients: [{id: c, agnet: a, secret_sha256: " + digest + "}]\n", "unknown key 'agnet'"},
      {"[]\n", ""},
      {"listen: [\n", ""},
  };
  for (const auto& [text, says] : cases) {
    Diagnostics out;
    EXPECT_FALSE(load(text, out)) << text;
    const bool found = std::any_of(out.begin(), out.end(), [&](const Diagnostic& one) {
      return one.message.find(says) != std::string::npos && one.file == "/nowhere/exchange.yaml";
    });
    EXPECT_TRUE(found) << text << (out.empty() ? "" : to_string(out[0]));
  }
}

TEST(ExchangeConfig, AllMistakesAtOnce) {
  Diagnostics out;
  EXPECT_FALSE(load("listen: 1.2.3.4:5\ntoken_ttl: 3h\nfoo: 1\n", out));
  EXPECT_THAT(out, SizeIs(3));
}

TEST(ExchangeConfig, ASecretFileIsPrivateAndLongEnough) {
  Folder folder;
  const std::string file = folder / "c.secret";
  const std::string text =
      "listen: 127.0.0.1:1\nclients: [{id: c, agent: a, secret_file: c.secret}]\n";
  const auto write = [&](const std::string& secret, mode_t mode) {
    std::ofstream(file, std::ios::trunc) << secret;
    ASSERT_EQ(::chmod(file.c_str(), mode), 0);
  };
  const auto read = [&](Diagnostics& out) {
    return exchange_config_from_text(folder / "exchange.yaml", text, out);
  };
  write(std::string(kSecret) + "\n", 0600);
  Diagnostics out;
  const auto config = read(out);
  ASSERT_TRUE(config) << to_string(out[0]);
  EXPECT_EQ(config->clients.at("c").secret, sha256(kSecret));  // without the line's end
  EXPECT_EQ(config->clients.at("c").tenant, "default");
  write(kSecret, 0640);
  EXPECT_FALSE(read(out));
  EXPECT_THAT(out.back().message, HasSubstr("chmod it to 0600"));
  for (const char* shorter : {"", "\n\n", "password\n"}) {
    write(shorter, 0600);
    EXPECT_FALSE(read(out));
    EXPECT_THAT(out.back().message, HasSubstr("fewer than 16 bytes"));
  }
}

}  // namespace
}  // namespace writ::identity
