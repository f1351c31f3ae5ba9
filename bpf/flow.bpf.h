/* SPDX-License-Identifier: GPL-2.0 */
/* Sequence numbers as stream offsets, and events about a connection. */
#ifndef WRIT_FLOW_BPF_H
#define WRIT_FLOW_BPF_H

#include "emit.bpf.h"

#define AF_INET 2
#define AF_INET6 10
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

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

/* The TCP socket behind a descriptor of the current task, or NULL. */
static __always_inline struct sock *socket_of(__s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slot, *file = NULL;
	struct socket *socket;
	struct sock *sk;
	__u16 family;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slot = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), slot + fd) || !file)
		return NULL;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & 0170000) != 0140000)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	sk = BPF_CORE_READ(socket, sk);
	if (!sk)
		return NULL;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if ((family != AF_INET && family != AF_INET6) || BPF_CORE_READ(sk, sk_protocol) != PROTOCOL_TCP)
		return NULL;
	return sk;
}

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

#endif
