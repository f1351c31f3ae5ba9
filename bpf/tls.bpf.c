// SPDX-License-Identifier: GPL-2.0
/*
 * Plaintext of OpenSSL and its look-alikes, and which TLS record carries which part of it.
 *
 *   SSL_write, SSL_write_ex   entry: remember the buffer; return: how much of it the stream took
 *   BIO_write                 entry, inside SSL_write: a finished record passes by. Its plaintext is copied out now, exactly
 *                             the bytes it was made of, and its first bytes are noted for the gate. Outside SSL_write it is
 *                             one of the library's own records (Finished, alert, KeyUpdate).
 *   SSL_read, SSL_read_ex     entry: remember the buffer; return: copy what was read
 *   SSL_free, SSL_clear       the next use of this address is another stream
 *
 * Why at BIO_write and not all at the entry of SSL_write: a call that is retried (SSL_ERROR_WANT_WRITE) or taken in part may
 * come back with other bytes behind the part that was encrypted, and a 64 MiB call would flood the ring buffer at once. Here
 * nothing is provisional, nothing comes twice, and a blocked agent stops producing. The record has not left: the gate holds
 * what it does not know.
 *
 * Not covered: kTLS (records are made in the kernel: opaque, held), DTLS, QUIC.
 */
#include "emit.bpf.h"
#include <bpf/bpf_tracing.h>

EMIT_TIERS(bpf_copy_from_user)

#define TLS_APPLICATION_DATA 0x17
#define TLS_MAX_PLAINTEXT 16384

/* Stream numbers: unique while writd runs; a cookie is never one, since these have bit 62 set. */
#define STREAM_BIT (1ull << 62)
__u64 last_stream;

static __always_inline struct stream *find_stream(struct stream_key *key)
{
	struct stream *found = bpf_map_lookup_elem(&streams, key);
	struct stream fresh = {};

	if (found)
		return found;
	fresh.id = STREAM_BIT | (__sync_fetch_and_add(&last_stream, 1) + 1);
	bpf_map_update_elem(&streams, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&streams, key);
}

static __always_inline int write_entry(__u64 ssl, __u64 buffer, __u64 length, __u64 written)
{
	struct writing w = {};
	struct writ_session *session;
	struct stream *stream;
	__u64 thread = bpf_get_current_pid_tgid();

	session = current_session(&w.session);
	if (!session)
		return 0;
	w.mode = session->mode;
	w.key.ssl = ssl;
	w.key.process = current_process();
	stream = find_stream(&w.key);
	if (!stream) {
		/* fail closed: its records stay unknown, so the gate holds them as opaque */
		count(WRIT_COUNT_MAP_FULL);
		return 0;
	}
	w.buffer = buffer;
	w.length = length;
	w.position = stream->carry;
	w.written = written;
	bpf_map_update_elem(&writings, &thread, &w, BPF_ANY);
	return 0;
}

SEC("uprobe.s")
int ssl_write_entry(struct pt_regs *ctx)
{
	return write_entry(PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), (__u32)PT_REGS_PARM3(ctx), 0);
}

SEC("uprobe.s")
int ssl_write_ex_entry(struct pt_regs *ctx)
{
	return write_entry(PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

/* int SSL_write_ex2(SSL *, const void *, size_t, uint64_t flags, size_t *written) */
SEC("uprobe.s")
int ssl_write_ex2_entry(struct pt_regs *ctx)
{
	return write_entry(PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx), PT_REGS_PARM5(ctx));
}

static __always_inline int write_return(__s32 ret)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct writing *w = bpf_map_lookup_elem(&writings, &thread);
	struct stream *stream;
	__u64 accepted = 0;

	if (!w)
		return 0;
	if (ret > 0) {
		accepted = ret;
		if (w->written && bpf_copy_from_user(&accepted, sizeof(accepted), (void *)w->written))
			accepted = w->position;
	}
	stream = bpf_map_lookup_elem(&streams, &w->key);
	if (stream)
		stream->carry = w->position > accepted ? w->position - accepted : 0;
	bpf_map_delete_elem(&writings, &thread);
	return 0;
}

SEC("uretprobe.s")
int ssl_write_return(struct pt_regs *ctx)
{
	return write_return((__s32)PT_REGS_RC(ctx));
}

/* Notes a record that the library made on its own. The gate bounds how many of them a connection may have. */
static __always_inline void note_control(struct prefix *prefix)
{
	struct record record = {};

	bpf_map_update_elem(&records, prefix, &record, BPF_NOEXIST);
}

static __always_inline void note_record(struct writing *w, struct prefix *prefix, __u32 body)
{
	struct record record = {};
	struct record_key number = {};
	struct record_by_number by_number = {};
	struct chunk c = {};
	struct stream *stream;
	__u64 rest, take;
	int failed;

	if (bpf_map_lookup_elem(&records, prefix))
		return; /* the same record once more: its first attempt was not taken */
	stream = bpf_map_lookup_elem(&streams, &w->key);
	if (!stream)
		return;
	/*
	 * How much of the buffer is in this record: never less than what is, so that nothing is encrypted unseen. A body over
	 * 16384 bytes holds a full record (RFC 8446 section 5.2: at most 256 bytes of expansion; RFC 5246: 2048); a shorter one holds
	 * the rest, or at most its own size.
	 */
	rest = w->length > w->position ? w->length - w->position : 0;
	take = body > TLS_MAX_PLAINTEXT ? TLS_MAX_PLAINTEXT : body;
	if (take > rest)
		take = rest;
	if (take) {
		c.type = WRIT_EVENT_DATA_OUT;
		c.size = take;
		c.session = w->session;
		c.stream = stream->id;
		c.offset = stream->out;
		c.fd = -1;
		c.urgent = w->mode == WRIT_MODE_ENFORCE;
		c.from = (const void *)(w->buffer + w->position);
		failed = emit_bpf_copy_from_user(&c);
		if (failed)
			lose(stream->id, stream->out,
			     failed == 1 ? WRIT_COUNT_RING_FULL_OUT : WRIT_COUNT_READ_FAILED);
		w->position += take;
		stream->out += take;
	}
	record.stream = stream->id;
	record.end = stream->out;
	record.number = stream->number++;
	by_number.prefix = *prefix;
	by_number.end = stream->out;
	number.stream = record.stream;
	number.number = record.number;
	if (bpf_map_update_elem(&records, prefix, &record, BPF_ANY) ||
	    bpf_map_update_elem(&records_by_number, &number, &by_number, BPF_ANY))
		count(WRIT_COUNT_MAP_FULL); /* fail closed: an unknown record is held */
}

/* int BIO_write(BIO *b, const void *data, int dlen): OpenSSL hands each record, or what is left of it, to it whole. */
SEC("uprobe.s")
int bio_write_entry(struct pt_regs *ctx)
{
	const void *data = (const void *)PT_REGS_PARM2(ctx);
	__u32 length = (__u32)PT_REGS_PARM3(ctx);
	__u64 thread = bpf_get_current_pid_tgid();
	struct prefix prefix = {};
	struct writing *w;
	__u64 session;
	__u32 body;

	if (length < PREFIX_LEN || !current_session(&session))
		return 0;
	if (bpf_copy_from_user(&prefix, PREFIX_LEN, data))
		return 0; /* fail closed: the record stays unknown */
	body = (__u32)prefix.b[3] << 8 | prefix.b[4];
	if (prefix.b[0] != TLS_APPLICATION_DATA || prefix.b[1] != 3 || body + 5 != length)
		return 0;
	w = bpf_map_lookup_elem(&writings, &thread);
	if (w)
		note_record(w, &prefix, body);
	else
		note_control(&prefix);
	return 0;
}

static __always_inline int read_entry(__u64 ssl, __u64 buffer, __u64 readbytes)
{
	struct reading r = {};
	struct writ_session *session;
	__u64 thread = bpf_get_current_pid_tgid();

	session = current_session(&r.session);
	if (!session)
		return 0;
	r.mode = session->mode;
	r.key.ssl = ssl;
	r.key.process = current_process();
	r.buffer = buffer;
	r.readbytes = readbytes;
	bpf_map_update_elem(&readings, &thread, &r, BPF_ANY);
	return 0;
}

SEC("uprobe.s")
int ssl_read_entry(struct pt_regs *ctx)
{
	return read_entry(PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), 0);
}

SEC("uprobe.s")
int ssl_read_ex_entry(struct pt_regs *ctx)
{
	return read_entry(PT_REGS_PARM1(ctx), PT_REGS_PARM2(ctx), PT_REGS_PARM4(ctx));
}

struct read_state {
	struct chunk chunk;
	__u64 left;
};

/* One step. Not static: the verifier then looks at it once, and not at every way through the loop. 1: stop. */
__noinline int capture_read(struct read_state *s)
{
	__u64 size;
	int failed;

	if (!s)
		return 1;
	size = s->left;
	if (size > WRIT_CHUNK_MAX)
		size = WRIT_CHUNK_MAX;
	if (!size)
		return 1;
	s->chunk.size = size;
	failed = emit_bpf_copy_from_user(&s->chunk);
	if (failed)
		lose(s->chunk.stream, s->chunk.offset,
		     failed == 1 ? WRIT_COUNT_RING_FULL_IN : WRIT_COUNT_READ_FAILED);
	s->left -= size;
	s->chunk.offset += size;
	s->chunk.from += size;
	return 0;
}

static long read_step(__u64 index, struct read_state *s)
{
	return capture_read(s) != 0;
}

#define READ_CHUNKS 4096 /* 64 MiB in one SSL_read */

SEC("uretprobe.s")
int ssl_read_return(struct pt_regs *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct reading *r = bpf_map_lookup_elem(&readings, &thread);
	struct read_state s = {};
	struct stream *stream;
	__s32 ret = (__s32)PT_REGS_RC(ctx);
	__u64 got = ret;

	if (!r)
		return 0;
	if (ret > 0 && r->readbytes && bpf_copy_from_user(&got, sizeof(got), (void *)r->readbytes))
		got = 0;
	if (ret > 0 && got) {
		stream = find_stream(&r->key);
		if (stream) {
			s.chunk.type = WRIT_EVENT_DATA_IN;
			s.chunk.session = r->session;
			s.chunk.stream = stream->id;
			s.chunk.offset = stream->in;
			s.chunk.fd = -1;
			s.chunk.from = (const void *)r->buffer;
			s.left = got;
			stream->in += got;
			bpf_loop(READ_CHUNKS, read_step, &s, 0);
		}
	}
	bpf_map_delete_elem(&readings, &thread);
	return 0;
}

SEC("uprobe.s")
int ssl_free_entry(struct pt_regs *ctx)
{
	struct stream_key key = { .ssl = PT_REGS_PARM1(ctx) };
	struct stream *stream;
	struct chunk c = {};

	if (!key.ssl || !current_session(&c.session))
		return 0;
	key.process = current_process();
	stream = bpf_map_lookup_elem(&streams, &key);
	if (!stream)
		return 0;
	c.type = WRIT_EVENT_STREAM_END;
	c.stream = stream->id;
	c.offset = stream->out;
	c.fd = -1;
	if (emit_bpf_copy_from_user(&c))
		count(WRIT_COUNT_RING_FULL_META);
	bpf_map_delete_elem(&streams, &key);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
