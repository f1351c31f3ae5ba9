/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The walk over the TLS records of a segment (RFC 8446 section 5.1): which of them may leave.
 *
 * A record of application data is known by its first PREFIX_LEN bytes: header and the first ciphertext, which tls.bpf.c noted
 * as a covered SSL_write made it. What it cannot find is opaque.
 */
#ifndef WRIT_TLS_WALK_BPF_H
#define WRIT_TLS_WALK_BPF_H

#include "segment.bpf.h"

/*
 * What a connection may send beside accounted data. A handshake with client certificates stays below 32 KiB; after it a
 * library sends alerts (2 bytes) and KeyUpdate (5 bytes) in records below 64 bytes.
 */
#define MAX_HANDSHAKE_BYTES 32768
#define MAX_CONTROL_BYTES 16384
#define MAX_CONTROL_RECORD 64
#define MAX_CONTROL_RECORDS 64

#define MAX_RECORDS_PER_SEGMENT 8192 /* 64 KiB of the smallest records, with room for larger segments */

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
	if (w->flow->owner.mode == WRIT_MODE_ENFORCE && !released(found->stream, found->end))
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
	if (have >= PREFIX_LEN)
		return stop(w, WRIT_OPAQUE_NOT_TLS);
	more--;
	barrier_var(more); /* kernels before 6.8 do not conclude from `more != 0` that it is 1 or more */
	if (more >= PREFIX_LEN)
		return stop(w, WRIT_OPAQUE_NOT_TLS);
	more++;
	if (bpf_skb_load_bytes(s->skb, at, w->prefix.b + have, more))
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
	if (w.stopped && flow->owner.mode == WRIT_MODE_ENFORCE) {
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

#endif
