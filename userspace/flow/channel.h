// A channel is one conversation in plaintext: what one TLS stream or one cleartext connection
// carries, both ways.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "kernel/hands.h"
#include "writ/abi.h"

namespace writ::flow {

// What the handler keeps with a channel.
class ChannelState {
 public:
  virtual ~ChannelState() = default;
};

struct Channel {
  std::uint64_t stream = 0;   // the kernel side's number for it
  std::uint64_t session = 0;  // cgroup id
  std::uint32_t pid = 0;      // the process that sent first
  bool tls = false;
  bool bound = false;       // the connection is known: `socket` holds its addresses
  kernel::SocketId socket;  // of the connection that carries it
  std::uint64_t out = 0;    // bytes handed to the handler, in order and without a hole
  std::uint64_t in = 0;
  bool out_lost = false;  // what the agent sent from `out` on is not known
  bool in_lost = false;
  bool freed = false;              // the agent will write into its TLS stream no more
  std::uint64_t first_out_ns = 0;  // CLOCK_MONOTONIC, of the event that is being handled
  std::unique_ptr<ChannelState> state;

  [[nodiscard]] bool clear() const { return (stream & WRIT_STREAM_CLEAR) != 0; }
};

// A connection whose bytes are opaque (no channel carries them) or that just closed.
struct Connection {
  std::uint64_t session = 0;
  std::uint64_t stream = 0;  // 0: none bound
  bool tls = false;
  bool placed = false;  // addresses are known
  kernel::SocketId socket;
};

// Told what happens, in order. References live for the call only, a channel until on_end.
class ChannelHandler {
 public:
  virtual ~ChannelHandler() = default;
  // Bytes that the agent sends; channel.out is already behind them.
  virtual void on_out(Channel& channel, std::string_view bytes) = 0;
  virtual void on_in(Channel& channel, std::string_view bytes) = 0;
  // The connection of the channel is known from here on.
  virtual void on_bound(Channel& channel) = 0;
  // Bytes of this direction from channel.out (or .in) on are not known; no more will be handed out.
  virtual void on_lost(Channel& channel, bool outgoing, const char* why) = 0;
  // The agent closed its side: no byte will follow what it has sent.
  virtual void on_agent_closed(Channel& channel) = 0;
  // The conversation is over; the channel goes away after this.
  virtual void on_end(Channel& channel) = 0;
  // Held bytes of the connection have no plaintext behind them. `channel`: what it carried before,
  // or nullptr.
  virtual void on_opaque(Connection& connection, Channel* channel, std::uint32_t reason) = 0;
  virtual void on_connect(const Connection& connection) = 0;
  // One was refused, or (`passed`) left unread, as the first to that peer.
  virtual void on_datagram(std::uint64_t session, std::uint32_t protocol,
                           const kernel::SocketId& socket, bool passed) = 0;
  // The agent received this answer from a resolver that it may ask. `cut`: not all of it is here.
  virtual void on_dns(std::uint64_t session, std::string_view message, bool cut) = 0;
  virtual void on_exec(std::uint64_t session, std::uint32_t pid, std::string_view path) = 0;
  virtual void on_exit(std::uint64_t session, std::uint32_t pid) = 0;
};

}  // namespace writ::flow
