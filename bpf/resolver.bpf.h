/* SPDX-License-Identifier: GPL-2.0 */
/* Whom a session may ask for names, and where a packet of it comes from or goes to. */
#ifndef WRIT_RESOLVER_BPF_H
#define WRIT_RESOLVER_BPF_H

#include "flow.bpf.h"
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>

#define DNS_PORT 53

/* `packet`: as it stands in a packet of this family. */
static __always_inline struct writ_address address_of(__u16 family, const __u8 *packet)
{
	struct writ_address address = {};

	if (family == AF_INET) {
		address.bytes[10] = address.bytes[11] = 0xff;
		__builtin_memcpy(address.bytes + 12, packet, 4);
	} else {
		__builtin_memcpy(address.bytes, packet, 16);
	}
	return address;
}

static __always_inline int may_ask(const struct writ_session *session, __u16 family, const __u8 *server)
{
	struct writ_address address = address_of(family, server);

	return session->network & WRIT_NETWORK_DNS_ANY || bpf_map_lookup_elem(&resolvers, &address) != NULL;
}

#define ancestor_of_packet(level) bpf_skb_ancestor_cgroup_id(skb, level)

/* The session of the socket that sends or receives this packet. */
static __always_inline struct writ_session *session_of_packet(struct __sk_buff *skb, __u64 *id)
{
	return FIND_SESSION(*id, ancestor_of_packet);
}

#endif
