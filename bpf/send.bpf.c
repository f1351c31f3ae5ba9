// SPDX-License-Identifier: GPL-2.0
/*
 * Cleartext at the socket calls, and which descriptor a connection has.
 *
 *   raw_tp/sys_enter   write, writev, sendto, sendmsg: note the descriptor; a blocking call is captured here, since it may wait
 *                      for buffer space until there is a verdict. read, readv, recvfrom, recvmsg: remember the buffer.
 *   raw_tp/sys_exit    a send that does not block is captured here: exactly what was taken. What was received is captured.
 *
 * The gate is what decides: bytes that got into the send queue by another way (sendfile, splice, sendmmsg, io_uring, MSG_ZEROCOPY)
 * are not captured, and stay held as opaque. Memory that is not resident cannot be read here, and counts as lost.
 */
#include "flow.bpf.h"
#include "syscall.bpf.h"
#include "walk.bpf.h"

EMIT_TIERS(bpf_probe_read_user)

#define O_NONBLOCK 04000
#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_DONTWAIT 0x40
#define MSG_ZEROCOPY 0x4000000
#define MSG_FASTOPEN 0x20000000

#define TCP_CLOSED 7

#define LONG_SEND (1 << 20) /* of a blocking call, this much goes through the ring buffer on entry */
#define REFUSING_MAX_NS 200000 /* a refusal takes microseconds; its thread may be kept from running */
#define MAX_LOOKS 65536
#define MAX_STEPS 16384 /* pieces of one call: 1024 iovecs (UIO_MAXIOV), and 16 KiB each up to 240 MiB */

/* The connection that writd is about to refuse a request on; 0: none. */
volatile __u64 refusing;

struct refusal {
	__u64 cookie;
	__u64 until;
};

/* Of one call, while its memory is gone over. */
struct capturing {
	struct walk walk;
	struct chunk chunk;
	__u64 lost; /* offset of the first byte that could not be captured, plus one */
	__u32 reason;
};

static __always_inline __u32 full_reason(const struct chunk *c)
{
	return c->type == WRIT_EVENT_DATA_IN ? WRIT_COUNT_RING_FULL_IN : WRIT_COUNT_RING_FULL_OUT;
}

/* One step. Not static: the verifier then looks at it once, and not at every way through the loop. 1: stop. */
__noinline int capture_piece(struct capturing *c)
{
	__u64 size = 0;
	int found, failed = 0;

	if (!c)
		return 1;
	found = next_piece(&c->walk, &size);
	if (found == PIECE_NONE || found == PIECE_END)
		return found == PIECE_END;
	if (found == PIECE_READY) {
		c->chunk.size = size;
		c->chunk.from = (const void *)c->walk.from;
		failed = emit_bpf_probe_read_user(&c->chunk);
	}
	if (found == PIECE_LOST || failed) {
		c->lost = c->chunk.offset + 1;
		c->reason = failed == 1 ? full_reason(&c->chunk) : WRIT_COUNT_READ_FAILED;
		return 1; /* what comes behind a hole is of no use */
	}
	c->chunk.offset += size;
	pass_piece(&c->walk, size);
	return 0;
}

static long piece_step(__u64 index, struct capturing *c)
{
	return capture_piece(c) != 0;
}

/* Captures `length` bytes of a call from its byte `skip` on (one buffer only); the offset behind the last one that was. */
static __always_inline __u64 capture(struct calling *c, __u32 type, __u64 skip, __u64 length)
{
	struct capturing to = {};

	to.chunk.type = type;
	to.chunk.session = c->session;
	to.chunk.stream = WRIT_STREAM_CLEAR | c->cookie;
	to.chunk.offset = c->offset + skip;
	to.chunk.cookie = c->cookie;
	to.chunk.fd = c->fd;
	to.chunk.urgent = type == WRIT_EVENT_DATA_OUT && c->mode == WRIT_MODE_ENFORCE;
	begin_walk(&to.walk, c->buffer + skip, c->count, c->vector, length);
	bpf_loop(MAX_STEPS, piece_step, &to, 0);
	if (to.lost)
		lose(to.chunk.stream, to.lost - 1, to.reason);
	return to.chunk.offset;
}

struct sum {
	const struct iovec *next;
	__u64 total;
};

static long sum_step(__u64 index, struct sum *s)
{
	struct iovec v;

	if (bpf_probe_read_user(&v, sizeof(v), s->next))
		return 1;
	s->next++;
	s->total += v.iov_len;
	return 0;
}

static __always_inline __u64 total(struct calling *c)
{
	struct sum s = { .next = (const struct iovec *)c->buffer };

	if (!c->vector)
		return c->count;
	bpf_loop(c->count > 1024 ? 1024 : (__u32)c->count, sum_step, &s, 0);
	return s.total;
}

/* Has writd read the rest of a long call from memory: a blocked thread cannot empty the ring buffer for us. */
static __always_inline void announce(struct calling *c, __u64 length)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct writ_pending call = {
		.stream = WRIT_STREAM_CLEAR | c->cookie,
		.address = c->buffer,
		.begin = c->offset,
		.end = c->offset + length,
	};
	struct chunk e = {};

	if (bpf_map_update_elem(&pending, &thread, &call, BPF_ANY)) {
		count(WRIT_COUNT_MAP_FULL); /* then all of it is captured on return */
		return;
	}
	e.type = WRIT_EVENT_PENDING;
	e.session = c->session;
	e.stream = call.stream;
	e.offset = call.begin + c->captured;
	e.cookie = c->cookie;
	e.fd = c->fd;
	e.urgent = 1;
	if (emit_bpf_probe_read_user(&e))
		count(WRIT_COUNT_RING_FULL_META);
}

static __always_inline int begin_send(struct calling *c, struct sock *sk, struct flow *flow, __u32 flags)
{
	struct file *file = file_of(c->fd);
	__u64 thread = bpf_get_current_pid_tgid();
	__u8 first[2] = {};
	struct tcp_sock *tcp = (struct tcp_sock *)sk;
	__u32 write_seq = BPF_CORE_READ(tcp, write_seq);
	const void *start = (const void *)c->buffer;
	__u64 length;

	flow->pid = thread >> 32;
	flow->fd = c->fd;
	if (flow->kind == KIND_TLS)
		return 0; /* its plaintext comes from the TLS probes */
	if (!flow->started) {
		/* Older than its session: count from here on. */
		flow->base = write_seq;
		flow->started = 1;
	}
	if (flow->kind == KIND_NEW) {
		if (c->vector) {
			struct iovec v = {};

			bpf_probe_read_user(&v, sizeof(v), start);
			start = v.iov_base;
		}
		bpf_probe_read_user(first, sizeof(first), start);
		if (begins_tls(flow, first))
			return 0;
	}
	if (flags & (MSG_ZEROCOPY | MSG_FASTOPEN | MSG_OOB))
		return 0; /* fail closed: not captured, so opaque */
	c->blocking = !(BPF_CORE_READ(file, f_flags) & O_NONBLOCK) && !(flags & MSG_DONTWAIT);
	c->offset = offset_of(flow, write_seq, flow->seen);
	c->sock = (__u64)sk;
	c->write_seq = write_seq;
	c->sends = 1;
	if (flow->sending)
		c->blocking = 0; /* which bytes are whose shows on return only */
	if (c->blocking) {
		length = total(c);
		c->captured = c->vector || length <= LONG_SEND ? length : LONG_SEND;
		flow->seen = capture(c, WRIT_EVENT_DATA_OUT, 0, c->captured);
		if (c->captured < length)
			announce(c, length);
		if (c->vector)
			c->count = length; /* on return: how much was shown */
	}
	__sync_fetch_and_add(&flow->sending, 1);
	if (bpf_map_update_elem(&callings, &thread, c, BPF_ANY))
		__sync_fetch_and_add(&flow->sending, -1); /* fail closed: the rest stays unseen */
	return 0;
}

static long still_refusing(__u64 index, struct refusal *r)
{
	return refusing != r->cookie || bpf_ktime_get_ns() > r->until;
}

/* While writd puts a refusal into the receive queue (TCP_REPAIR), recv() would fail with EPERM and send() fill that queue. */
static __always_inline void wait_for_refusal(__u64 cookie)
{
	struct refusal r = { .cookie = cookie, .until = bpf_ktime_get_ns() + REFUSING_MAX_NS };

	bpf_loop(MAX_LOOKS, still_refusing, &r, 0);
}

static __always_inline int enter(struct calling *c, const struct pt_regs *regs, __u32 nr)
{
	struct writ_session *session;
	struct user_msghdr msg = {};
	struct flow *flow;
	struct sock *sk;
	__u64 cookie, thread = bpf_get_current_pid_tgid();
	__u32 flags = 0;
	int sends = nr == NR_write || nr == NR_writev || nr == NR_sendto || nr == NR_sendmsg;

	session = current_session(&c->session);
	if (!session)
		return 0;
	c->fd = (__s32)argument(regs, 0);
	sk = tcp_socket_of(c->fd);
	if (!sk)
		return 0;
	cookie = cookie_of(sk);
	if (cookie && cookie == refusing)
		wait_for_refusal(cookie);
	flow = bpf_map_lookup_elem(&flows, &cookie);
	if (!flow) {
		/* A connection that is older than its session. Without a cookie the gate sees it first. */
		struct flow fresh = {};

		if (!cookie || !sends)
			return 0;
		if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSED && BPF_CORE_READ(sk, sk_shutdown))
			return 0; /* ended, so nothing of it can leave: what a library says on closing it */
		fresh.owner.session = c->session;
		fresh.owner.mode = session->mode;
		fresh.fd = c->fd;
		if (bpf_map_update_elem(&flows, &cookie, &fresh, BPF_NOEXIST))
			count(WRIT_COUNT_MAP_FULL);
		flow = bpf_map_lookup_elem(&flows, &cookie);
		if (!flow)
			return 0;
	}
	/* A server may speak first (HTTP/2's SETTINGS). Where the beginning was not seen that can be TLS as well. */
	if (!sends && (flow->kind == KIND_TLS || (flow->kind == KIND_NEW && flow->owner.adopted)))
		return 0;
	c->cookie = cookie;
	c->mode = session->mode;
	if (nr == NR_sendmsg || nr == NR_recvmsg) {
		if (bpf_probe_read_user(&msg, sizeof(msg), (const void *)argument(regs, 1)))
			return 0;
		c->buffer = (__u64)msg.msg_iov;
		c->count = msg.msg_iovlen;
		c->vector = 1;
		flags = argument(regs, 2);
	} else {
		c->buffer = argument(regs, 1);
		c->count = argument(regs, 2);
		c->vector = nr == NR_writev || nr == NR_readv;
		if (nr == NR_sendto || nr == NR_recvfrom)
			flags = argument(regs, 3);
	}
	if (sends)
		return begin_send(c, sk, flow, flags);
	if (flags & (MSG_PEEK | MSG_TRUNC | MSG_OOB))
		return 0;
	bpf_map_update_elem(&callings, &thread, c, BPF_ANY);
	return 0;
}

SEC("raw_tp/sys_enter")
int send_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct calling c = {};
	__u64 nr = ctx->args[1];

	if (nr > NR_recvmsg || !(1ull << nr & (1ull << NR_read | 1ull << NR_write | 1ull << NR_readv | 1ull << NR_writev |
						1ull << NR_sendto | 1ull << NR_recvfrom | 1ull << NR_sendmsg |
						1ull << NR_recvmsg)))
		return 0;
	return enter(&c, (const struct pt_regs *)ctx->args[0], nr);
}

static __always_inline void short_send(struct calling *c, __u64 offset)
{
	struct chunk e = {};

	count(WRIT_COUNT_SHORT_SENDS);
	e.type = WRIT_EVENT_SHORT;
	e.session = c->session;
	e.stream = WRIT_STREAM_CLEAR | c->cookie;
	e.offset = offset;
	e.cookie = c->cookie;
	e.fd = c->fd;
	e.urgent = 1;
	if (emit_bpf_probe_read_user(&e))
		lose(e.stream, offset, WRIT_COUNT_RING_FULL_META);
}

/* What of a long call was captured neither on entry nor by writd. */
static __always_inline __u64 capture_rest(struct calling *c, __u64 taken)
{
	__u64 stream = WRIT_STREAM_CLEAR | c->cookie;
	__u64 *read = bpf_map_lookup_elem(&pulled, &stream);
	__u64 from = c->captured;

	if (read && *read > c->offset + from)
		from = *read - c->offset;
	if (from >= taken)
		return c->offset + taken;
	return capture(c, WRIT_EVENT_DATA_OUT, from, taken - from);
}

SEC("raw_tp/sys_exit")
int send_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct calling *c = bpf_map_lookup_elem(&callings, &thread);
	__s64 ret = (__s64)ctx->args[1];
	struct tcp_sock *tcp;
	struct flow *flow;
	__u64 taken;
	__u32 now;

	if (!c)
		return 0;
	flow = bpf_map_lookup_elem(&flows, &c->cookie);
	if (!flow)
		goto out;
	if (!c->sends) {
		if (ret > 0 && flow->kind != KIND_TLS) {
			c->offset = flow->in;
			flow->in += ret;
			capture(c, WRIT_EVENT_DATA_IN, 0, ret);
		}
		goto out;
	}
	taken = ret > 0 ? ret : 0;
	tcp = (struct tcp_sock *)c->sock;
	now = BPF_CORE_READ(tcp, write_seq);
	if (now - c->write_seq != (__u32)taken) {
		/* Other threads sent on the same socket meanwhile: which bytes are whose is not known. Fail closed. */
		if (c->blocking)
			short_send(c, c->offset);
	} else if (c->blocking) {
		if (c->captured < taken)
			flow->seen = capture_rest(c, taken);
		if (taken < c->count)
			short_send(c, c->offset + taken);
	} else if (taken) {
		flow->seen = capture(c, WRIT_EVENT_DATA_OUT, 0, taken);
	}
	if (c->blocking && !c->vector && c->captured < c->count)
		bpf_map_delete_elem(&pending, &thread);
	__sync_fetch_and_add(&flow->sending, -1);
out:
	bpf_map_delete_elem(&callings, &thread);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
