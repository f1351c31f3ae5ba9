// SPDX-License-Identifier: GPL-2.0
/*
 * The gate: what a session's sockets may put on the wire. It judges the very bytes that would leave, so it does not matter by
 * which call they got into the send queue.
 *
 *   cgroup_skb/egress   passes a TCP segment when every byte of it is accounted for and released, else turns it back; the
 *                       kernel keeps the data at the head of the send queue and tries again. Datagrams: DNS only.
 *   cgroup/connect4,6   a connection begins: note whose it is, tell where to
 *
 * TLS: the record layer is walked. Handshake, ChangeCipherSpec and alerts pass, bounded per connection. Application data passes
 * when its first bytes are those of a record that a covered SSL_write made of released plaintext. Cleartext passes up to the
 * released offset. Everything else is opaque: held, reported once.
 *
 * Not covered: AF_UNIX and other families that never reach IP; packets of raw sockets are dropped, as is all that is not
 * TCP or UDP.
 */
#include "flow.bpf.h"
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#define PASS 1
#define DROP 0 /* -EPERM: the sender's probe timer tries again, with exponential backoff */

#define DNS_PORT 53

/*
 * What a connection may send beside accounted data. A handshake with client certificates stays below 32 KiB; after it a
 * library sends alerts (2 bytes) and KeyUpdate (5 bytes) in records below 64 bytes.
 */
#define MAX_HANDSHAKE_BYTES 32768
#define MAX_CONTROL_BYTES 16384
#define MAX_CONTROL_RECORD 64
#define MAX_CONTROL_RECORDS 64

#define MAX_RECORDS_PER_SEGMENT 8192 /* 64 KiB of the smallest records, with room for larger segments */

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

static __always_inline void report(struct segment *s, struct flow *flow, __u32 type, __u64 cookie, __u32 reason)
{
	struct writ_event_flow *e = reserve_flow(type, flow->session, cookie);

	if (!e)
		return;
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
	bpf_ringbuf_submit(e, wake_flags(flow->mode == WRIT_MODE_ENFORCE && type != WRIT_EVENT_FLOW));
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

/* The walk over the TLS records of one segment. What it changes is kept only if the segment passes. */
struct walk {
	struct segment *s;
	struct flow *flow;
	__u64 cookie;
	__u64 record; /* the next header */
	__u64 number;
	__u64 stream;
	__u64 held_at; /* where it stopped */
	__u32 handshake_bytes;
	__u32 control_records;
	__u32 control_bytes;
	__u32 reason; /* WRIT_OPAQUE_*, 0: known, not released yet */
	__u32 stopped;
	__u32 bound; /* the stream became known in this walk */
	__u32 data_seen;
	__u32 part_len;
	union {
		struct prefix prefix;
		__u64 words[8]; /* room for a prefix behind a part of one, which the verifier cannot tell apart */
	};
};

static __always_inline long stop(struct walk *w, __u32 reason)
{
	w->stopped = 1;
	w->reason = reason;
	w->held_at = w->record;
	return 1;
}

static __always_inline int released(__u64 stream, __u64 end)
{
	__u64 *offset = bpf_map_lookup_elem(&releases, &stream);

	return offset && *offset >= end;
}

/* The lowest `bytes` bytes of a little-endian word. */
static __always_inline __u64 bytes_mask(__s32 bytes)
{
	return bytes >= 8 ? ~0ull : bytes <= 0 ? 0 : (1ull << (8 * (bytes & 7))) - 1;
}

/*
 * The segment ends within the first bytes of a record. They may leave only as the start of the record that is due next
 * on the bound stream, and only when that is released; a handshake record may be cut anywhere.
 */
static __always_inline long cut_record(struct walk *w, __u32 have)
{
	struct record_key key = { .stream = w->stream, .number = w->number };
	struct record_by_number *due;
	__u64 *due_words;

	w->part_len = have;
	if (w->prefix.b[0] == 0x16 || w->prefix.b[0] == 0x14 || w->prefix.b[0] == 0x15) {
		w->handshake_bytes += have;
		return w->handshake_bytes > MAX_HANDSHAKE_BYTES ? stop(w, WRIT_OPAQUE_CONTROL) : 1;
	}
	if (!w->stream)
		return stop(w, WRIT_OPAQUE_NO_PLAINTEXT);
	due = bpf_map_lookup_elem(&records_by_number, &key);
	if (!due)
		return stop(w, WRIT_OPAQUE_NO_PLAINTEXT);
	due_words = (__u64 *)&due->prefix;
	if ((due_words[0] ^ w->words[0]) & bytes_mask(have) || (due_words[1] ^ w->words[1]) & bytes_mask(have - 8) ||
	    (due_words[2] ^ w->words[2]) & bytes_mask(have - 16))
		return stop(w, WRIT_OPAQUE_NO_PLAINTEXT);
	return released(w->stream, due->end) ? 1 : stop(w, 0);
}

/* One application-data record whose first bytes are in w->prefix. */
static __always_inline long data_record(struct walk *w, __u32 body)
{
	struct record *found = bpf_map_lookup_elem(&records, &w->prefix);

	if (!found)
		return stop(w, WRIT_OPAQUE_NO_PLAINTEXT);
	if (!found->stream) {
		w->control_records++;
		w->control_bytes += body;
		if (w->control_bytes > MAX_CONTROL_BYTES || w->control_records > MAX_CONTROL_RECORDS ||
		    (w->data_seen && body > MAX_CONTROL_RECORD))
			return stop(w, WRIT_OPAQUE_CONTROL);
		return 0;
	}
	if (!w->stream) {
		w->stream = found->stream;
		w->bound = 1;
	}
	if (w->stream != found->stream)
		return stop(w, WRIT_OPAQUE_OTHER_STREAM);
	if (w->flow->mode == WRIT_MODE_ENFORCE && !released(found->stream, found->end))
		return stop(w, 0);
	w->number = found->number + 1;
	w->data_seen = 1;
	return 0;
}

static long record_step(__u64 index, struct walk *w)
{
	struct segment *s = w->s;
	struct flow *flow = w->flow;
	__u32 have = w->part_len, body, at;
	__u64 more;

	if (w->record >= s->end || w->record + have < s->begin)
		return 1;
	/* First bytes that left with an earlier segment, then those of this one. */
	w->words[0] = w->words[1] = w->words[2] = 0;
	if (have)
		w->prefix = flow->part;
	more = s->end - w->record - have;
	if (more > PREFIX_LEN - have)
		more = PREFIX_LEN - have;
	at = s->payload + (__u32)(w->record + have - s->begin);
	if (have >= PREFIX_LEN || more == 0 || more > PREFIX_LEN ||
	    bpf_skb_load_bytes(s->skb, at, w->prefix.b + have, more))
		return stop(w, WRIT_OPAQUE_NOT_TLS);
	have += more;
	w->part_len = 0;
	if (w->prefix.b[0] < 0x14 || w->prefix.b[0] > 0x17 || (have > 1 && w->prefix.b[1] != 3))
		return stop(w, WRIT_OPAQUE_NOT_TLS);
	if (have < 5)
		return cut_record(w, have);
	body = (__u32)w->prefix.b[3] << 8 | w->prefix.b[4];
	if (w->prefix.b[0] != 0x17) {
		w->handshake_bytes += body + 5;
		if (w->handshake_bytes > MAX_HANDSHAKE_BYTES)
			return stop(w, WRIT_OPAQUE_CONTROL);
		if (w->prefix.b[0] != 0x16 && body > MAX_CONTROL_RECORD)
			return stop(w, WRIT_OPAQUE_CONTROL);
		w->record += 5 + body;
		return 0;
	}
	if (body < PREFIX_LEN - 5)
		return stop(w, WRIT_OPAQUE_NOT_TLS);
	if (have < PREFIX_LEN)
		return cut_record(w, have);
	if (data_record(w, body))
		return 1;
	w->record += 5 + body;
	return 0;
}

/* A record that has left will not be asked for again: a segment that is sent again lies below `passed`. */
static long forget_record(__u64 index, struct record_key *key)
{
	struct record_by_number *sent = bpf_map_lookup_elem(&records_by_number, key);

	if (sent) {
		bpf_map_delete_elem(&records, &sent->prefix);
		bpf_map_delete_elem(&records_by_number, key);
	}
	key->number++;
	return 0;
}

static __always_inline int walk_records(struct segment *s, struct flow *flow, __u64 cookie)
{
	struct walk w = {
		.s = s, .flow = flow, .cookie = cookie,
		.record = flow->record, .number = flow->number, .stream = flow->stream,
		.handshake_bytes = flow->handshake_bytes, .control_records = flow->control_records,
		.control_bytes = flow->control_bytes, .data_seen = flow->data_seen, .part_len = flow->part_len,
	};

	bpf_loop(MAX_RECORDS_PER_SEGMENT, record_step, &w, 0);
	if (w.bound && flow->stream != w.stream) {
		flow->stream = w.stream;
		report(s, flow, WRIT_EVENT_BIND, cookie, 0);
	}
	if (!w.stopped && w.record < s->end && !w.part_len)
		stop(&w, WRIT_OPAQUE_NOT_TLS); /* fail closed: more records than one walk can hold */
	if (w.stopped && flow->mode == WRIT_MODE_ENFORCE) {
		if (w.reason)
			return opaque(s, flow, cookie, w.held_at, w.reason);
		return DROP;
	}
	if (w.stopped) {
		/* Observing: it passes. Where the next record begins is not known any more, so the walk ends here. */
		if (w.reason)
			opaque(s, flow, cookie, w.held_at, w.reason);
		w.record = ~0ull;
	}
	if (w.stream && w.number > flow->number) {
		struct record_key key = { .stream = w.stream, .number = flow->number };

		bpf_loop((__u32)(w.number - flow->number), forget_record, &key, 0);
	}
	flow->record = w.record;
	flow->number = w.number;
	flow->handshake_bytes = w.handshake_bytes;
	flow->control_records = w.control_records;
	flow->control_bytes = w.control_bytes;
	flow->data_seen = w.data_seen;
	flow->part_len = w.part_len;
	if (w.part_len)
		flow->part = w.prefix;
	flow->passed = s->end;
	return PASS;
}

static __always_inline int judge_clear(struct segment *s, struct flow *flow, __u64 cookie)
{
	if (flow->mode == WRIT_MODE_ENFORCE && !released(WRIT_STREAM_CLEAR | cookie, s->end)) {
		/* A send call that is under way captures on its return; then this is asked again. */
		if (s->end > flow->seen && !flow->sending)
			return opaque(s, flow, cookie, flow->seen, WRIT_OPAQUE_UNSEEN);
		return DROP;
	}
	flow->passed = s->end;
	return PASS;
}

/* First payload of a connection: TLS begins with a handshake record (RFC 8446 section 5.1), all else is read as cleartext. */
static __always_inline void classify(struct segment *s, struct flow *flow, __u64 cookie)
{
	__u8 first[2] = {};

	if (s->end - s->begin >= 2)
		bpf_skb_load_bytes(s->skb, s->payload, first, 2);
	flow->kind = first[0] == 0x16 && first[1] == 3 ? KIND_TLS : KIND_CLEAR;
	flow->record = s->begin;
	report(s, flow, WRIT_EVENT_FLOW, cookie, 0);
}

static __always_inline int judge_tcp(struct segment *s, struct tcphdr *tcp, __u64 cookie, __u64 session_id,
				     struct writ_session *session)
{
	struct flow *flow = bpf_map_lookup_elem(&flows, &cookie);
	__u32 seq = bpf_ntohl(tcp->seq);
	__u32 length = s->end; /* so far: payload bytes */
	__u32 *pass;

	if (!flow) {
		/* Not opened by a connect() that was seen: accepted, or older than the session. */
		struct flow fresh = {};

		if (!session || (!length && !tcp->syn))
			return PASS;
		fresh.session = session_id;
		fresh.mode = session->mode;
		fresh.fd = -1;
		fresh.inbound = !tcp->syn;
		if (tcp->syn && tcp->ack)
			return PASS; /* the cookie is the listener's */
		if (bpf_map_update_elem(&flows, &cookie, &fresh, BPF_NOEXIST)) {
			count(WRIT_COUNT_MAP_FULL);
			return session->mode == WRIT_MODE_ENFORCE ? DROP : PASS; /* fail closed */
		}
		flow = bpf_map_lookup_elem(&flows, &cookie);
		if (!flow)
			return DROP;
	}
	if (tcp->syn) {
		/* TCP Fast Open would carry data here (RFC 7413): turned back, the kernel then sends a plain SYN. */
		if (length && flow->mode == WRIT_MODE_ENFORCE)
			return DROP;
		flow->base = seq + 1;
		flow->started = 1;
		return PASS;
	}
	if (!length)
		return PASS;
	if (!flow->started) {
		flow->base = seq;
		flow->started = 1;
	}
	s->begin = offset_of(flow, seq, flow->passed);
	s->end = s->begin + length;
	if (s->end <= flow->passed && (__s64)s->end > 0)
		return PASS; /* sent before */
	pass = bpf_map_lookup_elem(&passes, &cookie);
	if (pass && *pass == WRIT_PASS_ALL) {
		flow->passed = s->end;
		return PASS;
	}
	if (s->begin > flow->passed)
		return flow->mode == WRIT_MODE_ENFORCE ? opaque(s, flow, cookie, s->begin, WRIT_OPAQUE_UNSEEN) : PASS;
	if (flow->kind == KIND_NEW)
		classify(s, flow, cookie);
	if (flow->inbound && flow->mode == WRIT_MODE_ENFORCE)
		return opaque(s, flow, cookie, s->begin, WRIT_OPAQUE_INBOUND);
	if (flow->kind == KIND_TLS)
		return walk_records(s, flow, cookie);
	return judge_clear(s, flow, cookie);
}

static __always_inline int judge_datagram(struct segment *s, __u64 cookie, __u32 protocol, __u64 session_id,
					  struct writ_session *session)
{
	struct writ_event_flow *e;

	if (protocol == PROTOCOL_UDP && s->peer_port == DNS_PORT)
		return PASS;
	if (session->mode != WRIT_MODE_ENFORCE)
		return PASS;
	count(WRIT_COUNT_DATAGRAMS_REFUSED);
	e = reserve_flow(WRIT_EVENT_DATAGRAM, session_id, cookie);
	if (e) {
		e->reason = protocol;
		e->family = s->family;
		e->peer_port = s->peer_port;
		__builtin_memcpy(e->peer, s->peer, 16);
		bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
	}
	return DROP;
}

SEC("cgroup_skb/egress")
int gate_egress(struct __sk_buff *skb)
{
	struct segment s = { .skb = skb };
	struct writ_session *session;
	struct tcphdr tcp = {};
	struct flow *flow;
	__u32 protocol, header, verdict;
	__u64 cookie, session_id;

	cookie = bpf_get_socket_cookie(skb);
	flow = bpf_map_lookup_elem(&flows, &cookie);
	session_id = flow ? flow->session : bpf_skb_ancestor_cgroup_id(skb, session_level);
	session = bpf_map_lookup_elem(&sessions, &session_id);
	if (!flow) {
		barrier_var(session); /* or clang joins both tests into one OR of pointers, which the verifier refuses */
		if (!session)
			return PASS;
	}
	if (skb->protocol == bpf_htons(0x0800)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
			return DROP;
		s.family = AF_INET;
		__builtin_memcpy(s.local, &ip.saddr, 4);
		__builtin_memcpy(s.peer, &ip.daddr, 4);
		protocol = ip.protocol;
		header = ip.ihl * 4;
	} else if (skb->protocol == bpf_htons(0x86dd)) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
			return DROP;
		s.family = AF_INET6;
		__builtin_memcpy(s.local, &ip.saddr, 16);
		__builtin_memcpy(s.peer, &ip.daddr, 16);
		protocol = ip.nexthdr; /* fail closed: extension headers are not walked, so they count as no TCP */
		header = sizeof(ip);
	} else {
		return DROP; /* fail closed: neither IPv4 nor IPv6 */
	}
	if (protocol != PROTOCOL_TCP) {
		struct udphdr udp;

		if (!session)
			return PASS;
		if (protocol == PROTOCOL_UDP && !bpf_skb_load_bytes(skb, header, &udp, sizeof(udp)))
			s.peer_port = bpf_ntohs(udp.dest);
		return judge_datagram(&s, cookie, protocol, session_id, session);
	}
	if (bpf_skb_load_bytes(skb, header, &tcp, sizeof(tcp)))
		return DROP;
	s.local_port = bpf_ntohs(tcp.source);
	s.peer_port = bpf_ntohs(tcp.dest);
	s.payload = header + tcp.doff * 4;
	if (skb->len < s.payload)
		return DROP;
	s.end = skb->len - s.payload;
	verdict = judge_tcp(&s, &tcp, cookie, session_id, session);
	if (verdict == DROP)
		count(WRIT_COUNT_HELD_SEGMENTS);
	return verdict;
}

static __always_inline int connecting(struct bpf_sock_addr *ctx, __u16 family)
{
	struct writ_event_flow *e;
	struct writ_session *session;
	struct flow fresh = {};
	__u64 cookie;

	if (ctx->type != 1 /* SOCK_STREAM */)
		return 1;
	session = current_session(&fresh.session);
	if (!session)
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	fresh.mode = session->mode;
	fresh.fd = -1;
	fresh.pid = bpf_get_current_pid_tgid() >> 32;
	if (bpf_map_update_elem(&flows, &cookie, &fresh, BPF_ANY)) {
		count(WRIT_COUNT_MAP_FULL);
		return session->mode != WRIT_MODE_ENFORCE; /* fail closed: connect() fails with EPERM */
	}
	e = reserve_flow(WRIT_EVENT_CONNECT, fresh.session, cookie);
	if (!e)
		return 1;
	e->family = family;
	e->peer_port = bpf_ntohs(ctx->user_port);
	if (family == AF_INET) {
		__u32 address = ctx->user_ip4;

		__builtin_memcpy(e->peer, &address, 4);
	} else {
		__u32 a = ctx->user_ip6[0], b = ctx->user_ip6[1], c = ctx->user_ip6[2], d = ctx->user_ip6[3];

		__builtin_memcpy(e->peer, &a, 4);
		__builtin_memcpy(e->peer + 4, &b, 4);
		__builtin_memcpy(e->peer + 8, &c, 4);
		__builtin_memcpy(e->peer + 12, &d, 4);
	}
	bpf_ringbuf_submit(e, wake_flags(session->mode == WRIT_MODE_ENFORCE));
	return 1;
}

SEC("cgroup/connect4")
int gate_connect4(struct bpf_sock_addr *ctx)
{
	return connecting(ctx, AF_INET);
}

SEC("cgroup/connect6")
int gate_connect6(struct bpf_sock_addr *ctx)
{
	return connecting(ctx, AF_INET6);
}

char LICENSE[] SEC("license") = "GPL";
