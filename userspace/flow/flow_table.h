// The flow table turns kernel events into channels: ordered bytes, each tied to the connection that
// carries them.
//
// Owner: the daemon; loop thread only. Memory: one Channel for each stream that sent or received (a
// few words once its connection has ended), one Connection for each that the kernel side knows
// (65,536 at most), until the kernel side says that it is gone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "flow/channel.h"
#include "kernel/tap.h"
#include "protocol/tool_call.h"

namespace writ::flow {

class FlowTable : public kernel::EventSink {
 public:
  // `handler` must outlive it.
  explicit FlowTable(ChannelHandler& handler) : handler_(handler) {}

  void on_data(const writ_event_data& event, std::string_view bytes) override;
  void on_flow(const writ_event_flow& event) override;
  void on_exec(const writ_event& event, std::string_view path) override;
  void on_dns(const writ_event_dns& event, std::string_view message) override;

  // Reads on in the long send calls that wait (`pending` in writ/abi.h), a piece of each. True:
  // there is more to read, so come again without waiting.
  bool pull(kernel::Tap& tap);

  // The kernel side lost bytes of this stream from `offset` on.
  void on_loss(std::uint64_t stream, std::uint64_t offset);

  [[nodiscard]] Channel* channel(std::uint64_t stream);
  [[nodiscard]] std::size_t channels() const { return channels_.size(); }
  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  // Connections of a session that are not gone yet.
  [[nodiscard]] std::size_t connections_of(std::uint64_t session) const;

  // Ends what is left of a session that is over.
  void forget_session(std::uint64_t session);

  // Calls each(Channel&) for every channel.
  template <class Each>
  void for_each_channel(Each each) {
    for (auto& [stream, channel] : channels_) each(*channel);
  }
  // Calls each(const Connection&, Channel*) for every connection; nullptr: nothing that can be read
  // was carried by it.
  template <class Each>
  void for_each_connection(Each each) {
    for (const auto& [cookie, connection] : connections_) {
      each(connection,
           channel(connection.stream != 0 ? connection.stream : WRIT_STREAM_CLEAR | cookie));
    }
  }

 private:
  Channel& open_channel(std::uint64_t stream, const writ_event& head);
  Connection& connection(std::uint64_t cookie, const writ_event& head);
  void bind(Channel& channel, const Connection& connection);
  void end_channel(std::uint64_t stream);
  void end_carried(std::uint64_t stream);
  void on_out(const writ_event_data& event, std::string_view bytes);
  void on_in(const writ_event_data& event, std::string_view bytes);

  struct LongSend {
    std::uint64_t thread;
    std::uint64_t stream;
  };
  // False: the call has returned, or cannot be read; the kernel side has the rest.
  bool pull_piece(kernel::Tap& tap, const LongSend& send);

  ChannelHandler& handler_;
  std::vector<LongSend> long_sends_;
  std::string piece_;  // what pull_piece reads into
  std::unordered_map<std::uint64_t, std::unique_ptr<Channel>> channels_;  // by stream
  std::unordered_map<std::uint64_t, Connection> connections_;             // by cookie
  // TLS streams whose connection has ended while their agent had not: many write a last word into
  // them, which goes nowhere. Until the stream, its process or its session ends.
  struct Over {
    std::uint64_t session;
    std::uint32_t pid;
  };
  std::unordered_map<std::uint64_t, Over> over_;
};

// Numeric address and port of one end, IPv4-mapped addresses as IPv4.
Endpoint peer_of(const kernel::SocketId& socket);

}  // namespace writ::flow
