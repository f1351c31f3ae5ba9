/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events into the ring buffer. Data events are reserved in tiers, so that a short call takes little; the verifier wants
 * each size as a constant.
 */
#ifndef WRIT_EMIT_BPF_H
#define WRIT_EMIT_BPF_H

#include "session.bpf.h"

/*
 * Events that nothing waits for do not wake writd (it looks every few milliseconds) unless the ring fills up. Those that something
 * waits for wake it always: the kernel's own rule (flags 0) wakes only a reader that has read all before them.
 */
const volatile __u64 wake_bytes __weak = 1 << 20;

/* Whether a hook for packets may ask which thread runs: kernel 6.10 and later. Set by writd before load. */
const volatile __u32 packet_threads __weak = 0;

static __always_inline __u64 wake_flags(int urgent)
{
	if (urgent)
		return BPF_RB_FORCE_WAKEUP;
	return bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void fill_head_of(__u64 thread, struct writ_event *head, __u32 type, __u32 size, __u64 session)
{
	head->type = type;
	head->size = size;
	head->session = session;
	head->time_ns = bpf_ktime_get_ns();
	head->pid = thread >> 32;
	head->tid = (__u32)thread;
}

static __always_inline void fill_head(struct writ_event *head, __u32 type, __u32 size, __u64 session)
{
	fill_head_of(bpf_get_current_pid_tgid(), head, type, size, session);
}

struct chunk {
	__u32 type;
	__u32 size;
	__u64 session;
	__u64 stream;
	__u64 offset;
	__u64 cookie;
	__s32 fd;
	__u32 urgent;
	const void *from; /* in the agent's memory */
};

/* 0: emitted; 1: the ring is full; 2: the memory could not be read. `copy` is bpf_copy_from_user or _probe_read_user. */
#define EMIT_TIER(tier, copy)                                                                    \
	__noinline int emit_##copy##_##tier(struct chunk *c)                               \
	{                                                                                         \
		struct writ_event_data *e;                                                        \
		__u32 size;                                                                       \
		if (!c)                                                                           \
			return 2;                                                                 \
		e = bpf_ringbuf_reserve(&events, sizeof(*e) + tier, 0);                           \
		if (!e)                                                                           \
			return 1;                                                                 \
		size = c->size;                                                                   \
		if (size > tier)                                                                  \
			size = tier;                                                              \
		fill_head(&e->head, c->type, size, c->session);                                   \
		e->stream = c->stream;                                                            \
		e->offset = c->offset;                                                            \
		e->cookie = c->cookie;                                                            \
		e->fd = c->fd;                                                                    \
		e->pad = 0;                                                                       \
		if (size && copy(e + 1, size, c->from)) {                                         \
			bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);                                 \
			return 2;                                                                 \
		}                                                                                 \
		bpf_ringbuf_submit(e, wake_flags(c->urgent));                                     \
		return 0;                                                                         \
	}

#define EMIT_TIERS(copy)          \
	EMIT_TIER(256, copy)      \
	EMIT_TIER(1024, copy)     \
	EMIT_TIER(4096, copy)     \
	EMIT_TIER(16384, copy)    \
	static __always_inline int emit_##copy(struct chunk *c)      \
	{                                                            \
		if (c->size <= 256)                                  \
			return emit_##copy##_256(c);                 \
		if (c->size <= 1024)                                 \
			return emit_##copy##_1024(c);                \
		if (c->size <= 4096)                                 \
			return emit_##copy##_4096(c);                \
		return emit_##copy##_16384(c);                       \
	}

static __always_inline struct writ_event_flow *reserve_flow(__u32 type, __u64 session, __u64 cookie)
{
	struct writ_event_flow *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count(WRIT_COUNT_RING_FULL_META);
		return NULL;
	}
	__builtin_memset(e, 0, sizeof(*e));
	fill_head_of(packet_threads ? bpf_get_current_pid_tgid() : 0, &e->head, type, 0, session);
	e->cookie = cookie;
	e->fd = -1;
	return e;
}

#endif
