/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The memory of one system call, a buffer or an iovec array, gone over in pieces of at most WRIT_CHUNK_MAX bytes. One step at a time, by
 * bpf_loop():
 *
 *	switch (next_piece(&walk, &size)) { case PIECE_READY: ... take size bytes from walk.from ...; pass_piece(&walk, size); }
 */
#ifndef WRIT_WALK_BPF_H
#define WRIT_WALK_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "../include/writ/abi.h"

struct walk {
	const struct iovec *next; /* behind the current one; of a buffer nothing */
	__u64 iovecs;             /* from there on */
	__u64 from;
	__u64 in_piece; /* bytes from there on that lie together */
	__u64 left;     /* bytes of the call */
};

#define PIECE_NONE 0 /* at this step */
#define PIECE_READY 1
#define PIECE_END 2
#define PIECE_LOST 3 /* an iovec that cannot be read */

static __always_inline void begin_walk(struct walk *w, __u64 buffer, __u64 count, __u32 vector, __u64 length)
{
	w->left = length;
	if (vector) {
		w->next = (const struct iovec *)buffer;
		w->iovecs = count;
	} else {
		w->from = buffer;
		w->in_piece = length;
	}
}

static __always_inline int next_piece(struct walk *w, __u64 *size)
{
	struct iovec v;

	if (!w->left)
		return PIECE_END;
	if (w->in_piece) {
		*size = w->in_piece < w->left ? w->in_piece : w->left;
		if (*size > WRIT_CHUNK_MAX)
			*size = WRIT_CHUNK_MAX;
		return PIECE_READY;
	}
	if (!w->iovecs)
		return PIECE_END;
	if (bpf_probe_read_user(&v, sizeof(v), w->next))
		return PIECE_LOST;
	w->next++;
	w->iovecs--;
	w->from = (__u64)v.iov_base;
	w->in_piece = v.iov_len;
	return PIECE_NONE;
}

static __always_inline void pass_piece(struct walk *w, __u64 size)
{
	w->from += size;
	w->in_piece -= size;
	w->left -= size;
}

#endif
