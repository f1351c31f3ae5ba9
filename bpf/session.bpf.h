/* SPDX-License-Identifier: GPL-2.0 */
/* Which session a task or a packet belongs to: one ancestor lookup, one map lookup. */
#ifndef WRIT_SESSION_BPF_H
#define WRIT_SESSION_BPF_H

#include "maps.bpf.h"

/* Depth of session cgroups below the root of the hierarchy; set by writd before load. */
const volatile __u32 session_level __weak = 2;

static __always_inline struct writ_session *current_session(__u64 *id)
{
	*id = bpf_get_current_ancestor_cgroup_id(session_level);
	if (!*id)
		return NULL;
	return bpf_map_lookup_elem(&sessions, id);
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
