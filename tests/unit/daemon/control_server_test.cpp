#include "daemon/control_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "daemon/control_support.h"

namespace writ::daemon {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ControlServerTest : public ::testing::Test {
 protected:
  void start(ControlServerOptions options = {}) {
    auto made = ControlServer::listen(path_, handler_, options);
    ASSERT_TRUE(made) << made.error().message;
    server_ = std::move(*made);
  }
  void answer_at_once() {
    handler_.answer = [](const auto&, ConnectionId, Responder& responder) {
      v1::ControlResponse response = done_response();
      response.mutable_status()->set_version("test");
      EXPECT_EQ(responder.send(response), Posted::kQueued);
    };
  }
  // Connects, sends, lets the server work, and returns what came back.
  Arrived exchange(std::string_view bytes) {
    const UniqueFd fd = connect_to(path_);
    EXPECT_TRUE(send_all(fd.get(), bytes));
    pump(*server_);
    FrameDecoder decoder;
    return drain(fd.get(), decoder);
  }

  TempDir dir_;
  std::string path_ = dir_.path() + "/run/writ/control.sock";
  RecordingHandler handler_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(ControlServerTest, AnswersAndSaysWhoAsked) {
  start();
  answer_at_once();
  const Arrived arrived = exchange(framed(status_request()));
  ASSERT_EQ(arrived.responses.size(), 1u);
  EXPECT_EQ(arrived.responses[0].status().version(), "test");
  EXPECT_TRUE(arrived.responses[0].done());
  EXPECT_FALSE(arrived.closed);
  ASSERT_EQ(handler_.seen.size(), 1u);
  EXPECT_EQ(handler_.seen[0].pid, ::getpid());
  EXPECT_EQ(handler_.seen[0].uid, ::getuid());
  EXPECT_TRUE(handler_.seen[0].has_pidfd);
}

TEST_F(ControlServerTest, HalfFramesByteByByte) {
  start();
  answer_at_once();
  const UniqueFd fd = connect_to(path_);
  for (const char byte : framed(status_request())) {
    EXPECT_THAT(handler_.seen, IsEmpty());
    ASSERT_TRUE(send_all(fd.get(), {&byte, 1}));
    pump(*server_, milliseconds(1));
  }
  EXPECT_EQ(handler_.seen.size(), 1u);
}

TEST_F(ControlServerTest, FourGigabytesAreRefusedOnTheHeader) {
  start();
  const Arrived arrived = exchange(std::string("\xff\xff\xff\xff", 4) + "x");
  ASSERT_EQ(arrived.responses.size(), 1u);
  EXPECT_EQ(arrived.responses[0].error().code(), "invalid");
  EXPECT_TRUE(arrived.closed);
  EXPECT_THAT(handler_.seen, IsEmpty());
  EXPECT_EQ(server_->connections(), 0u);
  EXPECT_EQ(server_->counters().invalid_requests, 1u);
}

TEST_F(ControlServerTest, WhatIsNoRequestEndsTheConnection) {
  start();
  for (const std::string& payload : {std::string("\xff\xff\xff"), std::string()}) {
    std::string bytes;
    ASSERT_TRUE(append_frame(bytes, payload));
    const Arrived arrived = exchange(bytes + framed(status_request()));
    ASSERT_EQ(arrived.responses.size(), 1u);
    EXPECT_EQ(arrived.responses[0].error().code(), "invalid");
    EXPECT_TRUE(arrived.closed);
  }
  EXPECT_THAT(handler_.seen, IsEmpty());
}

TEST_F(ControlServerTest, ThreeHundredConnections) {
  start({.max_connections_per_user = 1000});
  answer_at_once();
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 300; ++i) {
    clients.push_back(connect_to(path_));
    ASSERT_TRUE(clients.back()) << i;
    if (i % 50 == 49) pump(*server_, milliseconds(1));
  }
  pump(*server_);
  EXPECT_EQ(server_->connections(), 256u);
  EXPECT_EQ(server_->counters().refused_full, 44u);

  FrameDecoder refused;
  const Arrived arrived = drain(clients.back().get(), refused);
  ASSERT_EQ(arrived.responses.size(), 1u);
  EXPECT_EQ(arrived.responses[0].error().code(), "unavailable");
  EXPECT_TRUE(arrived.closed);

  // The first one is still served, and a place that becomes free is given to the next.
  ASSERT_TRUE(send_all(clients.front().get(), framed(status_request())));
  pump(*server_);
  FrameDecoder served;
  EXPECT_EQ(drain(clients.front().get(), served).responses.size(), 1u);
  clients.front().reset();
  pump(*server_);
  EXPECT_EQ(exchange(framed(status_request())).responses.size(), 1u);
}

TEST_F(ControlServerTest, OneUserCannotTakeAllConnections) {
  start({.max_connections_per_user = 2});
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    // Root is exempt: become one user like any other.
    if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(9);
    std::vector<UniqueFd> held;
    held.reserve(3);
    for (int i = 0; i < 3; ++i) held.push_back(connect_to(path_));
    ::_exit(::pause());
  }
  pump(*server_, milliseconds(200));
  (void)::kill(child, SIGKILL);
  (void)::waitpid(child, nullptr, 0);
  EXPECT_EQ(server_->counters().accepted, 2u);
  EXPECT_EQ(server_->counters().refused_full, 1u);
}

TEST_F(ControlServerTest, NextRequestWaitsForTheLastAnswer) {
  start();
  const UniqueFd fd = connect_to(path_);
  ASSERT_TRUE(send_all(fd.get(), framed(status_request()) + framed(status_request())));
  pump(*server_);
  ASSERT_EQ(handler_.seen.size(), 1u);

  v1::ControlResponse more;
  more.mutable_call();
  const ConnectionId id = handler_.seen[0].id;
  EXPECT_EQ(server_->post(id, more), Posted::kQueued);
  pump(*server_);
  EXPECT_EQ(handler_.seen.size(), 1u);

  EXPECT_EQ(server_->post(id, done_response()), Posted::kQueued);
  // The request is answered: what comes late must not become an answer to the next one.
  EXPECT_EQ(server_->post(id, more), Posted::kGone);
  pump(*server_);
  EXPECT_EQ(handler_.seen.size(), 2u);
  FrameDecoder decoder;
  EXPECT_EQ(drain(fd.get(), decoder).responses.size(), 2u);
}

TEST_F(ControlServerTest, AClientThatLeavesIsToldOnce) {
  start();
  UniqueFd silent = connect_to(path_);
  UniqueFd asking = connect_to(path_);
  ASSERT_TRUE(send_all(asking.get(), framed(status_request())));
  pump(*server_);
  ASSERT_EQ(handler_.seen.size(), 1u);
  const ConnectionId id = handler_.seen[0].id;
  silent.reset();
  asking.reset();
  pump(*server_);
  EXPECT_THAT(handler_.gone, ElementsAre(id));
  EXPECT_EQ(server_->post(id, done_response()), Posted::kGone);
  EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(ControlServerTest, WhatWasSentBeforeLeavingCounts) {
  start();
  answer_at_once();
  {
    const UniqueFd fd = connect_to(path_);
    ASSERT_TRUE(send_all(fd.get(), framed(status_request())));
  }
  pump(*server_);
  EXPECT_EQ(handler_.seen.size(), 1u);
  EXPECT_EQ(handler_.gone.size(), 1u);
}

TEST_F(ControlServerTest, HalfClosedClientStillGetsItsAnswer) {
  start();
  const UniqueFd fd = connect_to(path_);
  ASSERT_TRUE(send_all(fd.get(), framed(status_request())));
  ASSERT_EQ(::shutdown(fd.get(), SHUT_WR), 0);
  pump(*server_);
  ASSERT_EQ(handler_.seen.size(), 1u);
  EXPECT_EQ(server_->post(handler_.seen[0].id, done_response()), Posted::kQueued);
  pump(*server_);
  FrameDecoder decoder;
  const Arrived arrived = drain(fd.get(), decoder);
  EXPECT_EQ(arrived.responses.size(), 1u);
  EXPECT_TRUE(arrived.closed);
}

TEST_F(ControlServerTest, SlowReaderIsCutOffAndBlocksNobody) {
  start({.max_output_bytes = 256u << 10});
  const UniqueFd slow = connect_to(path_);
  ASSERT_TRUE(send_all(slow.get(), framed(status_request())));
  pump(*server_);
  ASSERT_EQ(handler_.seen.size(), 1u);
  const ConnectionId id = handler_.seen[0].id;
  v1::ControlResponse big;
  big.mutable_call()->mutable_decision()->set_trace_id(std::string(10'000, 'x'));
  std::size_t queued = 0;
  Posted last = Posted::kQueued;
  for (int i = 0; i < 1000 && last == Posted::kQueued; ++i) {
    last = server_->post(id, big);
    if (last == Posted::kQueued) ++queued;
    pump(*server_, milliseconds(0));
  }
  EXPECT_EQ(last, Posted::kFull);
  EXPECT_EQ(server_->post(id, big), Posted::kGone);
  EXPECT_EQ(server_->counters().slow_readers, 1u);

  answer_at_once();
  EXPECT_EQ(exchange(framed(status_request())).responses.size(), 1u);

  // What was queued is still there for it, in one piece, and the end says that it was cut.
  FrameDecoder decoder;
  std::vector<v1::ControlResponse> all;
  for (bool closed = false; !closed;) {
    Arrived arrived = drain(slow.get(), decoder);
    closed = arrived.closed;
    std::move(arrived.responses.begin(), arrived.responses.end(), std::back_inserter(all));
    pump(*server_, milliseconds(1));
  }
  ASSERT_EQ(all.size(), queued + 1);
  EXPECT_TRUE(all.back().done());
  EXPECT_EQ(all.back().error().code(), "unavailable");
  EXPECT_EQ(decoder.pending(), 0u);
}

TEST_F(ControlServerTest, WorkerIsSlowedDownToItsReader) {
  start({.max_output_bytes = 128u << 10});
  const UniqueFd fd = connect_to(path_);
  ASSERT_TRUE(send_all(fd.get(), framed(status_request())));
  pump(*server_);
  const ConnectionId id = handler_.seen.at(0).id;
  constexpr std::uint64_t kCount = 2000;
  std::thread worker([&] {
    for (std::uint64_t i = 1; i <= kCount; ++i) {
      v1::ControlResponse response;
      response.set_done(i == kCount);
      response.mutable_call()->mutable_decision()->set_sequence(i);
      response.mutable_call()->mutable_decision()->set_trace_id(std::string(5000, 'x'));
      ASSERT_EQ(server_->post_wait(id, response), Posted::kQueued);
    }
  });
  FrameDecoder decoder;
  std::uint64_t next = 1;
  while (next <= kCount) {
    pump(*server_, milliseconds(1));
    for (const auto& response : drain(fd.get(), decoder).responses) {
      ASSERT_EQ(response.call().decision().sequence(), next++);
    }
  }
  worker.join();
  EXPECT_EQ(server_->counters().slow_readers, 0u);
}

TEST_F(ControlServerTest, WaitingWorkerIsFreedWhenTheClientLeavesOrTheTimeIsOver) {
  start({.max_output_bytes = 1000});
  v1::ControlResponse big;
  big.mutable_call()->mutable_decision()->set_trace_id(std::string(900, 'x'));
  UniqueFd fd = connect_to(path_);
  ASSERT_TRUE(send_all(fd.get(), framed(status_request())));
  pump(*server_);
  const ConnectionId first = handler_.seen.at(0).id;
  // Nobody runs the loop in between: the first one fills the queue.
  ASSERT_EQ(server_->post(first, big), Posted::kQueued);
  std::atomic<Posted> result{Posted::kQueued};
  std::thread worker([&] { result = server_->post_wait(first, big, std::chrono::seconds(60)); });
  std::this_thread::sleep_for(milliseconds(20));
  fd.reset();
  // The loop sees the hang-up before it delivers anything.
  server_->on_ready();
  worker.join();
  EXPECT_EQ(result, Posted::kGone);

  fd = connect_to(path_);
  ASSERT_TRUE(send_all(fd.get(), framed(status_request())));
  pump(*server_);
  const ConnectionId second = handler_.seen.at(1).id;
  ASSERT_EQ(server_->post(second, big), Posted::kQueued);
  EXPECT_EQ(server_->post_wait(second, big, milliseconds(10)), Posted::kFull);
}

TEST_F(ControlServerTest, IdleConnectionsEndAndAskingOnesDoNot) {
  start({.idle_timeout = milliseconds(60)});
  const UniqueFd idle = connect_to(path_);
  const UniqueFd half = connect_to(path_);
  ASSERT_TRUE(send_all(half.get(), std::string("\0\0", 2)));
  const UniqueFd follows = connect_to(path_);
  ASSERT_TRUE(send_all(follows.get(), framed(status_request())));
  pump(*server_, milliseconds(3));  // shorter than the timer's step
  EXPECT_EQ(server_->connections(), 3u);
  const auto until = std::chrono::steady_clock::now() + milliseconds(300);
  while (std::chrono::steady_clock::now() < until) pump(*server_, milliseconds(3));
  EXPECT_EQ(server_->connections(), 1u);
  EXPECT_EQ(server_->counters().idle_closed, 2u);
  EXPECT_EQ(server_->post(handler_.seen.at(0).id, done_response()), Posted::kQueued);
}

TEST_F(ControlServerTest, AnswerTooLongForAFrameIsAnError) {
  start();
  handler_.answer = [](const auto&, ConnectionId, Responder& responder) {
    v1::ControlResponse response;
    response.mutable_status()->set_version(std::string(kMaxFrameBytes + 1, 'x'));
    (void)responder.send(response);
  };
  const Arrived arrived = exchange(framed(status_request()));
  ASSERT_EQ(arrived.responses.size(), 1u);
  EXPECT_EQ(arrived.responses[0].error().code(), "internal");
  EXPECT_TRUE(arrived.responses[0].done());
}

TEST_F(ControlServerTest, RunIsRefusedForAProcessThatIsGone) {
  start();
  answer_at_once();
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  pump(*server_, milliseconds(100));  // adopted while the child lives or is a zombie
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);

  v1::ControlRequest run;
  run.mutable_run()->mutable_terms()->set_agent("a");
  ASSERT_TRUE(send_all(fd.get(), framed(run)));
  pump(*server_);
  FrameDecoder decoder;
  const Arrived arrived = drain(fd.get(), decoder);
  ASSERT_EQ(arrived.responses.size(), 1u);
  EXPECT_EQ(arrived.responses[0].error().code(), "denied");
  EXPECT_THAT(arrived.responses[0].error().message(), HasSubstr("gone"));
  EXPECT_THAT(handler_.seen, IsEmpty());
}

TEST_F(ControlServerTest, ManyTinyRequestsInOneWriteAreAllAnswered) {
  start();
  answer_at_once();
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += framed(status_request());
  const UniqueFd fd = connect_to(path_);
  ASSERT_TRUE(send_all(fd.get(), bytes));
  FrameDecoder decoder;
  std::size_t answered = 0;
  for (bool progress = true; progress;) {
    pump(*server_);
    const std::size_t now = drain(fd.get(), decoder).responses.size();
    progress = now > 0;
    answered += now;
  }
  EXPECT_EQ(answered, 2000u);
  EXPECT_EQ(handler_.seen.size(), 2000u);
}

}  // namespace
}  // namespace writ::daemon
