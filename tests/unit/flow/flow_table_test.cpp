// Events in, channels out: order, binding, and what counts as lost.
#include "flow/flow_table.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace writ::flow {
namespace {

constexpr std::uint64_t kSession = 77;
constexpr std::uint64_t kStream = 5;
constexpr std::uint64_t kCookie = 9;

// Writes down what it is told.
struct Log : ChannelHandler {
  void on_out(Channel& channel, std::string_view bytes) override {
    add("out " + std::string(bytes) + " at " + std::to_string(channel.out));
  }
  void on_in(Channel&, std::string_view bytes) override { add("in " + std::string(bytes)); }
  void on_bound(Channel& channel) override {
    add("bound " + std::to_string(channel.socket.cookie) + " fd " +
        std::to_string(channel.socket.fd));
  }
  void on_lost(Channel&, bool outgoing, const char*) override {
    add(outgoing ? "lost out" : "lost in");
  }
  void on_agent_closed(Channel&) override { add("fin"); }
  void on_end(Channel&) override { add("end"); }
  void on_opaque(Connection& connection, Channel* channel, std::uint32_t reason) override {
    add("opaque " + std::to_string(reason) + " of " + std::to_string(connection.socket.cookie) +
        (channel == nullptr ? "" : " with channel"));
  }
  void on_connect(const Connection&) override { add("connect"); }
  void on_datagram(std::uint64_t, std::uint32_t protocol, const kernel::SocketId&,
                   bool passed) override {
    add("datagram " + std::to_string(protocol) + (passed ? " passed" : ""));
  }
  void on_dns(std::uint64_t, std::string_view message, bool cut) override {
    add("dns " + std::string(message) + (cut ? " cut" : ""));
  }
  void on_exec(std::uint64_t, std::uint32_t, std::string_view path) override {
    add("exec " + std::string(path));
  }
  void on_exit(std::uint64_t, std::uint32_t) override { add("exit"); }

  void add(std::string line) { lines.push_back(std::move(line)); }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
  std::vector<std::string> lines;
};

using Lines = std::vector<std::string>;

class FlowTableTest : public testing::Test {
 protected:
  void data(std::uint32_t type, std::uint64_t stream, std::uint64_t offset,
            std::string_view bytes = "") {
    writ_event_data event = {};
    event.head.type = type;
    event.head.size = static_cast<std::uint32_t>(bytes.size());
    event.head.session = kSession;
    event.head.pid = 1234;
    event.stream = stream;
    event.offset = offset;
    event.fd = (stream & WRIT_STREAM_CLEAR) != 0 ? 4 : -1;
    table_.on_data(event, bytes);
  }
  void flow(std::uint32_t type, std::uint64_t cookie, std::uint64_t stream = 0,
            std::uint32_t reason = 0) {
    writ_event_flow event = {};
    event.head.type = type;
    event.head.session = kSession;
    event.head.pid = 1234;
    event.cookie = cookie;
    event.stream = stream;
    event.reason = reason;
    event.fd = 7;
    event.family = AF_INET;
    event.local_port = type == WRIT_EVENT_CONNECT ? 0 : 40000;  // not known yet at connect()
    event.peer_port = 443;
    event.peer[0] = 10;
    event.peer[3] = 2;
    table_.on_flow(event);
  }

  Log log_;
  FlowTable table_{log_};
};

TEST_F(FlowTableTest, TlsBytesComeInOrderAndAreBoundLater) {
  data(WRIT_EVENT_DATA_OUT, kStream, 0, "GET ");
  data(WRIT_EVENT_DATA_OUT, kStream, 4, "/");
  EXPECT_EQ(log_.take(), (Lines{"out GET  at 4", "out / at 5"}));
  flow(WRIT_EVENT_FLOW, kCookie);
  EXPECT_EQ(log_.take(), Lines{});
  flow(WRIT_EVENT_BIND, kCookie, kStream);
  EXPECT_EQ(log_.take(), Lines{"bound 9 fd 7"});
  EXPECT_EQ(peer_of(table_.channel(kStream)->socket).address, "10.0.0.2");
  EXPECT_EQ(peer_of(table_.channel(kStream)->socket).port, 443);
}

TEST_F(FlowTableTest, AHoleIsALossAndNothingComesAfterIt) {
  data(WRIT_EVENT_DATA_OUT, kStream, 0, "abc");
  data(WRIT_EVENT_DATA_OUT, kStream, 5, "xyz");
  data(WRIT_EVENT_DATA_OUT, kStream, 8, "more");
  EXPECT_EQ(log_.take(), (Lines{"out abc at 3", "lost out"}));
  data(WRIT_EVENT_DATA_IN, kStream, 0, "in");
  data(WRIT_EVENT_DATA_IN, kStream, 3, "in");
  EXPECT_EQ(log_.take(), (Lines{"in in", "lost in"}));
}

TEST_F(FlowTableTest, ALossThatTheKernelTellsIsToldOnce) {
  data(WRIT_EVENT_DATA_OUT, kStream, 0, "abc");
  table_.on_loss(kStream, 3);
  table_.on_loss(kStream, 3);
  table_.on_loss(kStream + 1, 0);
  EXPECT_EQ(log_.take(), (Lines{"out abc at 3", "lost out"}));
}

TEST_F(FlowTableTest, CleartextIsBoundToItsOwnConnection) {
  const std::uint64_t stream = WRIT_STREAM_CLEAR | kCookie;
  flow(WRIT_EVENT_CONNECT, kCookie);
  data(WRIT_EVENT_DATA_OUT, stream, 0, "abc");
  flow(WRIT_EVENT_FLOW, kCookie);
  EXPECT_EQ(log_.take(), (Lines{"connect", "out abc at 3", "bound 9 fd 7"}));
}

TEST_F(FlowTableTest, BytesOfALongCallThatWereReadBeforeAreNotTakenTwice) {
  const std::uint64_t stream = WRIT_STREAM_CLEAR | kCookie;
  data(WRIT_EVENT_DATA_OUT, stream, 0, "abcdef");
  data(WRIT_EVENT_DATA_OUT, stream, 2, "cd");
  data(WRIT_EVENT_DATA_OUT, stream, 4, "efgh");
  EXPECT_EQ(log_.take(), (Lines{"out abcdef at 6", "out gh at 8"}));
}

TEST_F(FlowTableTest, AShortSendBehindWhatWasShownIsALoss) {
  const std::uint64_t stream = WRIT_STREAM_CLEAR | kCookie;
  data(WRIT_EVENT_DATA_OUT, stream, 0, "abcdef");
  data(WRIT_EVENT_SHORT, stream, 6);
  EXPECT_EQ(log_.take(), Lines{"out abcdef at 6"});
  data(WRIT_EVENT_SHORT, stream, 3);
  EXPECT_EQ(log_.take(), Lines{"lost out"});
}

TEST_F(FlowTableTest, OpaqueBytesNameTheirConnection) {
  flow(WRIT_EVENT_OPAQUE, kCookie, 0, WRIT_OPAQUE_NO_PLAINTEXT);
  EXPECT_EQ(log_.take(), Lines{"opaque 1 of 9"});
}

TEST_F(FlowTableTest, AClosedConnectionEndsItsChannels) {
  data(WRIT_EVENT_DATA_OUT, kStream, 0, "abc");
  flow(WRIT_EVENT_BIND, kCookie, kStream);
  data(WRIT_EVENT_STREAM_END, kStream, 3);
  (void)log_.take();
  flow(WRIT_EVENT_FIN, kCookie);
  flow(WRIT_EVENT_CLOSED, kCookie);
  EXPECT_EQ(log_.take(), (Lines{"fin", "end"}));
  EXPECT_EQ(table_.channels(), 0u);
  EXPECT_EQ(table_.connections(), 0u);
}

// Node says GOAWAY into a connection that was aborted.
TEST_F(FlowTableTest, LastWordsIntoAConnectionThatIsGoneAreNoLoss) {
  const auto ended = [this](std::uint64_t stream) {
    flow(WRIT_EVENT_BIND, kCookie, stream);
    data(WRIT_EVENT_DATA_OUT, stream, 0, "abc");
    flow(WRIT_EVENT_CLOSED, kCookie);
    log_.take();
  };
  ended(kStream);
  data(WRIT_EVENT_DATA_OUT, kStream, 3, "bye");
  EXPECT_EQ(log_.take(), Lines{});
  EXPECT_EQ(table_.channels(), 0u);
  // On another connection it would be held, and nobody would know what it is.
  flow(WRIT_EVENT_BIND, kCookie + 1, kStream);
  data(WRIT_EVENT_DATA_OUT, kStream, 6, "again");
  EXPECT_EQ(log_.take(), Lines{"lost out"});
  EXPECT_TRUE(table_.channel(kStream)->bound);

  // It is remembered until the stream or its process ends, and not when it ended first.
  for (const auto& end : std::vector<std::function<void()>>{
           [&] { data(WRIT_EVENT_STREAM_END, kStream + 1, 3); },
           [&] { table_.on_exec({.type = WRIT_EVENT_EXIT, .pid = 1234}, ""); },
           [&] { table_.forget_session(kSession); }}) {
    ended(kStream + 1);
    end();
    log_.take();
    data(WRIT_EVENT_DATA_OUT, kStream + 1, 3, "bye");
    EXPECT_EQ(log_.take(), Lines{"lost out"});
    table_.forget_session(kSession);
  }
  flow(WRIT_EVENT_BIND, kCookie, kStream + 2);
  data(WRIT_EVENT_DATA_OUT, kStream + 2, 0, "abc");
  data(WRIT_EVENT_STREAM_END, kStream + 2, 3);
  flow(WRIT_EVENT_CLOSED, kCookie);
  log_.take();
  data(WRIT_EVENT_DATA_OUT, kStream + 2, 3, "bye");
  EXPECT_EQ(log_.take(), Lines{"lost out"});
}

TEST_F(FlowTableTest, AStreamThatNeverSentGoesWithItsObject) {
  data(WRIT_EVENT_DATA_IN, kStream, 0, "x");
  data(WRIT_EVENT_STREAM_END, kStream, 0);
  EXPECT_EQ(table_.channels(), 0u);
}

TEST_F(FlowTableTest, DatagramsAndAnswersAreNoConnections) {
  writ_event_flow datagram = {};
  datagram.head.type = WRIT_EVENT_DATAGRAM;
  datagram.reason = 17;
  table_.on_flow(datagram);
  datagram.head.type = WRIT_EVENT_QUIC;
  table_.on_flow(datagram);
  writ_event_dns answer = {};
  answer.length = 2;
  table_.on_dns(answer, "ab");
  answer.length = 3;
  table_.on_dns(answer, "ab");
  EXPECT_EQ(log_.take(), (Lines{"datagram 17", "datagram 17 passed", "dns ab", "dns ab cut"}));
  EXPECT_EQ(table_.connections(), 0u);
}

TEST_F(FlowTableTest, ASessionThatIsOverLeavesNothing) {
  data(WRIT_EVENT_DATA_OUT, kStream, 0, "abc");
  flow(WRIT_EVENT_CONNECT, kCookie);
  EXPECT_EQ(table_.connections_of(kSession), 1u);
  table_.forget_session(kSession + 1);
  EXPECT_EQ(table_.channels(), 1u);
  table_.forget_session(kSession);
  EXPECT_EQ(table_.channels() + table_.connections(), 0u);
}

TEST(PeerOf, ReadsMappedAddressesAsIpv4) {
  kernel::SocketId socket;
  socket.family = AF_INET6;
  socket.peer_port = 80;
  socket.peer[10] = socket.peer[11] = 0xff;
  socket.peer[12] = 127;
  socket.peer[15] = 1;
  EXPECT_EQ(peer_of(socket).address, "127.0.0.1");
  EXPECT_EQ(peer_of({}).address, "");
}

}  // namespace
}  // namespace writ::flow
