// SPDX-License-Identifier: GPL-2.0
/*
 * What appears on the host outside of every session, so that writd can tell whether it is an agent's. Attached only where
 * agents.yaml has `match` rules.
 *
 *   raw_tp/sched_process_exec    a program was started: an arrival, held until writd has decided whose it is
 *   raw_tp/sched_process_fork    what it forks meanwhile belongs to the arrival too
 *   raw_tp/cgroup_mkdir          a cgroup was made: a unit or a container is about to start
 *   raw_tp/cgroup_attach_task    a process was moved into another cgroup, with the connections that it has
 *
 * Nobody is stopped: the program runs, its connections are captured and held as a session's are, and become that of the
 * session that it turns out to be. Cgroups are bound before the first process is in them.
 *
 * Not covered: datagrams between a program's start and the decision; what the maps have no room for, which is counted.
 */
#include "emit.bpf.h"

static __always_inline struct writ_event *reserve_path(__u32 limit)
{
	/* fail open: without this event nobody is bound; writd looks at the whole host when the count has grown. */
	struct writ_event *e = bpf_ringbuf_reserve(&events, sizeof(*e) + limit, 0);

	if (!e)
		count(WRIT_COUNT_RING_FULL_META);
	return e;
}

SEC("raw_tp/sched_process_exec")
int arrivals_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *program = (struct linux_binprm *)ctx->args[2];
	struct writ_session held = {.mode = WRIT_MODE_ENFORCE};
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	__u64 id, arrival = 0;
	struct writ_event *e;
	long size;

	if (governed_session(&id))
		return 0;
	e = reserve_path(WRIT_PATH_MAX);
	if (!e)
		return 0;
	if (watch_programs) {
		/* No two begin in the same nanosecond on the same CPU. */
		arrival = WRIT_ARRIVAL | bpf_ktime_get_ns() << 9 | (bpf_get_smp_processor_id() & 511);
		/* fail open: with no room nothing is held until writd has bound it; the host must not stand still. */
		if (bpf_map_update_elem(&arrivals, &arrival, &held, BPF_ANY) ||
		    bpf_map_update_elem(&arriving, &process, &arrival, BPF_ANY))
			count(WRIT_COUNT_ARRIVALS_FULL);
	}
	size = bpf_probe_read_kernel_str(e + 1, WRIT_PATH_MAX, BPF_CORE_READ(program, filename));
	fill_head(e, WRIT_EVENT_PROGRAM, size > 0 ? size : 0, arrival);
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

SEC("raw_tp/sched_process_fork")
int arrivals_fork(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	__u32 process = BPF_CORE_READ(parent, tgid), started = BPF_CORE_READ(child, tgid);
	__u64 *arrival;

	if (!watch_programs || process == started)
		return 0;
	arrival = bpf_map_lookup_elem(&arriving, &process);
	if (!arrival || !bpf_map_lookup_elem(&arrivals, arrival))
		return 0;
	if (bpf_map_update_elem(&arriving, &started, arrival, BPF_ANY))
		count(WRIT_COUNT_ARRIVALS_FULL);
	return 0;
}

static __always_inline int tell_cgroup(struct cgroup *cgroup, const char *path, __u32 type, __u32 pid)
{
	struct writ_event *e;
	long size;

	if (BPF_CORE_READ(cgroup, root, hierarchy_id) != 0)
		return 0; /* of cgroup v1: sessions are in the one hierarchy of v2, whose number is 0 */
	e = reserve_path(WRIT_CGROUP_PATH_MAX);
	if (!e)
		return 0;
	size = bpf_probe_read_kernel_str(e + 1, WRIT_CGROUP_PATH_MAX, path);
	fill_head(e, type, size > 0 ? size : 0, BPF_CORE_READ(cgroup, kn, id));
	if (pid)
		e->pid = pid;
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

SEC("raw_tp/cgroup_mkdir")
int arrivals_cgroup(struct bpf_raw_tracepoint_args *ctx)
{
	return tell_cgroup((void *)ctx->args[0], (void *)ctx->args[1], WRIT_EVENT_CGROUP, 0);
}

SEC("raw_tp/cgroup_attach_task")
int arrivals_moved(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[2];

	return tell_cgroup((void *)ctx->args[0], (void *)ctx->args[1], WRIT_EVENT_MOVED, BPF_CORE_READ(task, tgid));
}

char LICENSE[] SEC("license") = "GPL";
