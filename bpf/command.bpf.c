// SPDX-License-Identifier: GPL-2.0
/*
 * Commands: a program that is started in a session whose policy names programs waits for its verdict. Attached only where
 * there is such a session.
 *
 *   raw_tp/sched_process_exec    a program was started: it is told, and stopped (SIGSTOP) before its first instruction
 *   raw_tp/page_fault_user       a command that runs although it waits: somebody else continued it. It is killed.
 *   raw_tp/sys_enter             the same, where no page of it has to come in first
 *   raw_tp/sched_process_exit    a process ended: it waits no more
 *
 * Whoever may signal a process may continue it, and the kernel does so itself when a stopped process group is orphaned. No hook
 * stands between the signal and the process. But the memory of a program that was just started holds none of its code, so that its
 * first instruction is a page fault; and what the loader itself has written into (the page between data and zeroes) can do
 * nothing to others without a system call.
 *
 * Not covered: a program that was made to run within that one page has its first system call before it dies.
 */
#include "emit.bpf.h"

#define SIGKILL 9
#define SIGSTOP 19

static __always_inline __u64 changed_ns(struct inode *inode)
{
	struct inode___before_6_11 *older = (void *)inode;
	struct inode___before_6_6 *oldest = (void *)inode;

	/* The highest bit of the nanoseconds is a flag since Linux 6.13 (kernel commit 4e40eff0b573). */
	if (bpf_core_field_exists(inode->i_ctime_sec))
		return BPF_CORE_READ(inode, i_ctime_sec) * 1000000000ull +
		       (BPF_CORE_READ(inode, i_ctime_nsec) & 0x7fffffff);
	if (bpf_core_field_exists(older->__i_ctime))
		return BPF_CORE_READ(older, __i_ctime.tv_sec) * 1000000000ull + BPF_CORE_READ(older, __i_ctime.tv_nsec);
	return BPF_CORE_READ(oldest, i_ctime.tv_sec) * 1000000000ull + BPF_CORE_READ(oldest, i_ctime.tv_nsec);
}

static __always_inline void fill_program(struct writ_program *program, struct linux_binprm *started)
{
	struct inode *inode = BPF_CORE_READ(started, file, f_inode);

	program->inode = BPF_CORE_READ(inode, i_ino);
	program->size = BPF_CORE_READ(inode, i_size);
	program->device = BPF_CORE_READ(inode, i_sb, s_dev);
	program->changed = changed_ns(inode);
}

/* `room` is a constant: the verifier wants the size of a reservation as one. */
static __always_inline struct writ_event_command *fill_command(__u32 room, struct linux_binprm *started, unsigned long from,
							       __u64 length)
{
	struct writ_event_command *e = bpf_ringbuf_reserve(&events, sizeof(*e) + room, 0);
	__u32 size = length < room ? length : room;

	if (!e)
		return NULL;
	e->flags = length > room ? WRIT_COMMAND_CUT : 0;
	if (size && bpf_probe_read_user(e + 1, size, (const void *)from)) {
		/* They were written a moment ago; a page of them can have gone since. */
		e->flags = WRIT_COMMAND_CUT;
		size = 0;
	}
	fill_head(&e->head, WRIT_EVENT_COMMAND, size, 0);
	if (bpf_probe_read_kernel_str(e->file, sizeof(e->file), BPF_CORE_READ(started, filename)) < 0)
		e->file[0] = 0;
	return e;
}

static __always_inline struct writ_event_command *reserve_command(struct linux_binprm *started)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	unsigned long from = BPF_CORE_READ(task, mm, arg_start);
	__u64 length = BPF_CORE_READ(task, mm, arg_end) - from;

	if (length <= 1024)
		return fill_command(1024, started, from, length);
	if (length <= 16384)
		return fill_command(16384, started, from, length);
	return fill_command(WRIT_ARGUMENTS_MAX, started, from, length);
}

/* Nobody can judge it. fail closed: it does not run. */
static __always_inline int lose_command(int enforced)
{
	count(WRIT_COUNT_COMMANDS_LOST);
	if (enforced)
		bpf_send_signal(SIGKILL);
	return 0;
}

SEC("raw_tp/sched_process_exec")
int command_exec(struct bpf_raw_tracepoint_args *ctx)
{
	struct linux_binprm *started = (struct linux_binprm *)ctx->args[2];
	struct task_struct *task = (void *)bpf_get_current_task();
	__u32 process = bpf_get_current_pid_tgid() >> 32;
	struct writ_program program = {};
	struct writ_session *session;
	struct writ_event_command *e;
	__u64 id, *until, name;
	int enforced, waits;

	session = governed_session(&id);
	if (!session || !session->programs)
		return 0;
	program.session = id;
	program.programs = session->programs;
	fill_program(&program, started);
	enforced = session->mode == WRIT_MODE_ENFORCE;
	until = enforced ? bpf_map_lookup_elem(&passed, &program) : NULL;
	waits = enforced && !(until && bpf_ktime_get_boot_ns() < *until);

	e = reserve_command(started);
	if (!e)
		return lose_command(enforced);
	e->head.session = id;
	e->program = program;
	e->parent = BPF_CORE_READ(task, real_parent, tgid);
	if (BPF_CORE_READ(started, interp) != BPF_CORE_READ(started, filename))
		e->flags |= WRIT_COMMAND_SCRIPT;
	if (enforced)
		e->flags |= waits ? WRIT_COMMAND_HELD : WRIT_COMMAND_PASSED;
	name = e->head.time_ns;
	/* Noted first: whatever continues it from here on, it does not run. */
	if (waits && (bpf_map_update_elem(&held, &process, &name, BPF_ANY) || bpf_send_signal(SIGSTOP))) {
		bpf_ringbuf_discard(e, BPF_RB_NO_WAKEUP);
		return lose_command(enforced);
	}
	bpf_ringbuf_submit(e, wake_flags(waits));
	return 0;
}

static __always_inline int kill_if_held(void)
{
	__u32 process = bpf_get_current_pid_tgid() >> 32;

	if (!bpf_map_lookup_elem(&held, &process))
		return 0;
	count(WRIT_COUNT_COMMANDS_FORCED);
	bpf_send_signal(SIGKILL);
	return 0;
}

SEC("raw_tp/page_fault_user")
int command_fault(struct bpf_raw_tracepoint_args *ctx)
{
	return kill_if_held();
}

SEC("raw_tp/sys_enter")
int command_syscall(struct bpf_raw_tracepoint_args *ctx)
{
	return kill_if_held();
}

SEC("raw_tp/sched_process_exit")
int command_exit(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid();
	__u32 process = thread >> 32;

	if (process == (__u32)thread)
		bpf_map_delete_elem(&held, &process);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
