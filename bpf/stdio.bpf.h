/* SPDX-License-Identifier: GPL-2.0 */
/* Events of what a server has read or written over stdio, in pieces. */
#ifndef WRIT_STDIO_BPF_H
#define WRIT_STDIO_BPF_H

#include "emit.bpf.h"
#include "file.bpf.h"
#include "walk.bpf.h"

#define MAX_PIECES 4096 /* of one call: 64 MiB in pieces of 16 KiB */

struct telling {
	struct writ_event_stdio event; /* but for time, size and address */
	struct walk walk;
	__u32 urgent;
	__u32 failed;
};

/* 0: emitted. The sizes are constants, as the verifier wants them. */
#define STDIO_TIER(tier)                                                                  \
	__noinline int emit_stdio_##tier(struct telling *t, __u32 size)                   \
	{                                                                                 \
		struct writ_event_stdio *e;                                               \
		if (!t)                                                                   \
			return 1;                                                         \
		e = bpf_ringbuf_reserve(&events, sizeof(*e) + tier, 0);                   \
		if (!e)                                                                   \
			return 1;                                                         \
		if (size > tier)                                                          \
			size = tier;                                                      \
		fill_head(&e->head, t->event.head.type, size, t->event.head.session);     \
		e->address = t->walk.from;                                                \
		e->flags = t->event.flags | (t->walk.left > size ? WRIT_STDIO_MORE : 0);  \
		e->writer = t->event.writer;                                              \
		if (size && bpf_probe_read_user(e + 1, size, (const void *)t->walk.from)) { \
			bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);                         \
			return 1;                                                         \
		}                                                                         \
		bpf_ringbuf_submit(e, wake_flags(t->urgent));                             \
		return 0;                                                                 \
	}

STDIO_TIER(512)
STDIO_TIER(4096)
STDIO_TIER(16384)

/* One step, looked at once by the verifier. 1: stop. */
__noinline int emit_stdio_piece(struct telling *t)
{
	__u64 size = 0;
	int found;

	if (!t)
		return 1;
	found = next_piece(&t->walk, &size);
	if (found == PIECE_NONE)
		return 0;
	if (found != PIECE_READY)
		return 1; /* what is left says whether it is the end */
	t->failed = size <= 512 ? emit_stdio_512(t, size) : size <= 4096 ? emit_stdio_4096(t, size) : emit_stdio_16384(t, size);
	if (t->failed)
		return 1;
	pass_piece(&t->walk, size);
	return 0;
}

static long stdio_step(__u64 index, struct telling *t)
{
	return emit_stdio_piece(t) != 0;
}

/* A thread's call; see struct speaking. False: not all of it could be told. */
static __always_inline int tell_bytes(struct speaking *s, __u32 type, __u32 flags, __u32 writer, __u64 length)
{
	struct telling t = {};

	t.event.head.type = type;
	t.event.head.session = s->session;
	t.event.flags = flags;
	t.event.writer = writer;
	t.urgent = type == WRIT_EVENT_STDIO_READ; /* also observed: who reads may be gone a moment later */
	begin_walk(&t.walk, s->buffer, s->count, s->vector, length);
	bpf_loop(MAX_PIECES, stdio_step, &t, 0);
	return !t.failed && !t.walk.left;
}

#endif
