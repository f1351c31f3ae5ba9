#include "pdp/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "util/yaml.h"

namespace writ::pdp {
namespace {

using testing::HasSubstr;

// The problems of `decision: <text>`, one a line.
struct Read {
  std::optional<PdpConfig> config;
  std::string problems;
};

Read read(const std::string& text) {
  Diagnostics out;
  const auto root = parse_yaml("decision:\n" + text, "writ.yaml", out);
  Read result;
  if (root) result.config = read_pdp_config((*root)["decision"], "writ.yaml", out);
  for (const Diagnostic& one : out) result.problems += to_string(one) + '\n';
  return result;
}

TEST(Config, OpaOverAUnixSocket) {
  const Read got = read(R"(
  opa:
    url: unix:/run/opa.sock
    path: data/writ/decision
    timeout: 75ms
    on_error: deny
    concurrency: 4
)");
  ASSERT_TRUE(got.config) << got.problems;
  EXPECT_EQ(got.problems, "");
  EXPECT_EQ(got.config->dialect, Dialect::kOpa);
  EXPECT_EQ(got.config->unix_socket, "/run/opa.sock");
  EXPECT_EQ(got.config->url, "http://localhost/v1/data/writ/decision");
  EXPECT_EQ(got.config->timeout.count(), 75);
  EXPECT_EQ(got.config->on_error, Verdict::kDeny);
  EXPECT_EQ(got.config->concurrency, 4u);
}

TEST(Config, WhatIsNotSaidIsSafe) {
  const Read got = read("  opa: {url: 'http://127.0.0.1:8181/', path: data/writ/decision}\n");
  ASSERT_TRUE(got.config) << got.problems;
  EXPECT_EQ(got.config->unix_socket, "");
  EXPECT_EQ(got.config->url, "http://127.0.0.1:8181/v1/data/writ/decision");
  EXPECT_EQ(got.config->timeout.count(), 50);
  EXPECT_EQ(got.config->on_error, Verdict::kDeny);
  EXPECT_EQ(got.config->concurrency, 16u);
}

TEST(Config, AuthZen) {
  Read got = read("  authzen: {url: 'http://[::1]:9000'}\n");
  ASSERT_TRUE(got.config) << got.problems;
  EXPECT_EQ(got.config->dialect, Dialect::kAuthZen);
  EXPECT_EQ(got.config->url, "http://[::1]:9000/access/v1/evaluation");
  got = read("  authzen: {url: 'unix:/run/pdp', path: tenant-7/access/v1/evaluation}\n");
  ASSERT_TRUE(got.config) << got.problems;
  EXPECT_EQ(got.config->url, "http://localhost/tenant-7/access/v1/evaluation");
}

TEST(Config, PassingOnErrorIsWarnedOf) {
  const Read got = read("  opa: {url: 'unix:/s', path: data/a, on_error: allow}\n");
  ASSERT_TRUE(got.config);
  EXPECT_EQ(got.config->on_error, Verdict::kAllow);
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:2:49: warning: calls pass when"));
  EXPECT_EQ(read("  opa: {url: 'unix:/s', path: data/a, on_error: flag}\n").config->on_error,
            Verdict::kFlag);
}

TEST(Config, EveryProblemAtOnceWithItsPlace) {
  const Read got = read(R"(
  opa:
    url: https://opa.example.test
    path: /data/x
    timeout: 11s
    on_error: maybe
    concurrency: 0
    pathh: data
)");
  EXPECT_FALSE(got.config);
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:4:10: error: 'url' cannot be https"));
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:5:11: error: 'path' must be a plain path"));
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:6:14: error: 'timeout' must be from 1ms to 10s"));
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:7:15: error: 'on_error' cannot be 'maybe'"));
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:8:18: error: 'concurrency' must be a whole"));
  EXPECT_THAT(got.problems, HasSubstr("writ.yaml:9:5: error: unknown key 'pathh'"));
}

TEST(Config, AddressesThatAreRefused) {
  for (const char* url : {
           "http://opa.example.test:8181",   // another host, in the clear
           "http://10.0.0.7:8181",           // another host
           "http://127.0.0.1:8181/v1/data",  // the path is said apart
           "http://127.0.0.1:8181?x=1",      // a query
           "http://user:word@127.0.0.1",     // a password
           "http://127.0.0.1#x",             // a fragment
           "https://127.0.0.1",              // no TLS here
           "file:///etc/passwd",
           "ftp://127.0.0.1",
           "127.0.0.1:8181",
           "unix:run/opa.sock",  // not absolute
           "unix:",
           "unix:/run/opa socket",
           "http://127.0.0.1 evil",
       }) {
    const Read got = read("  opa: {url: '" + std::string(url) + "', path: data/a}\n");
    EXPECT_FALSE(got.config) << url;
    EXPECT_THAT(got.problems, HasSubstr("writ.yaml:2:14: error:")) << url;
  }
  const Read got = read("  opa: {url: 'unix:/" + std::string(107, 'x') + "', path: data/a}\n");
  EXPECT_THAT(got.problems, HasSubstr("at most 107 bytes"));
  EXPECT_TRUE(read("  opa: {url: 'unix:/" + std::string(106, 'x') + "', path: data/a}\n").config);
}

TEST(Config, PathsThatAreRefused) {
  for (const char* path : {"/data/a", "data/a/", "data//a", "data/../x", "data/./x", "data/a?b",
                           "data/a#b", "data/a b", "data/%2e", "data\\a", "policies", "data", ""}) {
    const Read got = read("  opa: {url: 'unix:/s', path: '" + std::string(path) + "'}\n");
    EXPECT_FALSE(got.config) << path;
    EXPECT_THAT(got.problems, HasSubstr("'path'")) << path;
  }
  EXPECT_FALSE(read("  opa: {url: 'unix:/s'}\n").config);  // OPA's has no default
  EXPECT_FALSE(read("  authzen: {url: 'unix:/s', path: ''}\n").config);
}

TEST(Config, ThereIsOneDecisionPoint) {
  const std::string point = ": {url: 'unix:/s', path: data/a}\n";
  EXPECT_THAT(read("  opa" + point + "  authzen" + point).problems,
              HasSubstr("writ.yaml:3:12: error: there is one decision point"));
  EXPECT_THAT(read("  {}\n").problems, HasSubstr("the decision point is missing"));
  EXPECT_THAT(read("  oppa" + point).problems, HasSubstr("did you mean 'opa'?"));
  EXPECT_THAT(read("  opa\n").problems, HasSubstr("expected a mapping"));
  EXPECT_THAT(read("  opa: here\n").problems, HasSubstr("expected a mapping"));
  EXPECT_THAT(read("  opa:\n").problems, HasSubstr("expected a mapping"));
  EXPECT_FALSE(read("  opa:\n").config);
}

}  // namespace
}  // namespace writ::pdp
