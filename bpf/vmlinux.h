/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel types that the programs walk, by hand and relocated at load (CO-RE): only the fields that are read
 * stand here, so that a build needs no running kernel's BTF. What user space shares comes from the UAPI headers.
 */
#ifndef WRIT_VMLINUX_H
#define WRIT_VMLINUX_H

#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/ptrace.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64 {
	long long tv_sec;
	long tv_nsec;
};

struct super_block {
	unsigned int s_dev;
};

struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	long long i_size;
	struct super_block *i_sb;
	/* Since Linux 6.11 (kernel commit 3aa63a569c64); before that one of the two below. */
	long long i_ctime_sec;
	unsigned int i_ctime_nsec;
};

/* Linux 6.6 to 6.10 (kernel commit 13bc24457850). May go when 6.11 is the oldest that is supported, as may the next. */
struct inode___before_6_11 {
	struct timespec64 __i_ctime;
};

struct inode___before_6_6 {
	struct timespec64 i_ctime;
};

struct file {
	struct inode *f_inode;
	unsigned int f_flags;
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not ended */
};

struct task_struct {
	struct signal_struct *signal;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct files_struct *files;
	__u64 start_boottime;
	__u64 self_exec_id;
	int pid;
	int tgid;
};

typedef struct {
	long long counter;
} atomic64_t;

struct in6_addr_k {
	__u8 b[16];
};

struct sock_common {
	unsigned short skc_family;
	volatile unsigned char skc_state;
	atomic64_t skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	__u8 sk_shutdown;
	struct socket *sk_socket;
};

struct tcp_sock {
	__u32 write_seq;
};

struct socket {
	struct file *file;
	struct sock *sk;
};

struct unix_sock {
	struct sock *peer;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
	const char *interp;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

#pragma clang attribute pop

/* UAPI by layout, not relocated. */
struct iovec {
	void *iov_base;
	__u64 iov_len;
};

struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	int pad;
	struct iovec *msg_iov;
	__u64 msg_iovlen;
	void *msg_control;
	__u64 msg_controllen;
	unsigned int msg_flags;
};

#endif
