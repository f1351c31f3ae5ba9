// What writd does to an agent's sockets: wake, refuse, end, give room. Each acts on one connection,
// named by its cookie.
//
// The agent's own descriptor is borrowed for the length of one call (pidfd_getfd, Linux 5.6) and
// checked against the cookie, so that a number that was reused meanwhile hits nobody else.
#pragma once

#include <linux/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::kernel {

// A TCP connection of an agent. Addresses as on the wire: IPv4-mapped ones are IPv4.
struct SocketId {
  std::uint64_t cookie = 0;
  std::uint32_t pid = 0;  // a process that has it open; 0: not known
  std::int32_t fd = -1;   // its descriptor there; -1: not known
  std::uint16_t family = 0;
  std::uint16_t local_port = 0;  // host order
  std::uint16_t peer_port = 0;
  std::uint8_t local[16] = {};
  std::uint8_t peer[16] = {};
};

// How a send buffer was before it was widened.
struct BufferBefore {
  int bytes = 0;
  int lock = 0;  // SO_BUF_LOCK
};

struct OpenSocket {
  std::uint64_t cookie = 0;
  bool inbound = false;  // a peer opened it: its local port is one that the process listens on
};

class Hands {
 public:
  // Tap::refusing(), for refuse(): the kernel side lets the agent's calls on that socket wait.
  void use(volatile __u64& refusing) { refusing_ = &refusing; }

  // Makes the kernel try again at once to send what was released (TCP_NODELAY pushes; tcp(7)).
  // Without it the probe timer does so later. Error: the agent closed the descriptor.
  Status kick(SocketId& socket);

  // Puts `answer` into the agent's receive queue as if the server had sent it, with TCP_REPAIR
  // (kernel commit ee9952831cfd, Linux 3.5). What is held never leaves if the socket is destroyed
  // before the gate goes. end_sending: also fail further sends with EPIPE, for an agent that is
  // still writing its request.
  Status refuse(SocketId& socket, std::string_view answer, bool end_sending);

  // SOCK_DESTROY (kernel commit 64be0aed59ad, Linux 4.5): the agent's calls fail with ECONNABORTED,
  // what is queued is thrown away. Works for closed sockets that still have bytes to send. Error:
  // kNotFound when there is no such socket.
  // The socket is looked for in the network namespace of its process.
  Status abort(const SocketId& socket);

  // Gives the send buffer room for `bytes` and wakes a writer that waits for it (SO_SNDBUFFORCE).
  Result<BufferBefore> widen(SocketId& socket, std::uint64_t bytes);
  // Gives the buffer back as it was, autotuning included (SO_BUF_LOCK, kernel commit 04190bf8944d,
  // Linux 5.14).
  Status restore(SocketId& socket, const BufferBefore& before);

  // The TCP connections that a process has open. Asking gives each socket its cookie (SO_COOKIE
  // makes one at the first question), so that the kernel side can tell those that are older than
  // their session.
  std::vector<OpenSocket> sockets_of(std::uint32_t pid);

  // Drops what is kept about a process that ended.
  void forget_process(std::uint32_t pid) { processes_.erase(pid); }

 private:
  Result<UniqueFd> borrow(SocketId& socket);
  Result<int> process(std::uint32_t pid);
  template <class Each>
  void each_socket(std::uint32_t pid, int process, Each each);

  std::unordered_map<std::uint32_t, UniqueFd> processes_;
  UniqueFd diag_;
  volatile __u64* refusing_ = nullptr;
};

}  // namespace writ::kernel
