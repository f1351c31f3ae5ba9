/* SPDX-License-Identifier: GPL-2.0 */
/* What a descriptor of the current task is open on. */
#ifndef WRIT_FILE_BPF_H
#define WRIT_FILE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFIFO 0010000

/* NULL: it is closed. */
static __always_inline struct file *file_of(__s32 fd)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **slot, *file = NULL;

	if (fd < 0 || (__u32)fd >= BPF_CORE_READ(table, max_fds))
		return NULL;
	slot = BPF_CORE_READ(table, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), slot + fd))
		return NULL;
	return file;
}

static __always_inline __u64 inode_number(struct file *file)
{
	return BPF_CORE_READ(file, f_inode, i_ino);
}

static __always_inline int is_pipe(struct file *file)
{
	return (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFIFO;
}

/* The socket that the file is; NULL: it is none. */
static __always_inline struct sock *sock_of(struct file *file)
{
	struct socket *socket;

	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline int is_unix(struct file *file)
{
	struct sock *sk = sock_of(file);

	return sk && BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX;
}

static __always_inline int is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, sk_protocol) == PROTOCOL_TCP;
}

/* The other end of a Unix socket; NULL: it is none, or is not connected. */
static __always_inline struct file *other_end(struct file *file)
{
	struct sock *peer, *sk = sock_of(file);

	if (!sk || BPF_CORE_READ(sk, __sk_common.skc_family) != AF_UNIX)
		return NULL;
	peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
	return peer ? BPF_CORE_READ(peer, sk_socket, file) : NULL;
}

/* The TCP socket behind a descriptor, or NULL. */
static __always_inline struct sock *tcp_socket_of(__s32 fd)
{
	struct file *file = file_of(fd);
	struct sock *sk = file ? sock_of(file) : NULL;

	return sk && is_tcp(sk) ? sk : NULL;
}

#endif
