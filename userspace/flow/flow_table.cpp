#include "flow/flow_table.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace writ::flow {
namespace {

// Read at once of a long send call: little enough that other events do not wait.
constexpr std::uint64_t kPiece = 1u << 20;

}  // namespace

Channel& FlowTable::open_channel(std::uint64_t stream, const writ_event& head) {
  auto& slot = channels_[stream];
  if (!slot) {
    slot = std::make_unique<Channel>();
    slot->stream = stream;
    slot->session = head.session;
    slot->pid = head.pid;
    slot->tls = (stream & WRIT_STREAM_CLEAR) == 0;
    if (slot->clear()) {
      const std::uint64_t cookie = stream & ~WRIT_STREAM_CLEAR;
      slot->socket.cookie = cookie;
      slot->socket.pid = head.pid;
      const auto carrier = connections_.find(cookie);
      if (carrier != connections_.end() && carrier->second.placed) bind(*slot, carrier->second);
    }
  }
  return *slot;
}

Connection& FlowTable::connection(std::uint64_t cookie, const writ_event& head) {
  Connection& found = connections_[cookie];
  if (found.session == 0) {
    found.session = head.session;
    found.socket.cookie = cookie;
    found.socket.pid = head.pid;
  }
  return found;
}

void FlowTable::bind(Channel& channel, const Connection& connection) {
  const std::int32_t fd = channel.socket.fd;
  channel.socket = connection.socket;
  if (channel.socket.fd < 0) channel.socket.fd = fd;
  channel.bound = true;
}

void FlowTable::on_out(const writ_event_data& event, std::string_view bytes) {
  Channel& channel = open_channel(event.stream, event.head);
  if (channel.clear()) channel.socket.fd = event.fd;
  channel.socket.pid = event.head.pid;
  if (channel.out_lost) return;
  if (channel.clear() && event.offset < channel.out) {
    // A long call that returned while it was read: these bytes were read before.
    const std::uint64_t known = channel.out - event.offset;
    if (known >= bytes.size()) return;
    bytes.remove_prefix(known);
  } else if (event.offset != channel.out) {
    // An event in between is missing, or a cleartext connection is older than its session.
    if (channel.clear() && channel.out == 0 && channel.in == 0) {
      channel.out = event.offset;
    } else {
      channel.out_lost = true;
      handler_.on_lost(channel, true, "a part of what the agent sent was not captured");
      return;
    }
  }
  channel.out += bytes.size();
  channel.first_out_ns = event.head.time_ns;
  handler_.on_out(channel, bytes);
}

void FlowTable::on_in(const writ_event_data& event, std::string_view bytes) {
  Channel& channel = open_channel(event.stream, event.head);
  if (channel.in_lost) return;
  if (event.offset != channel.in) {
    channel.in_lost = true;
    handler_.on_lost(channel, false, "a part of what the agent received was not captured");
    return;
  }
  channel.in += bytes.size();
  handler_.on_in(channel, bytes);
}

void FlowTable::on_data(const writ_event_data& event, std::string_view bytes) {
  if (over_.contains(event.stream)) {
    if (event.head.type == WRIT_EVENT_STREAM_END) over_.erase(event.stream);
    return;
  }
  switch (event.head.type) {
    case WRIT_EVENT_DATA_OUT:
      on_out(event, bytes);
      return;
    case WRIT_EVENT_DATA_IN:
      on_in(event, bytes);
      return;
    case WRIT_EVENT_STREAM_END: {
      // What it wrote last may still lie in a buffer of the agent's; the connection's end ends a
      // bound channel.
      const auto found = channels_.find(event.stream);
      if (found == channels_.end()) return;
      found->second->freed = true;
      if (!found->second->bound && found->second->out == 0) end_channel(event.stream);
      return;
    }
    case WRIT_EVENT_PENDING:
      long_sends_.push_back(
          {.thread = std::uint64_t{event.head.pid} << 32 | event.head.tid, .stream = event.stream});
      return;
    case WRIT_EVENT_SHORT: {
      const auto found = channels_.find(event.stream);
      if (found == channels_.end() || found->second->out_lost ||
          found->second->out <= event.offset) {
        return;
      }
      found->second->out_lost = true;
      handler_.on_lost(
          *found->second, true,
          "a send call took less than it was given; what it sent is not what was read");
      return;
    }
    default:
      return;
  }
}

void FlowTable::on_flow(const writ_event_flow& event) {
  if (event.head.type == WRIT_EVENT_DATAGRAM || event.head.type == WRIT_EVENT_QUIC) {
    kernel::SocketId socket{.cookie = event.cookie, .pid = event.head.pid};
    socket.family = event.family;
    socket.peer_port = event.peer_port;
    std::memcpy(socket.peer, event.peer, sizeof socket.peer);
    handler_.on_datagram(event.head.session, event.reason, socket,
                         event.head.type == WRIT_EVENT_QUIC);
    return;
  }
  const bool goes = event.head.type == WRIT_EVENT_FIN || event.head.type == WRIT_EVENT_CLOSED;
  if (goes && !connections_.contains(event.cookie)) return;
  Connection& carrier = connection(event.cookie, event.head);
  if (event.family != 0) {
    carrier.socket.family = event.family;
    carrier.socket.peer_port = event.peer_port;
    std::memcpy(carrier.socket.peer, event.peer, sizeof event.peer);
  }
  if (event.local_port != 0) {
    carrier.socket.local_port = event.local_port;
    std::memcpy(carrier.socket.local, event.local, sizeof event.local);
    carrier.placed = true;
    carrier.tls = event.tls != 0;
  }
  if (event.fd >= 0) {
    carrier.socket.fd = event.fd;
    carrier.socket.pid = event.head.pid;
  }
  const std::uint64_t clear = WRIT_STREAM_CLEAR | event.cookie;
  Channel* channel = this->channel(carrier.stream != 0 ? carrier.stream : clear);
  switch (event.head.type) {
    case WRIT_EVENT_CONNECT:
      handler_.on_connect(carrier);
      return;
    case WRIT_EVENT_FLOW:
      if (channel != nullptr && !channel->bound) {
        bind(*channel, carrier);
        handler_.on_bound(*channel);
      }
      return;
    case WRIT_EVENT_BIND:
      carrier.stream = event.stream;
      channel = this->channel(event.stream);
      if (over_.erase(event.stream) != 0) {
        channel = &open_channel(event.stream, event.head);
        bind(*channel, carrier);
        channel->out_lost = channel->in_lost = true;
        handler_.on_lost(*channel, true,
                         "a TLS stream goes on on another connection than it began on");
        return;
      }
      if (channel != nullptr && !channel->bound) {
        bind(*channel, carrier);
        handler_.on_bound(*channel);
      }
      return;
    case WRIT_EVENT_OPAQUE:
      handler_.on_opaque(carrier, channel, event.reason);
      return;
    case WRIT_EVENT_FIN:
      if (channel != nullptr) handler_.on_agent_closed(*channel);
      return;
    case WRIT_EVENT_CLOSED:
      if (carrier.stream != 0) end_carried(carrier.stream);
      end_channel(clear);
      connections_.erase(event.cookie);
      return;
    default:
      return;
  }
}

void FlowTable::on_exec(const writ_event& event, std::string_view path) {
  if (event.type == WRIT_EVENT_EXEC) {
    handler_.on_exec(event.session, event.pid, path);
  } else {
    std::erase_if(over_, [&](const auto& entry) { return entry.second.pid == event.pid; });
    handler_.on_exit(event.session, event.pid);
  }
}

void FlowTable::on_dns(const writ_event_dns& event, std::string_view message) {
  handler_.on_dns(event.head.session, message, event.length > message.size());
}

bool FlowTable::pull(kernel::Tap& tap) {
  // By index: what the handler does must not be able to upset the loop.
  for (std::size_t i = 0; i < long_sends_.size();) {
    if (pull_piece(tap, long_sends_[i])) {
      ++i;
    } else {
      long_sends_.erase(long_sends_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return !long_sends_.empty();
}

bool FlowTable::pull_piece(kernel::Tap& tap, const LongSend& send) {
  Channel* found = channel(send.stream);
  const auto before = tap.pending(send.thread);
  if (found == nullptr || found->out_lost || !before || before->stream != send.stream ||
      found->out < before->begin || found->out >= before->end) {
    return false;
  }
  piece_.resize(std::min<std::uint64_t>(kPiece, before->end - found->out));
  const iovec local{.iov_base = piece_.data(), .iov_len = piece_.size()};
  const std::uint64_t address = before->address + found->out - before->begin;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): it is an address in another process
  void* const there = reinterpret_cast<void*>(address);
  const iovec remote{.iov_base = there, .iov_len = piece_.size()};
  const auto pid = static_cast<pid_t>(send.thread >> 32);
  if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != static_cast<ssize_t>(piece_.size())) {
    return false;
  }
  // Only while the call is still under way did the buffer hold what it sends.
  const auto after = tap.pending(send.thread);
  if (!after || after->begin != before->begin || after->stream != before->stream) return false;
  if (!tap.set_pulled(send.stream, found->out + piece_.size())) return false;
  found->out += piece_.size();
  handler_.on_out(*found, piece_);
  return true;
}

void FlowTable::on_loss(std::uint64_t stream, std::uint64_t offset) {
  Channel* found = channel(stream);
  if (found == nullptr) return;
  // Which direction it was is told by where the offset lies ahead of what was handed out.
  if (!found->out_lost && offset == found->out) {
    found->out_lost = true;
    handler_.on_lost(*found, true,
                     "the event ring buffer was full, or the agent's memory not readable");
  } else if (!found->in_lost && offset == found->in) {
    found->in_lost = true;
    handler_.on_lost(*found, false, "the event ring buffer was full");
  }
}

Channel* FlowTable::channel(std::uint64_t stream) {
  const auto found = channels_.find(stream);
  return found == channels_.end() ? nullptr : found->second.get();
}

void FlowTable::end_channel(std::uint64_t stream) {
  const auto found = channels_.find(stream);
  if (found == channels_.end()) return;
  handler_.on_end(*found->second);
  channels_.erase(found);
}

void FlowTable::end_carried(std::uint64_t stream) {
  const Channel* found = channel(stream);
  if (found == nullptr) return;
  if (!found->freed) over_[stream] = {.session = found->session, .pid = found->socket.pid};
  end_channel(stream);
}

std::size_t FlowTable::connections_of(std::uint64_t session) const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [&](const auto& entry) { return entry.second.session == session; }));
}

void FlowTable::forget_session(std::uint64_t session) {
  std::vector<std::uint64_t> left;
  for (const auto& [stream, channel] : channels_) {
    if (channel->session == session) left.push_back(stream);
  }
  for (const std::uint64_t stream : left) end_channel(stream);
  std::erase_if(connections_, [&](const auto& entry) { return entry.second.session == session; });
  std::erase_if(over_, [&](const auto& entry) { return entry.second.session == session; });
}

Endpoint peer_of(const kernel::SocketId& socket) {
  char text[INET6_ADDRSTRLEN] = {};
  in6_addr wide = {};  // a copy, for its alignment
  std::memcpy(&wide, socket.peer, sizeof wide);
  const bool mapped = socket.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&wide);
  const bool ipv4 = socket.family == AF_INET || mapped;
  const void* address = mapped ? socket.peer + 12 : socket.peer;
  if (socket.family == 0 ||
      inet_ntop(ipv4 ? AF_INET : AF_INET6, address, text, sizeof text) == nullptr) {
    return {};
  }
  return {.address = text, .port = socket.peer_port};
}

}  // namespace writ::flow
