/* SPDX-License-Identifier: GPL-2.0 */
/* One TCP segment that wants to leave, as the gate sees it, and what is told about it. */
#ifndef WRIT_SEGMENT_BPF_H
#define WRIT_SEGMENT_BPF_H

#include "flow.bpf.h"

#define PASS 1
#define DROP 0 /* -EPERM: the sender's probe timer tries again, with exponential backoff */

struct segment {
	struct __sk_buff *skb;
	__u32 payload; /* position of the payload in the packet */
	__u64 begin;   /* as stream offsets */
	__u64 end;
	__u16 family;
	__u16 local_port;
	__u16 peer_port;
	__u16 pad;
	__u8 local[16];
	__u8 peer[16];
};

/* Not static: the verifier then looks at it once, and not on every way that leads here. */
__noinline int emit_report(struct segment *s, struct flow *flow, __u32 type, __u64 cookie, __u32 reason)
{
	struct writ_event_flow *e;

	if (!s || !flow)
		return 0;
	e = reserve_flow(type, flow->owner.session, cookie);
	if (!e)
		return 0;
	e->stream = flow->stream;
	e->reason = reason;
	e->tls = flow->kind == KIND_TLS;
	e->head.pid = flow->pid;
	e->fd = flow->fd;
	e->family = s->family;
	e->local_port = s->local_port;
	e->peer_port = s->peer_port;
	__builtin_memcpy(e->local, s->local, 16);
	__builtin_memcpy(e->peer, s->peer, 16);
	bpf_ringbuf_submit(e, wake_flags(flow->owner.mode == WRIT_MODE_ENFORCE && type != WRIT_EVENT_FLOW));
	return 0;
}

static __always_inline void report(struct segment *s, struct flow *flow, __u32 type, __u64 cookie, __u32 reason)
{
	struct __sk_buff *skb = s->skb;

	emit_report(s, flow, type, cookie, reason);
	s->skb = skb; /* behind the call the verifier knows nothing of what `s` holds */
}

/* Reports opaque bytes at `offset` once; a second attempt to send the same is no news. */
static __always_inline int opaque(struct segment *s, struct flow *flow, __u64 cookie, __u64 offset, __u32 reason)
{
	if (flow->opaque != offset + 1) {
		flow->opaque = offset + 1;
		count(WRIT_COUNT_OPAQUE);
		report(s, flow, WRIT_EVENT_OPAQUE, cookie, reason);
	}
	return DROP;
}

static __always_inline int released(__u64 stream, __u64 end)
{
	__u64 *offset = bpf_map_lookup_elem(&releases, &stream);

	return offset && *offset >= end;
}

#endif
