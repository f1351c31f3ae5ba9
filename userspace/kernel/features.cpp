#include "kernel/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/cgroup.h"
#include "util/unique_fd.h"

namespace writ::kernel {
namespace {

Feature program_type(const char* name, bpf_prog_type type) {
  return {.name = name,
          .present = libbpf_probe_bpf_prog_type(type, nullptr) == 1,
          .hint = "needs Linux 6.0 or later with CONFIG_BPF_SYSCALL, and root"};
}

Feature socket_option(const char* name, int level, int option, int value, const char* hint) {
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return {.name = name,
          .present = fd && setsockopt(fd.get(), level, option, &value, sizeof value) == 0,
          .hint = hint};
}

// How sock_diag answers a request about TCP sockets; kSilent: with something else than a number.
constexpr int kSilent = -1;
int ask_sock_diag(std::uint16_t type, std::uint16_t flags) {
  const UniqueFd diag(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  struct {
    nlmsghdr head;
    inet_diag_req_v2 request;
  } message = {};  // of no socket: all zero, also the states
  message.head.nlmsg_len = sizeof message;
  message.head.nlmsg_type = type;
  message.head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message.request.sdiag_family = AF_INET;
  message.request.sdiag_protocol = IPPROTO_TCP;
  if (!diag || send(diag.get(), &message, sizeof message, 0) < 0) return kSilent;
  alignas(nlmsghdr) char reply[1024];
  const ssize_t size = recv(diag.get(), reply, sizeof reply, 0);
  const auto* head = reinterpret_cast<const nlmsghdr*>(reply);
  if (size < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int)))) return kSilent;
  if (head->nlmsg_type == NLMSG_DONE) return 0;
  return head->nlmsg_type == NLMSG_ERROR ? -*static_cast<const int*>(NLMSG_DATA(head)) : kSilent;
}

// A kernel without tcp_diag says of every socket that it is not there, so a list is asked for
// first.
bool can_destroy_sockets() {
  return ask_sock_diag(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP) == 0 &&
         ask_sock_diag(SOCK_DESTROY, NLM_F_ACK) == ENOENT;
}

}  // namespace

std::vector<Feature> check_features() {
  std::vector<Feature> all;
  utsname system = {};
  const bool named = uname(&system) == 0;
  int major = 0;
  int minor = 0;
  const bool parsed = named && sscanf(system.release, "%d.%d", &major, &minor) == 2;
  all.push_back({.name = "kernel",
                 .present = parsed && (major > 6 || (major == 6 && minor >= 1)),
                 .detail = named ? system.release : "",
                 .hint = "needs Linux 6.1 or later"});
  all.push_back(
      {.name = "root",
       .present = geteuid() == 0,
       .hint = "run writd as root (CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN, CAP_SYS_PTRACE)"});
  const auto cgroup = find_cgroup2("/proc/self/mountinfo");
  all.push_back({.name = "cgroup2",
                 .present = cgroup.has_value(),
                 .detail = cgroup ? cgroup->path : cgroup.error().message,
                 .hint = "mount -t cgroup2 none /sys/fs/cgroup"});
  all.push_back({.name = "BTF",
                 .present = access("/sys/kernel/btf/vmlinux", R_OK) == 0,
                 .hint = "needs a kernel with CONFIG_DEBUG_INFO_BTF"});
  all.push_back({.name = "ring buffer",
                 .present = libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr) == 1,
                 .hint = "needs Linux 5.8 or later"});
  all.push_back(program_type("uprobe programs", BPF_PROG_TYPE_KPROBE));
  all.push_back({.name = "uprobes",
                 .present = access("/sys/bus/event_source/devices/uprobe/type", R_OK) == 0,
                 .hint = "needs a kernel with CONFIG_UPROBE_EVENTS"});
  all.push_back(program_type("raw tracepoint programs", BPF_PROG_TYPE_RAW_TRACEPOINT));
  all.push_back(program_type("cgroup_skb programs", BPF_PROG_TYPE_CGROUP_SKB));
  all.push_back(program_type("cgroup connect programs", BPF_PROG_TYPE_CGROUP_SOCK_ADDR));
  all.push_back(
      {.name = "bpf_loop",
       .present = libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_loop, nullptr) == 1,
       .hint = "needs Linux 5.17 or later"});
  const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  const UniqueFd borrowed(
      self ? static_cast<int>(syscall(SYS_pidfd_getfd, self.get(), self.get(), 0)) : -1);
  all.push_back({.name = "pidfd_getfd",
                 .present = static_cast<bool>(borrowed),
                 .hint = "needs Linux 5.6 or later and CAP_SYS_PTRACE"});
  all.push_back(
      socket_option("TCP_REPAIR", IPPROTO_TCP, TCP_REPAIR, 1,
                    "needs CAP_NET_ADMIN; without it a refused cleartext call is aborted"));
  all.push_back({.name = "SOCK_DESTROY",
                 .present = can_destroy_sockets(),
                 .hint = "needs CONFIG_INET_DIAG_DESTROY and tcp_diag (modprobe tcp_diag); without "
                         "it a refused call over TLS stays held and its agent waits"});
  all.push_back(
      socket_option("SO_SNDBUFFORCE", SOL_SOCKET, SO_SNDBUFFORCE, 65536, "needs CAP_NET_ADMIN"));
  const bool lsm = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_LSM, nullptr) == 1;
  all.push_back({.name = "BPF LSM",
                 .present = lsm,
                 .needed = false,
                 .detail = "a second wall, not used yet",
                 .hint = "nothing to do: Writ does not depend on it"});
  return all;
}

}  // namespace writ::kernel
