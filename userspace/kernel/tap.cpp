#include "kernel/tap.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernel/audience.h"
#include "kernel/elf_symbols.h"
#include "kernel/writ.skel.h"
#include "util/unique_fd.h"

namespace writ::kernel {
namespace {

struct SkeletonDelete {
  void operator()(writ_bpf* skeleton) const { writ_bpf__destroy(skeleton); }
};
struct LinkDelete {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
struct RingDelete {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using Link = std::unique_ptr<bpf_link, LinkDelete>;

// The last thing that libbpf said, for the error message; its chatter goes nowhere else.
thread_local std::string last_words;

int keep_last_words(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char text[512];
  const int size = vsnprintf(text, sizeof text, format, arguments);
  if (size > 0 && last_words.size() < 4096) last_words += text;
  return size;
}

int dispatch(void* context, void* data, std::size_t size) {
  static_cast<Audience*>(context)->tell(data, size);
  return 0;
}

struct Probe {
  const char* function;
  const char* program;
  bool at_return;
};

constexpr Probe kTlsProbes[] = {
    {"SSL_write", "ssl_write_entry", false},         {"SSL_write", "ssl_write_return", true},
    {"SSL_write_ex", "ssl_write_ex_entry", false},   {"SSL_write_ex", "ssl_write_return", true},
    {"SSL_write_ex2", "ssl_write_ex2_entry", false}, {"SSL_write_ex2", "ssl_write_return", true},
    {"SSL_read", "ssl_read_entry", false},           {"SSL_read", "ssl_read_return", true},
    {"SSL_read_ex", "ssl_read_ex_entry", false},     {"SSL_read_ex", "ssl_read_return", true},
    {"SSL_free", "ssl_free_entry", false},           {"BIO_write", "bio_write_entry", false},
};

constexpr const char* kTracepoints[] = {"send_enter", "send_exit", "lifecycle_tcp",
                                        "lifecycle_exec", "lifecycle_exit"};
constexpr const char* kArrivals[] = {"arrivals_fork", "arrivals_exec", "arrivals_cgroup",
                                     "arrivals_moved"};
constexpr const char* kCommands[] = {"command_exit", "command_syscall", "command_fault",
                                     "command_exec"};
constexpr const char* kStdio[] = {"stdio_gone", "stdio_enter", "stdio_exec", "stdio_exit"};
constexpr const char* kCgroupPrograms[] = {"gate_egress", "gate_connect4", "gate_connect6",
                                           "names_ingress"};

}  // namespace

struct Tap::State {
  std::unique_ptr<writ_bpf, SkeletonDelete> skeleton;
  std::unique_ptr<ring_buffer, RingDelete> ring;
  std::vector<Link> links;
  std::vector<Link> command_links;
  std::optional<CommandHold> commands;
  std::vector<Link> stdio_links;
  std::optional<StdioHold> stdio;
  Audience audience;
  const std::uint64_t* counters = nullptr;

  ~State() {
    if (counters != nullptr) munmap(const_cast<std::uint64_t*>(counters), kCounterBytes);
  }
  static constexpr std::size_t kCounterBytes = 4096;

  [[nodiscard]] bpf_program* program(const char* name) const {
    return bpf_object__find_program_by_name(skeleton->obj, name);
  }
  Status attach_all(const std::string& cgroup_root);
  Status attach_tracepoint(const char* name) { return attach_tracepoint(name, links); }
  Status attach_tracepoint(const char* name, std::vector<Link>& to) const;
};

Status Tap::State::attach_all(const std::string& cgroup_root) {
  const UniqueFd cgroup(::open(cgroup_root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) return fail_errno(errno, "open the cgroup2 mount {}", cgroup_root);
  for (const char* name : kCgroupPrograms) {
    // A link attaches beside the programs of others (systemd has some): BPF_F_ALLOW_MULTI is
    // implied.
    Link link(bpf_program__attach_cgroup(program(name), cgroup.get()));
    if (!link) return fail_errno(errno, "attach {} to the cgroup {}", name, cgroup_root);
    links.push_back(std::move(link));
  }
  for (const char* name : kTracepoints) {
    if (Status attached = attach_tracepoint(name); !attached) return attached;
  }
  return {};
}

Status Tap::State::attach_tracepoint(const char* name, std::vector<Link>& to) const {
  Link link(bpf_program__attach(program(name)));
  if (!link) return fail_errno(errno, "attach {}", name);
  to.push_back(std::move(link));
  return {};
}

Tap::Tap(std::unique_ptr<State> state) : state_(std::move(state)) {}
Tap::~Tap() = default;

Result<std::unique_ptr<Tap>> Tap::open(const TapOptions& options, EventSink& sink) {
  libbpf_set_print(keep_last_words);
  last_words.clear();
  auto state = std::make_unique<State>();
  state->skeleton.reset(writ_bpf__open());
  if (!state->skeleton) return fail_errno(errno, "open the BPF object");
  state->skeleton->rodata->wake_bytes = options.ring_bytes / 8;
  state->skeleton->rodata->packet_threads =
      libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_current_pid_tgid, nullptr) ==
      1;
  bpf_map__set_max_entries(state->skeleton->maps.events, options.ring_bytes);
  if (const int error = writ_bpf__load(state->skeleton.get()); error != 0) {
    return fail_errno(
        -error,
        "load the BPF programs (is this root, with CAP_BPF? `writ doctor` says more; libbpf: {})",
        last_words);
  }
  const int counters = bpf_map__fd(state->skeleton->maps.counters);
  void* memory = mmap(nullptr, State::kCounterBytes, PROT_READ, MAP_SHARED, counters, 0);
  if (memory == MAP_FAILED) return fail_errno(errno, "map the kernel counters");
  state->counters = static_cast<const std::uint64_t*>(memory);
  state->audience.use(sink, bpf_map__fd(state->skeleton->maps.passes));
  state->commands.emplace(bpf_map__fd(state->skeleton->maps.held),
                          bpf_map__fd(state->skeleton->maps.passed));
  state->stdio.emplace(StdioHold::Maps{.servers = bpf_map__fd(state->skeleton->maps.servers),
                                       .waiting = bpf_map__fd(state->skeleton->maps.waiting),
                                       .stopped = bpf_map__fd(state->skeleton->maps.stopped),
                                       .plain = bpf_map__fd(state->skeleton->maps.plain)});
  state->ring.reset(ring_buffer__new(bpf_map__fd(state->skeleton->maps.events), dispatch,
                                     &state->audience, nullptr));
  if (!state->ring) return fail_errno(errno, "map the event ring buffer");
  if (Status attached = state->attach_all(options.cgroup_root); !attached) {
    return tl::unexpected(attached.error());
  }
  return std::unique_ptr<Tap>(new Tap(std::move(state)));
}

Result<int> Tap::attach_tls(const std::string& path) {
  std::vector<std::string> names;
  for (const Probe& probe : kTlsProbes) names.emplace_back(probe.function);
  const auto found = exported_functions(path, names);
  if (!found) return tl::unexpected(found.error());
  std::vector<Link> links;
  for (const Probe& probe : kTlsProbes) {
    const auto function = found->find(probe.function);
    if (function == found->end()) continue;
    LIBBPF_OPTS(bpf_uprobe_opts, uprobe, .retprobe = probe.at_return);
    last_words.clear();
    Link link(bpf_program__attach_uprobe_opts(state_->program(probe.program), -1, path.c_str(),
                                              function->second, &uprobe));
    if (!link) {
      return fail_errno(errno, "attach uprobe {} in {} (is CAP_PERFMON granted? {})",
                        probe.function, path, last_words);
    }
    links.push_back(std::move(link));
  }
  for (Link& link : links) state_->links.push_back(std::move(link));
  return static_cast<int>(found->size());
}

Status Tap::watch_arrivals(ArrivalSink& sink, bool hold) {
  const bool again = state_->audience.use(sink);
  state_->skeleton->bss->watch_programs = hold ? 1 : 0;
  if (again) return {};
  for (const char* name : kArrivals) {
    if (Status attached = state_->attach_tracepoint(name); !attached) return attached;
  }
  return {};
}

std::vector<pid_t> Tap::arriving(std::uint64_t arrival) const {
  const int map = bpf_map__fd(state_->skeleton->maps.arriving);
  std::vector<pid_t> found;
  std::uint32_t process = 0;
  for (const std::uint32_t* last = nullptr; bpf_map_get_next_key(map, last, &process) == 0;
       last = &process) {
    std::uint64_t its = 0;
    if (bpf_map_lookup_elem(map, &process, &its) == 0 && its == arrival) {
      found.push_back(static_cast<pid_t>(process));
    }
  }
  return found;
}

void Tap::claim(std::uint64_t arrival, std::uint64_t cgroup, std::uint32_t mode) {
  if (arrival == 0) return;
  state_->audience.claim(arrival, cgroup, mode);
  decide_arrival(arrival);
}

void Tap::dismiss(std::uint64_t arrival) {
  if (arrival != 0) decide_arrival(arrival);
}

void Tap::abandon(std::uint64_t arrival) {
  if (arrival == 0) return;
  state_->audience.abandon(arrival);
  decide_arrival(arrival);
}

// In this order: a child that is forked in between is not arriving without the first entry.
void Tap::decide_arrival(std::uint64_t arrival) {
  // (void): an entry that there was no room for is not there.
  (void)bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.arrivals), &arrival);
  for (const pid_t process : arriving(arrival)) {
    const auto key = static_cast<std::uint32_t>(process);
    (void)bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.arriving), &key);
  }
}

Status Tap::watch_commands(CommandSink& sink) {
  state_->audience.use(sink);
  if (!state_->command_links.empty()) return {};
  std::vector<Link> links;
  // What stops them comes last: nothing waits that could be made to run.
  for (const char* name : kCommands) {
    if (Status attached = state_->attach_tracepoint(name, links); !attached) return attached;
  }
  state_->command_links = std::move(links);
  return {};
}

void Tap::unwatch_commands() {
  // The guards stay until the tap goes.
  if (!state_->command_links.empty()) state_->command_links.pop_back();
}

CommandHold& Tap::commands() { return *state_->commands; }

Status Tap::watch_stdio(StdioSink& sink) {
  state_->audience.use(sink);
  if (!state_->stdio_links.empty()) return {};
  std::vector<Link> links;
  // What stops them comes last: nothing waits that could be made to run.
  for (const char* name : kStdio) {
    if (Status attached = state_->attach_tracepoint(name, links); !attached) return attached;
  }
  state_->stdio_links = std::move(links);
  return {};
}

void Tap::unwatch_stdio() {
  // The guards stay until the tap goes.
  if (!state_->stdio_links.empty()) state_->stdio_links.pop_back();
}

StdioHold& Tap::stdio() { return *state_->stdio; }

Status Tap::add_session(std::uint64_t cgroup, std::uint32_t level, const writ_session& session) {
  auto& levels = state_->skeleton->bss->session_levels;
  const auto slot = std::find_if(std::begin(levels), std::end(levels),
                                 [&](std::uint32_t known) { return known == level || known == 0; });
  if (slot == std::end(levels)) {
    return fail(ErrorCode::kUnavailable,
                "sessions are at {} different depths of the cgroup hierarchy, which is as many as "
                "can be",
                WRIT_LEVELS_MAX);
  }
  const int sessions = bpf_map__fd(state_->skeleton->maps.sessions);
  writ_session told = {};
  const bool known = bpf_map_lookup_elem(sessions, &cgroup, &told) == 0;
  const std::uint64_t noted = known ? told.noted : state_->skeleton->bss->noted;
  told = session;
  told.noted = noted;
  if (bpf_map_update_elem(sessions, &cgroup, &told, BPF_ANY) != 0) {
    return fail_errno(errno, "add a session to the kernel side (are there 4096 already?)");
  }
  *slot = level;
  return {};
}

Status Tap::set_resolvers(std::span<const writ_address> resolvers) {
  const int map = bpf_map__fd(state_->skeleton->maps.resolvers);
  const auto wanted = [&](const writ_address& known) {
    return std::any_of(resolvers.begin(), resolvers.end(), [&](const writ_address& one) {
      return std::memcmp(&one, &known, sizeof one) == 0;
    });
  };
  std::vector<writ_address> old;
  writ_address key = {};
  for (const writ_address* last = nullptr; bpf_map_get_next_key(map, last, &key) == 0;
       last = &old.back()) {
    old.push_back(key);
  }
  for (const writ_address& known : old) {
    if (!wanted(known)) (void)bpf_map_delete_elem(map, &known);  // was there a moment ago
  }
  const std::uint32_t is_one = 1;
  for (const writ_address& resolver : resolvers) {
    if (bpf_map_update_elem(map, &resolver, &is_one, BPF_ANY) != 0) {
      return fail_errno(errno, "tell the kernel side of the host's resolvers");
    }
  }
  return {};
}

void Tap::remove_session(std::uint64_t cgroup) {
  state_->audience.forget_session(cgroup);
  // (void): a session that is not there is as gone as one wants it.
  (void)bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.sessions), &cgroup);
}

Status Tap::adopt(std::uint64_t cookie, std::uint64_t cgroup, std::uint32_t mode, bool inbound) {
  const bpf_map* flows = state_->skeleton->maps.flows;
  // The rest of a flow is the kernel side's, and begins as zeroes.
  std::vector<char> value(bpf_map__value_size(flows));
  const writ_owner owner{
      .session = cgroup, .mode = mode, .inbound = inbound, .adopted = 1, .pad = 0};
  std::memcpy(value.data(), &owner, sizeof owner);
  if (bpf_map_update_elem(bpf_map__fd(flows), &cookie, value.data(), BPF_NOEXIST) != 0 &&
      errno != EEXIST) {
    return fail_errno(errno, "note a connection in the map `flows`");
  }
  return {};
}

Status Tap::release(std::uint64_t stream, std::uint64_t offset) {
  if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.releases), &stream, &offset,
                          BPF_ANY) != 0) {
    return fail_errno(errno, "release a held call");
  }
  return {};
}

Status Tap::pass_all(std::uint64_t cookie) {
  const std::uint32_t pass = WRIT_PASS_ALL;
  if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.passes), &cookie, &pass, BPF_ANY) !=
      0) {
    return fail_errno(errno, "open a connection");
  }
  return {};
}

volatile __u64& Tap::refusing() { return state_->skeleton->bss->refusing; }

std::optional<writ_pending> Tap::pending(std::uint64_t thread) const {
  writ_pending call = {};
  if (bpf_map_lookup_elem(bpf_map__fd(state_->skeleton->maps.pending), &thread, &call) != 0) {
    return std::nullopt;
  }
  return call;
}

Status Tap::set_pulled(std::uint64_t stream, std::uint64_t offset) {
  if (bpf_map_update_elem(bpf_map__fd(state_->skeleton->maps.pulled), &stream, &offset, BPF_ANY) !=
      0) {
    return fail_errno(errno, "note how far a long send call was read");
  }
  return {};
}

void Tap::forget(std::uint64_t stream, std::uint64_t cookie) {
  // (void): most connections have no entry in one of them.
  if (stream != 0) {
    (void)bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.releases), &stream);
    (void)bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.pulled), &stream);
  }
  if (cookie != 0) {
    (void)bpf_map_delete_elem(bpf_map__fd(state_->skeleton->maps.passes), &cookie);
  }
}

int Tap::epoll_fd() const { return ring_buffer__epoll_fd(state_->ring.get()); }

Status Tap::consume() {
  volatile __u32& consuming = state_->skeleton->bss->consuming;
  consuming = 1;
  const int count = ring_buffer__consume(state_->ring.get());
  consuming = 0;
  if (count < 0) return fail_errno(-count, "read the event ring buffer");
  return {};
}

Counters Tap::counters() const {
  Counters copy{};
  for (std::size_t i = 0; i < copy.size(); ++i) {
    copy[i] = __atomic_load_n(&state_->counters[i], __ATOMIC_RELAXED);
  }
  return copy;
}

bool Tap::next_loss(std::uint64_t& stream, std::uint64_t& offset) {
  const int map = bpf_map__fd(state_->skeleton->maps.losses);
  std::uint64_t key = 0;
  if (bpf_map_get_next_key(map, nullptr, &key) != 0) return false;
  if (bpf_map_lookup_elem(map, &key, &offset) != 0) return false;
  (void)bpf_map_delete_elem(map, &key);  // was there a moment ago
  stream = key;
  return true;
}

}  // namespace writ::kernel
