/* SPDX-License-Identifier: GPL-2.0 */
/* Sequence numbers as stream offsets, and events about a connection. */
#ifndef WRIT_FLOW_BPF_H
#define WRIT_FLOW_BPF_H

#include "emit.bpf.h"
#include "file.bpf.h"

/*
 * The offset that `seq` stands for. Sequence numbers wrap every 4 GiB; `near` is an offset less than 2 GiB away, for which
 * anything in the send queue will do.
 */
static __always_inline __u64 offset_of(const struct flow *flow, __u32 seq, __u64 near)
{
	return near + (__s64)(__s32)(seq - flow->base - (__u32)near);
}

/*
 * Whether a stream that begins with these bytes is TLS: a handshake record (RFC 8446 section 5.1); where the beginning was not
 * seen, also one of application data. What only looks so has no plaintext behind it, and is held.
 */
static __always_inline int begins_tls(const struct flow *flow, const __u8 *first)
{
	return first[1] == 3 && (first[0] == 0x16 || (flow->owner.adopted && first[0] == 0x17));
}

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

#endif
