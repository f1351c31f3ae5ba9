/* SPDX-License-Identifier: GPL-2.0 */
/* System calls on x86-64: their numbers, and their arguments at the entry tracepoint. */
#ifndef WRIT_SYSCALL_BPF_H
#define WRIT_SYSCALL_BPF_H

#include "maps.bpf.h"

#define NR_read 0
#define NR_write 1
#define NR_readv 19
#define NR_writev 20
#define NR_sendto 44
#define NR_recvfrom 45
#define NR_sendmsg 46
#define NR_recvmsg 47
#define NR_sendfile 40
#define NR_splice 275
#define NR_tee 276
#define NR_vmsplice 278
#define NR_preadv2 327
#define NR_pwritev2 328

static __always_inline __u64 argument(const struct pt_regs *regs, int n)
{
	__u64 value = 0;
	const void *at = n == 0 ? (const void *)&regs->rdi : n == 1 ? (const void *)&regs->rsi :
			 n == 2 ? (const void *)&regs->rdx : (const void *)&regs->r10;

	bpf_probe_read_kernel(&value, sizeof(value), at);
	return value;
}

#endif
