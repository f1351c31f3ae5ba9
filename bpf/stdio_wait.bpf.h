/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a server waits for the verdict on what it has read: right there, inside of its read, for as long as a verdict takes that needs nobody
 * else; then stopped (SIGSTOP). The signal is taken on the way back to user mode, so that the reader sees nothing before it stops. To
 * stop and continue a process of ten threads takes longer than to judge a message.
 */
#ifndef WRIT_STDIO_WAIT_BPF_H
#define WRIT_STDIO_WAIT_BPF_H

#include "stdio.bpf.h"

#define SIGCONT 18
#define SIGSTOP 19

#define WAIT_MAX_NS 300000 /* this thread's core does nothing else meanwhile */
#define WAKE_MAX_NS 80000  /* writd may be waiting for this very core */
#define MAX_LOOKS 65536
#define SOME_LATE 2 /* are chance */
#define MAX_LATE 5  /* then one read in 8 waits */

/* 1: writd takes events out of the ring buffer. */
volatile __u32 consuming;

struct wait {
	__u64 begun;
	__u32 process;
	__u32 seen; /* writd is at work */
};

static long still_waits(__u64 index, struct wait *w)
{
	__u64 waited = bpf_ktime_get_ns() - w->begun;

	w->seen |= consuming;
	return !bpf_map_lookup_elem(&waiting, &w->process) || waited > (w->seen ? WAIT_MAX_NS : WAKE_MAX_NS);
}

/* Waits where it is. Where verdicts take longer (a decision point, one core), it mostly does not. True: it may go on. */
static __always_inline int verdict_comes(struct writ_server *server, __u32 process)
{
	struct wait w = { .begun = bpf_ktime_get_ns(), .process = process };

	if (server->skip) {
		server->skip--;
		return 0;
	}
	bpf_loop(MAX_LOOKS, still_waits, &w, 0);
	if (!bpf_map_lookup_elem(&waiting, &process)) {
		server->late = 0;
		return 1;
	}
	if (server->late < MAX_LATE)
		server->late++;
	if (server->late > SOME_LATE)
		server->skip = (1u << ((server->late - SOME_LATE) & 7)) - 1;
	return 0;
}

/* False: it could not be stopped. */
static __always_inline int stop(__u64 thread)
{
	__u32 process = thread >> 32;

	/* Noted first: whatever continues it from here on, it is killed. */
	if (bpf_map_update_elem(&stopped, &process, &thread, BPF_ANY) || bpf_send_signal(SIGSTOP))
		return 0;
	if (bpf_map_delete_elem(&waiting, &process)) {
		/* The verdict was there before the stop. */
		bpf_map_delete_elem(&stopped, &process);
		bpf_send_signal(SIGCONT);
	}
	return 1;
}

/* False: nobody can judge it. */
static __always_inline int hold(struct speaking *s, struct writ_server *server, __u32 writer, __u64 length)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 process = thread >> 32;

	/* Not while another thread of it waits: to continue one is to continue both. */
	if (bpf_map_update_elem(&waiting, &process, &thread, BPF_NOEXIST) || bpf_map_lookup_elem(&stopped, &process))
		return 0;
	return tell_bytes(s, WRIT_EVENT_STDIO_READ, WRIT_STDIO_HELD, writer, length) && (verdict_comes(server, process) || stop(thread));
}

#endif
