/* SPDX-License-Identifier: GPL-2.0 */
/* Which session a task or a packet belongs to: for each depth at which sessions are, one ancestor and one map lookup. */
#ifndef WRIT_SESSION_BPF_H
#define WRIT_SESSION_BPF_H

#include "maps.bpf.h"

/*
 * Depths of session cgroups below the root of the hierarchy, 0 behind the last: those of `writ run` first, others where
 * a systemd unit's or a container's own cgroup is a session. Written by writd.
 */
volatile __u32 session_levels[WRIT_LEVELS_MAX] __weak = {};

/* `ancestor(level)` is the id of the cgroup at that depth, 0 when there is none. Where sessions nest, any of them. */
#define FIND_SESSION(id, ancestor)                                    \
	({                                                            \
		struct writ_session *found = NULL;                    \
		for (int at = 0; at < WRIT_LEVELS_MAX; at++) {        \
			__u32 level = session_levels[at];             \
			if (!level)                                   \
				break;                                \
			id = ancestor(level);                         \
			found = id ? bpf_map_lookup_elem(&sessions, &id) : NULL; \
			if (found)                                    \
				break;                                \
		}                                                     \
		found;                                                \
	})

/* That the current task's cgroup belongs to. */
static __always_inline struct writ_session *governed_session(__u64 *id)
{
	__u64 own = 0;
	struct writ_session *session = FIND_SESSION(own, bpf_get_current_ancestor_cgroup_id);

	*id = session ? own : 0;
	return session;
}

/* Whether programs outside of every session are held until writd has looked at them (arrivals.bpf.c). Written by writd. */
volatile __u32 watch_programs __weak = 0;

/* The same, or the arrival (WRIT_ARRIVAL) of which writd has not decided yet. */
static __always_inline struct writ_session *current_session(__u64 *id)
{
	struct writ_session *session = governed_session(id);
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	__u64 *arrival;

	if (session || !watch_programs)
		return session;
	arrival = bpf_map_lookup_elem(&arriving, &process);
	if (!arrival)
		return NULL;
	*id = *arrival;
	return bpf_map_lookup_elem(&arrivals, arrival);
}

/* The current process, told apart from an earlier one with its number and from what it was before an exec. */
static __always_inline __u64 current_process(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 start = BPF_CORE_READ(task, group_leader, start_boottime);
	__u64 exec = BPF_CORE_READ(task, self_exec_id);

	return (bpf_get_current_pid_tgid() >> 32 << 32) ^ (__u32)(start >> 12) ^ (exec << 48);
}

static __always_inline void count(__u32 reason)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &reason);

	if (value)
		__sync_fetch_and_add(value, 1);
}

/* The plaintext of `stream` from `offset` on is not known: nothing from there on may be released. */
static __always_inline void lose(__u64 stream, __u64 offset, __u32 reason)
{
	count(reason);
	bpf_map_update_elem(&losses, &stream, &offset, BPF_NOEXIST);
}

#endif
