// SPDX-License-Identifier: GPL-2.0
/*
 * What DNS has told a session: the answers that its sockets receive, so that writd knows by which name the agent calls the
 * addresses that it connects to.
 *
 *   cgroup_skb/ingress   copies a datagram from port 53 of a resolver that the session may ask; every packet passes
 *
 * Not covered: DNS over TCP, TLS or HTTPS; answers in packets with IPv6 extension headers; answers to a program of which writd has
 * not said whose it is. What is longer than WRIT_DNS_MAX is cut, and says so. An answer that there is no room for is counted, and
 * its addresses stay without a name.
 */
#include "resolver.bpf.h"

#define PASS 1

#define EMIT_ANSWER(name, tier)                                                                           \
	static __always_inline void emit_answer_##name(struct __sk_buff *skb, __u32 at, __u32 length, __u64 session) \
	{                                                                                                 \
		struct writ_event_dns *e = bpf_ringbuf_reserve(&events, sizeof(*e) + tier, 0);            \
		__u64 size = length;                                                                      \
		if (!e) {                                                                                 \
			count(WRIT_COUNT_RING_FULL_META);                                                 \
			return;                                                                           \
		}                                                                                         \
		barrier_var(size); /* or clang derives the bounds from `length`, which the verifier does not follow */ \
		if (size > tier)                                                                          \
			size = tier;                                                                      \
		size--;                                                                                   \
		barrier_var(size); /* kernels before 6.8 do not conclude from `size != 0` that it is 1 or more */ \
		if (size >= tier || bpf_skb_load_bytes(skb, at, e + 1, size + 1)) {                       \
			bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);                                         \
			return;                                                                           \
		}                                                                                         \
		size++;                                                                                   \
		fill_head_of(0, &e->head, WRIT_EVENT_DNS, size, session);                                 \
		e->length = length;                                                                       \
		e->pad = 0;                                                                               \
		bpf_ringbuf_submit(e, wake_flags(0));                                                     \
	}

#define SHORT_ANSWER 512 /* without EDNS no answer is longer (RFC 1035 section 4.2.1) */
EMIT_ANSWER(short, SHORT_ANSWER)
EMIT_ANSWER(long, WRIT_DNS_MAX)

SEC("cgroup_skb/ingress")
int names_ingress(struct __sk_buff *skb)
{
	struct writ_session *session;
	__u64 session_id = 0;
	__u8 server[16] = {};
	struct udphdr udp;
	__u32 header, length;
	__u16 family;

	if (skb->protocol == bpf_htons(0x0800)) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.protocol != PROTOCOL_UDP)
			return PASS;
		family = AF_INET;
		__builtin_memcpy(server, &ip.saddr, 4);
		header = ip.ihl * 4;
	} else if (skb->protocol == bpf_htons(0x86dd)) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) || ip.nexthdr != PROTOCOL_UDP)
			return PASS;
		family = AF_INET6;
		__builtin_memcpy(server, &ip.saddr, 16);
		header = sizeof(ip);
	} else {
		return PASS;
	}
	if (bpf_skb_load_bytes(skb, header, &udp, sizeof(udp)) || udp.source != bpf_htons(DNS_PORT))
		return PASS;
	session = session_of_packet(skb, &session_id);
	if (!session || !may_ask(session, family, server))
		return PASS;
	header += sizeof(udp);
	if (skb->len <= header)
		return PASS;
	length = skb->len - header;
	if (length <= SHORT_ANSWER)
		emit_answer_short(skb, header, length, session_id);
	else
		emit_answer_long(skb, header, length, session_id);
	return PASS;
}

char LICENSE[] SEC("license") = "GPL";
