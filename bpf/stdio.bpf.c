// SPDX-License-Identifier: GPL-2.0
/*
 * MCP over stdio: what processes of a session say to the standard input of another one. Attached only where there is a session whose
 * policy names servers.
 *
 *   raw_tp/sched_process_exec  a program begins: what are its standard input and output
 *   raw_tp/sys_enter           a write to a pipe or Unix socket: note who writes there. A server that does anything while it waits was
 *                              continued by somebody else: it is killed.
 *   raw_tp/sys_exit            a read of standard input, of bytes that came from a process of a session: they are told, and the reader
 *                              waits before it can look at them. What a server has written to its standard output is told.
 *   raw_tp/sched_process_exit  a process ended
 *
 * How it waits stands in stdio_wait.bpf.h. Meanwhile writd has the time to change the bytes in place.
 *
 * Not covered: what is read by io_uring, recvmmsg or splice, or only peeked at; writers that use io_uring; input that is a file. A server
 * that somebody continues has one system call before it dies.
 */
#include "stdio_wait.bpf.h"
#include "syscall.bpf.h"

#define SIGKILL 9

#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20

/* The same pipe or socket as one of the process's own first descriptors, whatever number it is used by. */
static __always_inline int same_as(struct file *file, __s32 fd)
{
	struct file *own = file_of(fd);

	return own && BPF_CORE_READ(own, f_inode) == BPF_CORE_READ(file, f_inode);
}

/* How many inputs were noted, ever: the oldest are forgotten where there are more than fit. */
volatile __u64 noted;

static __always_inline void note_writer(struct file *file, __u64 session)
{
	struct file *reader = is_pipe(file) ? file : is_unix(file) ? other_end(file) : NULL;
	struct written now = { .session = session, .process = bpf_get_current_pid_tgid() >> 32 };
	struct written *before;
	__u64 inode;

	if (!reader)
		return;
	inode = inode_number(reader);
	before = bpf_map_lookup_elem(&inputs, &inode);
	if (before && before->session == session && before->process == now.process)
		return;
	if (!before)
		__sync_fetch_and_add(&noted, 1);
	if (bpf_map_update_elem(&inputs, &inode, &now, BPF_ANY)) {
		count(WRIT_COUNT_MAP_FULL);
		__sync_fetch_and_add(&noted, MAX_INPUTS); /* this one is forgotten */
	}
}

static __always_inline int is_read(__u64 nr)
{
	return nr == NR_read || nr == NR_readv || nr == NR_recvfrom || nr == NR_recvmsg || nr == NR_preadv2;
}

static __always_inline int is_write(__u64 nr)
{
	return nr == NR_write || nr == NR_writev || nr == NR_sendto || nr == NR_sendmsg || nr == NR_pwritev2;
}

/* Bytes that move between descriptors: which one they go to; -1: none. */
static __always_inline int moves_to(__u64 nr)
{
	return nr == NR_vmsplice || nr == NR_sendfile ? 0 : nr == NR_tee ? 1 : nr == NR_splice ? 2 : -1;
}

/* False: it cannot be read, or is not taken out of the pipe. */
static __always_inline int take_arguments(struct speaking *s, const struct pt_regs *regs, __u64 nr)
{
	struct user_msghdr msg = {};
	__u32 flags = 0;

	if (nr == NR_sendmsg || nr == NR_recvmsg) {
		if (bpf_probe_read_user(&msg, sizeof(msg), (const void *)argument(regs, 1)))
			return 0;
		s->buffer = (__u64)msg.msg_iov;
		s->count = msg.msg_iovlen;
		s->vector = 1;
		flags = argument(regs, 2);
	} else {
		s->buffer = argument(regs, 1);
		s->count = argument(regs, 2);
		s->vector = nr == NR_writev || nr == NR_readv || nr == NR_preadv2 || nr == NR_pwritev2;
		if (nr == NR_recvfrom)
			flags = argument(regs, 3);
	}
	return !(flags & (MSG_PEEK | MSG_TRUNC));
}

/* writd has seen that what the process reads there is no message. */
static __always_inline int is_plain(__u32 process, __u64 input)
{
	__u64 *known = bpf_map_lookup_elem(&plain, &process);

	return known && *known == input;
}

static __always_inline int begin_write(const struct pt_regs *regs, __u64 nr, __u64 id)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 process = thread >> 32;
	struct speaking s = { .session = id };
	struct writ_server *server;
	struct file *file = file_of((__s32)argument(regs, 0));

	if (!file || !(is_pipe(file) || is_unix(file)))
		return 0;
	note_writer(file, id);
	server = bpf_map_lookup_elem(&servers, &process);
	if (!server || is_plain(process, server->input) || server->output != inode_number(file))
		return 0;
	if (!take_arguments(&s, regs, nr))
		return 0;
	if (bpf_map_update_elem(&speakings, &thread, &s, BPF_ANY))
		return 0;
	__sync_fetch_and_add(&server->writing, 1);
	return 0;
}

/* Somebody has continued it. */
static __always_inline void kill_if_it_waits(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 process = thread >> 32;
	__u64 *waits = bpf_map_lookup_elem(&stopped, &process);

	/* Other threads may be on their way to the stop. */
	if (!waits || *waits != thread)
		return;
	count(WRIT_COUNT_STDIO_FORCED);
	bpf_send_signal(SIGKILL);
}

SEC("raw_tp/sys_enter")
int stdio_enter(struct bpf_raw_tracepoint_args *ctx)
{
	const struct pt_regs *regs = (const struct pt_regs *)ctx->args[0];
	struct writ_session *session;
	__u64 id, nr = ctx->args[1];
	struct file *file;

	session = governed_session(&id);
	if (!session || !session->stdio)
		return 0;
	kill_if_it_waits();
	if (is_write(nr))
		return begin_write(regs, nr, id);
	if (moves_to(nr) < 0)
		return 0;
	file = file_of((__s32)argument(regs, moves_to(nr)));
	if (file)
		note_writer(file, id);
	return 0;
}

static __always_inline void fill_server(struct writ_server *server, __u64 session, struct file *input)
{
	struct file *output = file_of(1);

	server->session = session;
	server->input = inode_number(input);
	server->output = output ? inode_number(output) : 0;
}

/* The process as one that reads `file`, which is its standard input. NULL: there is no room for it. */
static __always_inline struct writ_server *server_of(struct file *file, __u32 process, __u64 session)
{
	struct writ_server *server = bpf_map_lookup_elem(&servers, &process);
	struct writ_server fresh = {};

	if (server && server->input == inode_number(file))
		return server;
	/* It began before its session, or has not executed a program of its own. */
	fill_server(&fresh, session, file);
	if (bpf_map_update_elem(&servers, &process, &fresh, BPF_ANY))
		return NULL;
	return bpf_map_lookup_elem(&servers, &process);
}

static __always_inline int is_input(struct file *file, __u32 process)
{
	struct writ_server *server = bpf_map_lookup_elem(&servers, &process);

	return (server && server->input == inode_number(file)) || same_as(file, 0);
}

/*
 * Who has written what comes from there. False: nobody of a session. Where so many inputs were noted since the reader's session began
 * that this one could be forgotten, it counts as the session's own.
 */
static __always_inline int find_writer(__u64 inode, __u64 session, __u64 noted_before, struct written *writer)
{
	struct written *found = bpf_map_lookup_elem(&inputs, &inode);

	if (found) {
		*writer = *found;
		return 1;
	}
	writer->session = session;
	return noted - noted_before >= MAX_INPUTS / 4;
}

static __always_inline int end_read(const struct pt_regs *regs, __u64 nr, __u64 length)
{
	__u64 id, thread = bpf_get_current_pid_tgid();
	struct writ_session *whose, *session = governed_session(&id);
	struct file *file = file_of((__s32)argument(regs, 0));
	struct writ_server *server;
	struct written writer = {};
	struct speaking s = {};
	__u32 process = thread >> 32;
	int held, told;

	if (!session || !session->stdio || !file || !(is_pipe(file) || is_unix(file)) || !is_input(file, process))
		return 0;
	if (!find_writer(inode_number(file), id, session->noted, &writer))
		return 0;
	if (is_plain(process, inode_number(file)) || !take_arguments(&s, regs, nr))
		return 0;
	/* Judged as what the writer's session says: a server may be in a child of it. */
	whose = writer.session == id ? session : bpf_map_lookup_elem(&sessions, &writer.session);
	held = (whose ? whose : session)->mode == WRIT_MODE_ENFORCE;
	s.session = writer.session;
	server = whose ? server_of(file, process, id) : NULL;
	told = server && (held ? hold(&s, server, writer.process, length) :
				 tell_bytes(&s, WRIT_EVENT_STDIO_READ, 0, writer.process, length));
	if (told)
		return 0;
	/* fail closed */
	count(WRIT_COUNT_STDIO_LOST);
	if (held)
		bpf_send_signal(SIGKILL);
	return 0;
}

/* Whether the last byte of a write ends a line. What went through several buffers is taken for the middle of one. */
static __always_inline __u32 leaves_open(struct speaking *s, __u64 length)
{
	__u8 last = 0;

	struct iovec v = { .iov_base = (void *)s->buffer, .iov_len = length };

	if (s->vector && (s->count != 1 || bpf_probe_read_user(&v, sizeof(v), (const void *)s->buffer)))
		return 1;
	if (bpf_probe_read_user(&last, sizeof(last), v.iov_base + length - 1))
		return 1;
	return last != '\n';
}

static __always_inline int end_write(struct speaking *s, __s64 ret, __u32 process)
{
	struct writ_server *server = bpf_map_lookup_elem(&servers, &process);

	if (server) {
		if (ret > 0)
			server->open = leaves_open(s, ret);
		__sync_fetch_and_add(&server->writing, -1);
	}
	if (ret > 0 && !tell_bytes(s, WRIT_EVENT_STDIO_WRITE, 0, 0, ret))
		count(WRIT_COUNT_STDIO_LOST); /* an answer that is not on record */
	return 0;
}

SEC("raw_tp/sys_exit")
int stdio_exit(struct bpf_raw_tracepoint_args *ctx)
{
	const struct pt_regs *regs = (const struct pt_regs *)ctx->args[0];
	__u64 thread = bpf_get_current_pid_tgid();
	__s64 ret = (__s64)ctx->args[1];
	struct speaking *found;
	struct speaking s;
	__u64 nr = 0;

	bpf_probe_read_kernel(&nr, sizeof(nr), &regs->orig_rax);
	if (is_read(nr))
		return ret > 0 ? end_read(regs, nr, ret) : 0;
	if (!is_write(nr))
		return 0;
	found = bpf_map_lookup_elem(&speakings, &thread);
	if (!found)
		return 0;
	s = *found;
	bpf_map_delete_elem(&speakings, &thread);
	return end_write(&s, ret, thread >> 32);
}

/* What was known of the process is of no use any more. */
static __always_inline void end_server(__u32 process)
{
	struct writ_server *server = bpf_map_lookup_elem(&servers, &process);
	__u64 *passed_over = bpf_map_lookup_elem(&plain, &process);
	struct writ_event_stdio *e;

	if (!server)
		return;
	if (!passed_over) {
		e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
		if (e) {
			fill_head(&e->head, WRIT_EVENT_STDIO_END, 0, server->session);
			e->address = 0;
			e->flags = 0;
			e->writer = 0;
			bpf_ringbuf_submit(e, wake_flags(0));
		} else {
			count(WRIT_COUNT_RING_FULL_META);
		}
	}
	bpf_map_delete_elem(&servers, &process);
	bpf_map_delete_elem(&waiting, &process);
	bpf_map_delete_elem(&stopped, &process);
	bpf_map_delete_elem(&plain, &process);
}

SEC("raw_tp/sched_process_exec")
int stdio_exec(struct bpf_raw_tracepoint_args *ctx)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	struct writ_server fresh = {};
	struct writ_session *session;
	struct file *input;
	__u64 id;

	end_server(process);
	session = governed_session(&id);
	if (!session || !session->stdio)
		return 0;
	input = file_of(0);
	if (!input || !(is_pipe(input) || is_unix(input)))
		return 0;
	fill_server(&fresh, id, input);
	if (bpf_map_update_elem(&servers, &process, &fresh, BPF_ANY))
		count(WRIT_COUNT_MAP_FULL); /* its first read tries again */
	return 0;
}

SEC("raw_tp/sched_process_exit")
int stdio_gone(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 thread = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(&speakings, &thread);
	if (!BPF_CORE_READ(task, signal, live.counter)) /* its first thread may have ended long before */
		end_server(thread >> 32);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
