#include "kernel/hands.h"

#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

namespace writ::kernel {
namespace {

constexpr int kRepairOffNoProbe = -1;  // TCP_REPAIR_OFF_NO_WP
constexpr int kReceiveQueue = 1;       // TCP_RECV_QUEUE
constexpr std::uint8_t kTcpListen = 10;

bool is_socket(int fd, std::uint64_t cookie) {
  std::uint64_t found = 0;
  socklen_t size = sizeof found;
  return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &found, &size) == 0 && found == cookie;
}

int set_option(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

int get_option(int fd, int level, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

// As long as it lives, the scheduler gives this CPU to nobody else: the agent waits for what
// follows. Where that may not be asked for, nothing changes.
class Undisturbed {
 public:
  Undisturbed() : policy_(sched_getscheduler(0)) {
    const sched_param first = {.sched_priority = 1};
    raised_ = policy_ != -1 && sched_getparam(0, &before_) == 0 &&
              sched_setscheduler(0, SCHED_FIFO, &first) == 0;
  }
  ~Undisturbed() {
    if (raised_) (void)sched_setscheduler(0, policy_, &before_);  // going back is always granted
  }
  Undisturbed(const Undisturbed&) = delete;
  Undisturbed& operator=(const Undisturbed&) = delete;

 private:
  int policy_;
  sched_param before_ = {};
  bool raised_ = false;
};

// 0: not bound, or of another family.
std::uint16_t local_port(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

int open_diag() { return ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG); }

UniqueFd namespace_of(const std::string& pid) {
  return UniqueFd(::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
}

bool same_file(int a, int b) {
  struct stat first = {};
  struct stat second = {};
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

// SOCK_DESTROY by address and cookie, over a sock_diag socket of the right network namespace.
Status destroy(int diag, const SocketId& socket) {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 request;
  } message = {};
  message.head.nlmsg_len = sizeof message;
  message.head.nlmsg_type = SOCK_DESTROY;
  message.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  message.request.sdiag_family = static_cast<std::uint8_t>(socket.family);
  message.request.sdiag_protocol = IPPROTO_TCP;
  message.request.idiag_states = ~(1u << kTcpListen);
  inet_diag_sockid& id = message.request.id;
  id.idiag_sport = htons(socket.local_port);
  id.idiag_dport = htons(socket.peer_port);
  std::memcpy(id.idiag_src, socket.local, sizeof socket.local);
  std::memcpy(id.idiag_dst, socket.peer, sizeof socket.peer);
  id.idiag_cookie[0] = static_cast<std::uint32_t>(socket.cookie);
  id.idiag_cookie[1] = static_cast<std::uint32_t>(socket.cookie >> 32);
  if (send(diag, &message, sizeof message, 0) < 0) return fail_errno(errno, "sock_diag");
  alignas(nlmsghdr) char reply[1024];
  const ssize_t size = recv(diag, reply, sizeof reply, 0);
  const auto* head = reinterpret_cast<const nlmsghdr*>(reply);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr))) ||
      head->nlmsg_type != NLMSG_ERROR) {
    return fail(ErrorCode::kUnavailable, "sock_diag gave no answer");
  }
  const int error = -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
  if (error == ENOENT) return fail(ErrorCode::kNotFound, "the socket is gone already");
  if (error != 0) {
    return fail_errno(error, "SOCK_DESTROY (does the kernel have CONFIG_INET_DIAG_DESTROY?)");
  }
  return {};
}

// As long as it lives, calls of the agent on this socket wait at their beginning (bpf/send.bpf.c):
// one that begins while the socket is in repair mode fails with EPERM, or sends into its own
// receive queue (tcp_recvmsg_locked(), tcp_sendmsg_locked(), net/ipv4/tcp.c).
class KeptOut {
 public:
  KeptOut(volatile __u64* refusing, std::uint64_t cookie) : refusing_(refusing) {
    if (refusing_ == nullptr) return;
    *refusing_ = cookie;
    // What has begun by now has the socket's lock, or waits for it, a microsecond later.
    const auto begun = std::chrono::steady_clock::now() + std::chrono::microseconds(10);
    while (std::chrono::steady_clock::now() < begun) {
    }
  }
  ~KeptOut() {
    if (refusing_ != nullptr) *refusing_ = 0;
  }
  KeptOut(const KeptOut&) = delete;
  KeptOut& operator=(const KeptOut&) = delete;

 private:
  volatile __u64* refusing_;
};

Status put_into_receive_queue(int fd, std::string_view answer) {
  if (set_option(fd, IPPROTO_TCP, TCP_REPAIR, 1) != 0) {
    return fail_errno(errno, "enter TCP_REPAIR (is CAP_NET_ADMIN granted?)");
  }
  ssize_t sent = -1;
  int error = 0;
  if (set_option(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, kReceiveQueue) == 0) {
    sent = send(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    error = errno;
  } else {
    error = errno;
  }
  if (set_option(fd, IPPROTO_TCP, TCP_REPAIR, kRepairOffNoProbe) != 0) {
    return fail_errno(errno, "leave TCP_REPAIR");
  }
  if (sent != static_cast<ssize_t>(answer.size())) {
    return fail_errno(error, "put the refusal into the agent's receive queue");
  }
  return {};
}

}  // namespace

Result<int> Hands::process(std::uint32_t pid) {
  const auto known = processes_.find(pid);
  if (known != processes_.end()) return known->second.get();
  UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!handle) return fail_errno(errno, "open process {}", pid);
  const int fd = handle.get();
  processes_.emplace(pid, std::move(handle));
  return fd;
}

Result<UniqueFd> Hands::borrow(SocketId& socket) {
  if (socket.pid == 0) return fail(ErrorCode::kNotFound, "no process is known to have the socket");
  const auto handle = process(socket.pid);
  if (!handle) return tl::unexpected(handle.error());
  if (socket.fd >= 0) {
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, *handle, socket.fd, 0)));
    if (fd && is_socket(fd.get(), socket.cookie)) return fd;
  }
  // The descriptor is not known, or was moved (dup2): look at all of them.
  UniqueFd found;
  each_socket(socket.pid, *handle, [&](int number, UniqueFd fd) {
    if (found || !is_socket(fd.get(), socket.cookie)) return;
    socket.fd = number;
    found = std::move(fd);
  });
  if (found) return found;
  return fail(ErrorCode::kNotFound, "process {} has closed the socket", socket.pid);
}

// Calls each(number, borrowed descriptor) for every socket of a process.
template <class Each>
void Hands::each_socket(std::uint32_t pid, int process, Each each) {
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), error)) {
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    if (error || !target.native().starts_with("socket:")) continue;
    int number = -1;
    const std::string name = entry.path().filename();
    std::from_chars(name.data(), name.data() + name.size(), number);
    UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, process, number, 0)));
    if (fd) each(number, std::move(fd));
  }
}

std::vector<OpenSocket> Hands::sockets_of(std::uint32_t pid) {
  const auto handle = process(pid);
  if (!handle) return {};  // it has ended, and its sockets with it
  struct Found {
    OpenSocket socket;
    std::uint16_t port;
  };
  std::vector<Found> found;
  std::set<std::uint16_t> listening;
  each_socket(pid, *handle, [&](int, UniqueFd fd) {
    Found one{};
    socklen_t size = sizeof one.socket.cookie;
    if (getsockopt(fd.get(), SOL_SOCKET, SO_COOKIE, &one.socket.cookie, &size) != 0) return;
    if (get_option(fd.get(), SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP) return;
    one.port = local_port(fd.get());
    if (get_option(fd.get(), SOL_SOCKET, SO_ACCEPTCONN) == 1) {
      listening.insert(one.port);
    } else {
      found.push_back(one);
    }
  });
  std::vector<OpenSocket> sockets;
  for (Found& one : found) {
    one.socket.inbound = listening.contains(one.port);
    sockets.push_back(one.socket);
  }
  return sockets;
}

Status Hands::kick(SocketId& socket) {
  auto fd = borrow(socket);
  if (!fd) return tl::unexpected(fd.error());
  const int before = get_option(fd->get(), IPPROTO_TCP, TCP_NODELAY);
  if (set_option(fd->get(), IPPROTO_TCP, TCP_NODELAY, 1) != 0) return fail_errno(errno, "kick");
  if (before == 0 && set_option(fd->get(), IPPROTO_TCP, TCP_NODELAY, 0) != 0) {
    return fail_errno(errno, "give TCP_NODELAY back");
  }
  return {};
}

Status Hands::refuse(SocketId& socket, std::string_view answer, bool end_sending) {
  auto fd = borrow(socket);
  if (!fd) return tl::unexpected(fd.error());
  {
    const Undisturbed undisturbed;
    const KeptOut kept_out(refusing_, socket.cookie);
    if (Status put = put_into_receive_queue(fd->get(), answer); !put) return put;
  }
  if (end_sending) (void)shutdown(fd->get(), SHUT_WR);  // fails only when it is closed already
  // The queue was filled past the protocol, which wakes nobody; this does.
  if (set_option(fd->get(), SOL_SOCKET, SO_RCVLOWAT, 1) != 0) return fail_errno(errno, "wake");
  return {};
}

Status Hands::abort(const SocketId& socket) {
  if (!diag_) {
    diag_.reset(open_diag());
    if (!diag_) return fail_errno(errno, "open sock_diag");
  }
  Status ended = destroy(diag_.get(), socket);
  if (ended || ended.error().code != ErrorCode::kNotFound || socket.pid == 0) return ended;
  // Not here: perhaps in a container's network namespace.
  const UniqueFd theirs = namespace_of(std::to_string(socket.pid));
  const UniqueFd ours = namespace_of("self");
  if (!theirs || !ours || same_file(theirs.get(), ours.get())) return ended;
  if (setns(theirs.get(), CLONE_NEWNET) != 0) {
    return fail_errno(errno, "enter the network namespace of process {}", socket.pid);
  }
  const UniqueFd diag(open_diag());
  if (setns(ours.get(), CLONE_NEWNET) != 0)
    std::abort();  // we would act on the wrong host from here on
  if (!diag) return fail_errno(errno, "open sock_diag");
  return destroy(diag.get(), socket);
}

Result<BufferBefore> Hands::widen(SocketId& socket, std::uint64_t bytes) {
  auto fd = borrow(socket);
  if (!fd) return tl::unexpected(fd.error());
  BufferBefore before{.bytes = get_option(fd->get(), SOL_SOCKET, SO_SNDBUF),
                      .lock = get_option(fd->get(), SOL_SOCKET, SO_BUF_LOCK)};
  // The kernel doubles the value, for its own bookkeeping (socket(7)); what is still too little is
  // doubled once more.
  const auto wanted = static_cast<int>(std::min<std::uint64_t>(bytes, 512u << 20));
  if (before.bytes >= wanted * 2) return before;
  if (set_option(fd->get(), SOL_SOCKET, SO_SNDBUFFORCE, wanted) != 0) {
    return fail_errno(errno, "widen the send buffer");
  }
  return before;
}

Status Hands::restore(SocketId& socket, const BufferBefore& before) {
  auto fd = borrow(socket);
  if (!fd) return tl::unexpected(fd.error());
  if (set_option(fd->get(), SOL_SOCKET, SO_SNDBUFFORCE, before.bytes / 2) != 0) {
    return fail_errno(errno, "give the send buffer back");
  }
  if (before.lock >= 0 &&
      set_option(fd->get(), SOL_SOCKET, SO_BUF_LOCK, before.lock & SOCK_BUF_LOCK_MASK) != 0) {
    return fail_errno(errno, "give autotuning of the send buffer back");
  }
  return {};
}

}  // namespace writ::kernel
