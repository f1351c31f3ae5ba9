// SPDX-License-Identifier: GPL-2.0
/*
 * What begins and ends in a session.
 *
 *   raw_tp/inet_sock_set_state   a connection is closed by the agent, or gone
 *   raw_tp/sched_process_exec    a program was started
 *   raw_tp/sched_process_exit    a process ended
 */
#include "flow.bpf.h"

#define TCP_FIN_WAIT1 4
#define TCP_CLOSE 7
#define TCP_LAST_ACK 9

SEC("raw_tp/inet_sock_set_state")
int lifecycle_tcp(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sk = (struct sock *)ctx->args[0];
	int state = (int)ctx->args[2];
	struct writ_event_flow *e;
	struct flow *flow;
	__u64 cookie;

	if (state != TCP_FIN_WAIT1 && state != TCP_CLOSE && state != TCP_LAST_ACK)
		return 0;
	cookie = cookie_of(sk);
	flow = bpf_map_lookup_elem(&flows, &cookie);
	if (!flow)
		return 0;
	e = reserve_flow(state == TCP_CLOSE ? WRIT_EVENT_CLOSED : WRIT_EVENT_FIN, flow->owner.session, cookie);
	if (e) {
		e->stream = flow->stream;
		bpf_ringbuf_submit(e, wake_flags(flow->owner.mode == WRIT_MODE_ENFORCE));
	}
	if (state == TCP_CLOSE)
		bpf_map_delete_elem(&flows, &cookie);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int lifecycle_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *program = (struct linux_binprm *)ctx->args[2];
	struct writ_session *session;
	struct writ_event_exec *e;
	__u64 id;
	long size;

	session = governed_session(&id);
	if (!session)
		return 0;
	e = bpf_ringbuf_reserve(&events, sizeof(*e) + WRIT_PATH_MAX, 0);
	if (!e) {
		count(WRIT_COUNT_RING_FULL_META);
		return 0;
	}
	size = bpf_probe_read_kernel_str(e + 1, WRIT_PATH_MAX, BPF_CORE_READ(program, filename));
	fill_head(&e->head, WRIT_EVENT_EXEC, size > 0 ? size : 0, id);
	bpf_ringbuf_submit(e, wake_flags(1));
	return 0;
}

SEC("raw_tp/sched_process_exit")
int lifecycle_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id, thread = bpf_get_current_pid_tgid();
	struct writ_event_exec *e;

	if (thread >> 32 != (__u32)thread || !governed_session(&id))
		return 0; /* not the last of its process; the group leader speaks for it */
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count(WRIT_COUNT_RING_FULL_META);
		return 0;
	}
	fill_head(&e->head, WRIT_EVENT_EXIT, 0, id);
	bpf_ringbuf_submit(e, wake_flags(1));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
