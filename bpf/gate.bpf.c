// SPDX-License-Identifier: GPL-2.0
/*
 * The gate: what a session's sockets may put on the wire. It judges the very bytes that would leave, so it does not matter by
 * which call they got into the send queue.
 *
 *   cgroup_skb/egress   passes a TCP segment when every byte of it is accounted for and released, else turns it back; the
 *                       kernel keeps the data at the head of the send queue and tries again. Datagrams: DNS to those that
 *                       the session may ask; to port 443 (QUIC) where its policy says so, told once for each peer.
 *   cgroup/connect4,6   a connection begins: note whose it is, tell where to
 *
 * TLS: the record layer is walked. Handshake, ChangeCipherSpec and alerts pass, bounded per connection. Application data passes
 * when its first bytes are those of a record that a covered SSL_write made of released plaintext. Cleartext passes up to the
 * released offset. Everything else is opaque: held, reported once.
 *
 * Not covered: AF_UNIX and other families that never reach IP; packets of raw sockets are dropped, as is all that is not
 * TCP or UDP.
 */
#include "tls_walk.bpf.h"
#include "resolver.bpf.h"
#include <linux/tcp.h>

#define QUIC_PORT 443

static __always_inline int judge_clear(struct segment *s, struct flow *flow, __u64 cookie)
{
	if (flow->owner.mode == WRIT_MODE_ENFORCE && !released(WRIT_STREAM_CLEAR | cookie, s->end)) {
		/* A send call that is under way captures on its return; then this is asked again. */
		if (s->end > flow->seen && !flow->sending)
			return opaque(s, flow, cookie, flow->seen, WRIT_OPAQUE_UNSEEN);
		return DROP;
	}
	flow->passed = s->end;
	return PASS;
}

/* First payload of a connection: TLS, or read as cleartext. */
static __always_inline void classify(struct segment *s, struct flow *flow, __u64 cookie)
{
	__u8 first[2] = {};

	if (s->end - s->begin >= 2)
		bpf_skb_load_bytes(s->skb, s->payload, first, 2);
	flow->kind = begins_tls(flow, first) ? KIND_TLS : KIND_CLEAR;
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
		fresh.owner.session = session_id;
		fresh.owner.mode = session->mode;
		fresh.fd = -1;
		fresh.owner.inbound = !tcp->syn;
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
		if (length && flow->owner.mode == WRIT_MODE_ENFORCE)
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
	if (flow->owner.adopted && (__s64)s->end <= 0)
		return PASS; /* sent before it was ours */
	if (s->begin > flow->passed)
		return flow->owner.mode == WRIT_MODE_ENFORCE ? opaque(s, flow, cookie, s->begin, WRIT_OPAQUE_UNSEEN) : PASS;
	if (flow->kind == KIND_NEW)
		classify(s, flow, cookie);
	if (flow->owner.inbound && flow->owner.mode == WRIT_MODE_ENFORCE)
		return opaque(s, flow, cookie, s->begin, WRIT_OPAQUE_INBOUND);
	if (flow->kind == KIND_TLS)
		return walk_records(s, flow, cookie);
	return judge_clear(s, flow, cookie);
}

static __always_inline void tell_datagram(struct segment *s, __u32 type, __u64 cookie, __u32 protocol, __u64 session_id)
{
	struct writ_event_flow *e = reserve_flow(type, session_id, cookie);

	if (!e)
		return;
	e->reason = protocol;
	e->family = s->family;
	e->peer_port = s->peer_port;
	__builtin_memcpy(e->peer, s->peer, 16);
	bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* Nobody can read it, so at least it is known where it goes. */
static __always_inline void note_quic(struct segment *s, __u64 cookie, __u64 session_id)
{
	struct quic_peer peer = { .session = session_id, .address = address_of(s->family, s->peer) };
	__u32 told = 1;

	count(WRIT_COUNT_QUIC_PASSED);
	if (!bpf_map_update_elem(&quic_told, &peer, &told, BPF_NOEXIST))
		tell_datagram(s, WRIT_EVENT_QUIC, cookie, PROTOCOL_UDP, session_id);
}

static __always_inline int judge_datagram(struct segment *s, __u64 cookie, __u32 protocol, __u64 session_id,
					  struct writ_session *session)
{
	if (session->mode != WRIT_MODE_ENFORCE)
		return PASS;
	if (protocol == PROTOCOL_UDP && s->peer_port == DNS_PORT && may_ask(session, s->family, s->peer))
		return PASS;
	if (protocol == PROTOCOL_UDP && s->peer_port == QUIC_PORT && session->network & WRIT_NETWORK_QUIC) {
		note_quic(s, cookie, session_id);
		return PASS;
	}
	count(WRIT_COUNT_DATAGRAMS_REFUSED);
	tell_datagram(s, WRIT_EVENT_DATAGRAM, cookie, protocol, session_id);
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
	if (flow) {
		session_id = flow->owner.session;
		session = bpf_map_lookup_elem(&sessions, &session_id);
	} else {
		session_id = 0;
		session = session_of_packet(skb, &session_id);
	}
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
	session = current_session(&fresh.owner.session);
	if (!session)
		return 1;
	cookie = bpf_get_socket_cookie(ctx);
	fresh.owner.mode = session->mode;
	fresh.fd = -1;
	fresh.pid = bpf_get_current_pid_tgid() >> 32;
	if (bpf_map_update_elem(&flows, &cookie, &fresh, BPF_ANY)) {
		count(WRIT_COUNT_MAP_FULL);
		return session->mode != WRIT_MODE_ENFORCE; /* fail closed: connect() fails with EPERM */
	}
	e = reserve_flow(WRIT_EVENT_CONNECT, fresh.owner.session, cookie);
	if (!e)
		return 1;
	e->head.pid = fresh.pid;
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
