// Requests that no client sends by mistake. After each the endpoint serves the next as ever.
#include <gmock/gmock.h>

#include "daemon/token_endpoint_support.h"

namespace writ::daemon {
namespace {

using identity::Body;
using std::chrono::milliseconds;
using testing::HasSubstr;
using Steady = std::chrono::steady_clock;

constexpr const char* kForm = "Content-Type: application/x-www-form-urlencoded\r\n";

class HostileTest : public EndpointTest {
 protected:
  HostileTest() { open({.threads = 2, .read_timeout = milliseconds(400)}); }
  ~HostileTest() override {
    EXPECT_EQ(curl("/.well-known/jwks.json").status, 200) << "it does not serve any more";
  }
  [[nodiscard]] int status_of_post(const std::string& headers, const std::string& body = "") const {
    return raw(head("POST /token", kForm + headers) + body).status;
  }
};

TEST_F(HostileTest, LengthsThatLie) {
  EXPECT_EQ(status_of_post(""), 411);
  EXPECT_EQ(status_of_post("Content-Length: 65537\r\n"), 413);
  EXPECT_EQ(status_of_post("Content-Length: 99999999999999999999999\r\n"), 400);
  EXPECT_EQ(status_of_post("Content-Length: -1\r\n"), 400);
  EXPECT_EQ(status_of_post("Content-Length: 1x\r\n", "a"), 400);
  EXPECT_EQ(status_of_post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), 400);
  EXPECT_EQ(status_of_post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            400);
  EXPECT_EQ(status_of_post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 400);
  EXPECT_EQ(status_of_post("Transfer-Encoding: chunked\r\n", "zz\r\n"), 400);
  EXPECT_EQ(status_of_post("Content-Length: 10\r\n", "short"), 400);  // and then nothing
}

TEST_F(HostileTest, BodiesAreBounded) {
  EXPECT_EQ(status_of_post("Content-Length: 65536\r\n", std::string(65536, 'a')), 400);
  EXPECT_EQ(status_of_post("Content-Length: 70000\r\n", std::string(70000, 'a')), 413);
  std::string chunks;
  for (int i = 0; i < 20; ++i) chunks += "1000\r\n" + std::string(4096, 'a') + "\r\n";
  EXPECT_EQ(status_of_post("Transfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n"), 413);
  // One that never ends.
  const UniqueFd fd = connect();
  send(fd, head("POST /token", std::string(kForm) + "Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 500; ++i) send(fd, "1000\r\n" + std::string(4096, 'a') + "\r\n");
  const std::string answer = read_to_end(fd);  // empty when the connection was reset meanwhile
  EXPECT_TRUE(answer.empty() || parse(answer).status == 413) << answer;
}

TEST_F(HostileTest, NothingIsInflated) {
  EXPECT_EQ(status_of_post("Content-Encoding: gzip\r\nContent-Length: 3\r\n", "abc"), 415);
  EXPECT_EQ(status_of_post("Content-Encoding: br\r\nContent-Length: 3\r\n", "abc"), 415);
}

TEST_F(HostileTest, MultipartIsNotRead) {
  const Reply reply = raw(head("POST /token",
                               "Content-Type: multipart/form-data; boundary=x\r\n"
                               "Content-Length: 40\r\n") +
                          std::string(40, 'x'));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("invalid_request"));
}

TEST_F(HostileTest, HeadsAreBounded) {
  EXPECT_EQ(raw(head("GET /" + std::string(9000, 'a'))).status, 414);
  EXPECT_EQ(raw(head("GET /", "X: " + std::string(9000, 'a') + "\r\n")).status, 400);
  // Lines without an end, and heads without one, in any amount.
  for (const std::string& part : {std::string(4096, 'a'), std::string("X: y\r\n")}) {
    const UniqueFd fd = connect();
    send(fd, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 40'000 / static_cast<int>(part.size()) * 16; ++i) send(fd, part);
    const std::string answer = read_to_end(fd);
    EXPECT_TRUE(answer.empty() || parse(answer).status == 400) << answer.substr(0, 100);
  }
}

TEST_F(HostileTest, WhatIsNotHttp) {
  for (const std::string& bytes :
       {std::string("\r\n\r\n"), std::string("hello\r\n\r\n"), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\n\r\n"), std::string("\0\0\0\0\r\n\r\n", 8),
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")})
    EXPECT_EQ(raw(bytes).status, 400) << bytes;
  EXPECT_GE(endpoint->counters().malformed, 7u);
}

TEST_F(HostileTest, Ranges) {
  for (const char* range : {"bytes=99999999999999999999999-", "bytes=0-0,0-0,0-0", "bytes=x", "a",
                            "bytes=-1", "bytes=5-1"}) {
    const int status =
        raw(head("GET /.well-known/jwks.json", std::string("Range: ") + range + "\r\n")).status;
    EXPECT_TRUE(status == 200 || status == 416 || status == 0) << range << " " << status;
  }
}

TEST_F(HostileTest, TwoAuthorizationsAreNone) {
  EXPECT_EQ(status_of_post("Authorization: Basic YTpi\r\nAuthorization: Basic YTpi\r\n"
                           "Content-Length: 0\r\n"),
            400);
}

TEST_F(HostileTest, ASlowRequestEndsHoweverItTrickles) {
  const auto began = Steady::now();
  const UniqueFd fd = connect();
  // A byte each 50 ms would keep a timeout per read waiting for ever.
  std::thread trickle([&] {
    const std::string bytes = "GET /.well-known/jwks.json HTTP/1.1\r\n";
    for (int i = 0; i < 60; ++i) {
      const char byte = bytes[static_cast<std::size_t>(i) % bytes.size()];
      if (::send(fd.get(), &byte, 1, MSG_NOSIGNAL) <= 0) return;
      std::this_thread::sleep_for(milliseconds(50));
    }
  });
  read_to_end(fd);
  EXPECT_LT(Steady::now() - began, milliseconds(2500));
  trickle.join();
}

TEST_F(HostileTest, SilentConnectionsEndAndOthersAreServedMeanwhile) {
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(connect());
  const auto began = Steady::now();
  EXPECT_EQ(curl("/.well-known/jwks.json").status, 200);
  EXPECT_LT(Steady::now() - began, std::chrono::seconds(10));
}

TEST_F(HostileTest, ClosingDoesNotWaitForSlowClients) {
  auto other = TokenEndpoint::open({.read_timeout = std::chrono::minutes(5)}, handler);
  ASSERT_TRUE(other);
  const UniqueFd silent = connect((*other)->port());
  while ((*other)->counters().connections == 0) std::this_thread::sleep_for(milliseconds(5));
  std::this_thread::sleep_for(milliseconds(50));  // a thread waits for its request now
  const auto began = Steady::now();
  other->reset();
  EXPECT_LT(Steady::now() - began, std::chrono::seconds(5));
}

}  // namespace
}  // namespace writ::daemon
