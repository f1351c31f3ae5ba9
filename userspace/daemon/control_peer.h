// Who is at the other end of a control connection, as the kernel says.
#pragma once

#include <sys/types.h>

#include "util/result.h"
#include "util/unique_fd.h"

namespace writ::daemon {

struct Peer {
  pid_t pid = -1;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  UniqueFd pidfd;  // of pid; -1 when the process was gone, or the kernel could not say
};

// SO_PEERCRED of a connected Unix socket: the process that called connect(), with the ids it had
// then. Passing the socket on, or a later setuid, does not change it.
Result<Peer> peer_of(int socket);

// True when SO_PEERCRED of `socket` still names the same process and ids as `peer`.
bool same_peer(int socket, const Peer& peer);

// True while the process that connected lives (a zombie does not). Only then is `peer.pid` the
// number of that process and not of a later one. Without a pidfd: false.
bool is_alive(const Peer& peer);

}  // namespace writ::daemon
