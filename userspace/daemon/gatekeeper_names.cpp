// Datagrams, of which nobody sees more than where they go, and what DNS says of addresses.
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <chrono>

#include "daemon/gatekeeper.h"
#include "flow/flow_table.h"
#include "policy/explain.h"
#include "protocol/dns.h"

namespace writ::daemon {
namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kQuicPort = 443;

protocol::IpAddress ip_address(const kernel::SocketId& socket) {
  protocol::IpAddress address = {};
  if (socket.family == AF_INET) {
    address[10] = address[11] = 0xff;
    std::copy_n(socket.peer, 4, address.begin() + 12);
  } else {
    std::copy_n(socket.peer, address.size(), address.begin());
  }
  return address;
}

const char* why_refused(std::uint32_t protocol, std::uint16_t port) {
  if (protocol == IPPROTO_UDP && port == kDnsPort) {
    return "DNS may be asked of the host's resolvers only (network: {dns: host})";
  }
  if (protocol == IPPROTO_UDP && port == kQuicPort) {
    return "QUIC cannot be read, and may not leave (network: {quic: deny})";
  }
  return "only TCP and DNS may leave";
}

}  // namespace

void Gatekeeper::on_datagram(std::uint64_t cgroup, std::uint32_t protocol,
                             const kernel::SocketId& socket, bool passed) {
  Session* session = session_of(cgroup);
  if (session == nullptr) return;
  const std::string to = policy::describe_destination(destination_of(*session, socket));
  if (passed) {
    write_gap(session, "quic_passed", 1,
              fmt::format("UDP to {} leaves unread, from here on: network: {{quic: allow}}", to));
  } else {
    write_gap(session, "datagram_refused", 1,
              fmt::format("IP protocol {} to {}: {}", protocol, to,
                          why_refused(protocol, socket.peer_port)));
  }
}

void Gatekeeper::on_dns(std::uint64_t cgroup, std::string_view message, bool cut) {
  Session* session = session_of(cgroup);
  if (session == nullptr) return;
  const auto answer = cut ? std::nullopt : protocol::read_dns_answer(message);
  if (!answer) {
    ++counters_.dns_unread;
    return;
  }
  session->names.note(*answer, std::chrono::steady_clock::now());
}

Endpoint Gatekeeper::destination_of(Session& session, const kernel::SocketId& socket) {
  Endpoint peer = flow::peer_of(socket);
  peer.names = session.names.names_of(ip_address(socket), std::chrono::steady_clock::now());
  return peer;
}

}  // namespace writ::daemon
