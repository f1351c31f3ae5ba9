/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the kernel side and writd tell each other: events through one ring buffer, state through maps. Plain C; compiles
 * as BPF C and as C++20. Fixed-width types, explicit zeroed pads; numbers are appended, never reused.
 *
 * Offsets are positions in a byte stream, in bytes from its first one:
 *   - a *stream* is what one SSL object carries as plaintext, or (WRIT_STREAM_CLEAR set) what one TCP socket carries;
 *   - of a cleartext stream, offset 0 is the byte behind the SYN, so an offset is a sequence number that does not wrap.
 */
#ifndef WRIT_ABI_H
#define WRIT_ABI_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
typedef std::uint8_t writ_u8;
typedef std::uint16_t writ_u16;
typedef std::uint32_t writ_u32;
typedef std::int32_t writ_s32;
typedef std::uint64_t writ_u64;
#else
typedef unsigned char writ_u8;
typedef unsigned short writ_u16;
typedef unsigned int writ_u32;
typedef int writ_s32;
typedef unsigned long long writ_u64;
#endif

/* A cleartext stream's id is its socket's cookie with this bit set. */
#define WRIT_STREAM_CLEAR (1ull << 63)

/* The largest piece of data in one event: one TLS record's plaintext (RFC 8446 section 5.1). */
#define WRIT_CHUNK_MAX 16384

#define WRIT_MODE_OBSERVE 1
#define WRIT_MODE_ENFORCE 2

/* At how many depths of the cgroup hierarchy there can be sessions. */
#define WRIT_LEVELS_MAX 8

/*
 * A program that was started outside of every session, and of which writd has not said whose it is: a session of its own, in
 * which everything is held. The number has this bit set, and stays that of the connections which were made meanwhile.
 */
#define WRIT_ARRIVAL (1ull << 63)

/* Map `arrivals`: key arrival (u64), value struct writ_session: not decided yet. Map `arriving`: key process (u32), value its
 * arrival. Written by the kernel side; writd removes what is decided. */

#define WRIT_NETWORK_QUIC 1    /* datagrams to port 443 leave unread */
#define WRIT_NETWORK_DNS_ANY 2 /* DNS may be asked of anybody, not only of the host's resolvers */

/* Map `sessions`: key cgroup id (u64). Written by writd. */
struct writ_session {
	writ_u32 mode;
	writ_u32 programs; /* 0: its commands are not governed; else it changes when what was passed counts no more */
	writ_u32 stdio;    /* 1: what its processes say to the standard input of another is looked at */
	writ_u32 network;  /* WRIT_NETWORK_*: what its policy opens */
	writ_u64 noted;    /* how many inputs had been noted when it began (stdio.bpf.c); kept by the tap */
};

/* Map `resolvers`: key struct writ_address, value 1 (u32): the host's resolvers. Written by writd. */
struct writ_address {
	writ_u8 bytes[16]; /* IPv4 as an IPv4-mapped one (::ffff:a.b.c.d) */
};
#define WRIT_RESOLVERS_MAX 16

/* Whose a connection is: the beginning of a value of the map `flows`. writd writes it for connections that are older than
 * their session. */
struct writ_owner {
	writ_u64 session;
	writ_u32 mode;
	writ_u8 inbound; /* a peer opened it */
	writ_u8 adopted; /* older than its session: it may begin in the middle of a TLS stream */
	writ_u16 pad;
};

#define WRIT_EVENT_DATA_OUT 1   /* struct writ_event_data: bytes that the agent sends */
#define WRIT_EVENT_DATA_IN 2    /* struct writ_event_data: bytes that the agent received */
#define WRIT_EVENT_CONNECT 3    /* struct writ_event_flow: a connect() begins; only peer and cookie are set */
#define WRIT_EVENT_FLOW 4       /* struct writ_event_flow: a connection's first payload was seen */
#define WRIT_EVENT_BIND 5       /* struct writ_event_flow: `stream` is what this connection carries */
#define WRIT_EVENT_OPAQUE 6     /* struct writ_event_flow: bytes without plaintext behind them are held */
#define WRIT_EVENT_FIN 7        /* struct writ_event_flow: the agent closed its side */
#define WRIT_EVENT_CLOSED 8     /* struct writ_event_flow: the connection is gone */
#define WRIT_EVENT_STREAM_END 9 /* struct writ_event_data without data: the SSL object was freed */
#define WRIT_EVENT_SHORT 10     /* struct writ_event_data without data: of what was shown, bytes from `offset` were not sent */
#define WRIT_EVENT_EXEC 11      /* struct writ_event_exec */
#define WRIT_EVENT_EXIT 12      /* struct writ_event_exec, no path: a process ended */
#define WRIT_EVENT_PENDING 14   /* struct writ_event_data without data: a long send call waits; see struct writ_pending */
#define WRIT_EVENT_DATAGRAM 13  /* struct writ_event_flow: a non-TCP packet was refused */
#define WRIT_EVENT_PROGRAM 15   /* struct writ_event_exec: a program was started outside of every session; `session` is its arrival */
#define WRIT_EVENT_CGROUP 16    /* struct writ_event_exec: a cgroup was made; `session` is its id, the path begins at the root */
#define WRIT_EVENT_MOVED 17     /* struct writ_event_exec: as CGROUP; process `pid` was moved into it */
#define WRIT_EVENT_COMMAND 18   /* struct writ_event_command: a program was started in a session that governs commands */
#define WRIT_EVENT_DNS 19       /* struct writ_event_dns: a session received what a resolver answered */
#define WRIT_EVENT_QUIC 20      /* struct writ_event_flow: a datagram to port 443 passed unread, the first to that peer */
#define WRIT_EVENT_STDIO_READ 21  /* struct writ_event_stdio: bytes that a process read of its standard input */
#define WRIT_EVENT_STDIO_WRITE 22 /* struct writ_event_stdio: bytes that such a process wrote to its standard output */
#define WRIT_EVENT_STDIO_END 23   /* struct writ_event_stdio without data: such a process ended, or runs another program */

struct writ_event {
	writ_u32 type;
	writ_u32 size;    /* bytes of data behind the fixed part */
	writ_u64 session; /* cgroup id */
	writ_u64 time_ns; /* CLOCK_MONOTONIC */
	writ_u32 pid;     /* thread group id, as the initial pid namespace counts */
	writ_u32 tid;
};

struct writ_event_data {
	struct writ_event head;
	writ_u64 stream;
	writ_u64 offset;
	writ_u64 cookie; /* cleartext: the socket; TLS: 0 */
	writ_s32 fd;     /* cleartext: the descriptor it was sent on; else -1 */
	writ_u32 pad;
	/* writ_u8 data[head.size] */
};

/*
 * Map `pending`: key thread (process << 32 | thread), value a blocking send call that is under way and too long to go through
 * the ring buffer at once. writd reads the rest of its buffer from the agent's memory, as long as the entry is there; what it has
 * not read when the call returns is captured then. Written by the kernel side.
 */
struct writ_pending {
	writ_u64 stream;
	writ_u64 address; /* of the buffer, in the agent */
	writ_u64 begin;   /* stream offset of its first byte */
	writ_u64 end;
};

/* Map `pulled`: key stream, value offset (u64) below which writd has read a pending call. Written by writd. */

/* Why a connection's bytes are opaque. */
#define WRIT_OPAQUE_NO_PLAINTEXT 1 /* a TLS application-data record that no covered SSL_write made */
#define WRIT_OPAQUE_UNSEEN 2       /* cleartext that no captured send call made (sendfile, io_uring, ...) */
#define WRIT_OPAQUE_NOT_TLS 3      /* the TLS record layer broke off */
#define WRIT_OPAQUE_OTHER_STREAM 4 /* the record belongs to another SSL object than the one bound here */
#define WRIT_OPAQUE_CONTROL 5      /* more handshake or control bytes than a connection may have */
#define WRIT_OPAQUE_INBOUND 6      /* the connection was accepted, not opened, by the agent */

struct writ_event_flow {
	struct writ_event head;
	writ_u64 cookie;
	writ_u64 stream;
	writ_u32 reason; /* WRIT_OPAQUE_*; of DATAGRAM the IP protocol */
	writ_u32 tls;    /* 1: the connection began with a TLS handshake */
	writ_s32 fd;     /* descriptor in process `pid` of head, as far as known; else -1 */
	writ_u16 family; /* AF_INET or AF_INET6 */
	writ_u16 local_port; /* host order */
	writ_u16 peer_port;  /* host order */
	writ_u16 pad;
	writ_u8 local[16]; /* IPv4: the first 4 bytes */
	writ_u8 peer[16];
	writ_u32 pad2;
};

/* The most of a DNS answer that is looked at: what resolvers offer to take over UDP (RFC 6891 section 6.2.5). */
#define WRIT_DNS_MAX 4096

struct writ_event_dns {
	struct writ_event head; /* of no process: it came from the network */
	writ_u32 length;        /* of the whole message: where that is more than head.size, it is cut */
	writ_u32 pad;
	/* writ_u8 message[head.size], RFC 1035 section 4 */
};

#define WRIT_PATH_MAX 256
#define WRIT_CGROUP_PATH_MAX 1024

struct writ_event_exec {
	struct writ_event head;
	/* char path[head.size], with its NUL */
};

/*
 * A file that can be executed, in one state of it, for one session: a change of its content or of its names is one of its
 * ctime.
 */
struct writ_program {
	writ_u64 session;
	writ_u64 inode;
	writ_u64 size;
	writ_u64 changed; /* ctime in ns */
	writ_u32 device;  /* as the kernel counts inside: major << 20 | minor */
	writ_u32 programs; /* of writ_session */
};

#define WRIT_COMMAND_HELD 1   /* stopped at exec: it does not run before writd has said so */
#define WRIT_COMMAND_PASSED 2 /* runs: the map `passed` has its program */
#define WRIT_COMMAND_SCRIPT 4 /* `file` is a script, and the program its interpreter */
#define WRIT_COMMAND_CUT 8    /* not all of its arguments are here */

/*
 * A program was started in a session whose commands are governed. Its time is the command's name: map `held`, key process (u32),
 * value that time (u64), as long as it waits. Written by the kernel side; writd removes what may go on.
 */
struct writ_event_command {
	struct writ_event head;
	struct writ_program program;
	writ_u32 flags; /* WRIT_COMMAND_* */
	writ_u32 parent; /* process */
	char file[WRIT_PATH_MAX]; /* as it was given to execve(2), with its NUL */
	/* char arguments[head.size], each with its NUL */
};

/* The most of a command's arguments that is looked at. */
#define WRIT_ARGUMENTS_MAX 131072

/* Map `passed`: key struct writ_program, value CLOCK_BOOTTIME (u64) until which it starts without a stop. Written by writd. */

#define WRIT_STDIO_MORE 1 /* of a read: another event has its next bytes */
#define WRIT_STDIO_HELD 2 /* of a read: the process waits before it can look at them */

/*
 * What an MCP server over stdio is told, and what it says. The server is the process of `head`; its messages come by a pipe or a Unix
 * socket that a process of the same session has written to.
 */
struct writ_event_stdio {
	struct writ_event head;
	writ_u64 address; /* of the bytes, in the server */
	writ_u32 flags;   /* WRIT_STDIO_* */
	writ_u32 writer;  /* of a read: the process that has written last; 0: it may be forgotten, or no read */
	/* writ_u8 data[head.size] */
};

/*
 * Map `servers`: key process (u32), one that reads what others may write to its standard input. Until it ends or runs another program.
 * Written by the kernel side.
 */
struct writ_server {
	writ_u64 session;
	writ_u64 input; /* inodes of its standard input and output, as they were when it began */
	writ_u64 output;
	writ_u32 writing; /* calls that write to its standard output and are under way */
	writ_u32 open;    /* 1: what it has written there last does not end a line */
	writ_u32 late;    /* verdicts in a row that came later than a read waits in the kernel */
	writ_u32 skip;    /* reads that will not wait there, but are stopped at once */
};

/* Map `waiting`: key process (u32), value its thread (process << 32 | thread, u64) that waits inside of a read. Written by the kernel
 * side; writd removes what may go on, and whoever removes it has the last word: the kernel side does before it stops the thread.
 *
 * Map `stopped`: the same of a thread that is stopped behind its read (SIGSTOP). writd removes what may go on, and continues it. */

/* Map `plain`: key process (u32), value the inode (u64) of its standard input: what it reads there is no message. Written by writd. */

/* Map `releases`: key stream id (u64), value offset (u64): bytes below it may leave. Written by writd. */

/* Map `passes`: key socket cookie (u64), value WRIT_PASS_*. Written by writd. */
#define WRIT_PASS_ALL 1 /* opaque bytes were allowed: nothing on this connection is held any more */

/* Array `counters`, mappable: what was lost or refused, by reason. Written by the kernel side. */
#define WRIT_COUNT_RING_FULL_OUT 0 /* plaintext lost, ring buffer full: its bytes stay held */
#define WRIT_COUNT_RING_FULL_IN 1  /* response bytes lost */
#define WRIT_COUNT_RING_FULL_META 2
#define WRIT_COUNT_READ_FAILED 3 /* memory of the agent could not be read: its bytes stay held */
#define WRIT_COUNT_MAP_FULL 4
#define WRIT_COUNT_HELD_SEGMENTS 5 /* segments that the gate turned back */
#define WRIT_COUNT_DATAGRAMS_REFUSED 6
#define WRIT_COUNT_OPAQUE 7
#define WRIT_COUNT_SHORT_SENDS 8
#define WRIT_COUNT_ARRIVALS_FULL 9 /* programs that ran free until writd had looked at them */
#define WRIT_COUNT_COMMANDS_LOST 10  /* started, and writd could not be told: enforced ones were killed */
#define WRIT_COUNT_COMMANDS_FORCED 11 /* somebody continued them while they waited: killed */
#define WRIT_COUNT_STDIO_LOST 12 /* messages over stdio that could not be told, or could not wait: enforced servers were killed */
#define WRIT_COUNT_STDIO_FORCED 13 /* servers that somebody continued while they waited: killed */
#define WRIT_COUNT_QUIC_PASSED 14 /* datagrams to port 443 that left unread */
#define WRIT_COUNT_MAX 16

/* Map `losses`: key stream id, value offset of the first byte whose plaintext was lost. Written by the kernel side. */

#ifdef __cplusplus
static_assert(sizeof(writ_session) == 24);
static_assert(sizeof(writ_address) == 16);
static_assert(sizeof(writ_owner) == 16);
static_assert(sizeof(writ_event) == 32);
static_assert(sizeof(writ_event_data) == 64);
static_assert(sizeof(writ_event_flow) == 104);
static_assert(sizeof(writ_pending) == 32);
static_assert(sizeof(writ_program) == 40);
static_assert(sizeof(writ_event_command) == 336);
static_assert(sizeof(writ_event_stdio) == 48);
static_assert(sizeof(writ_server) == 40);
static_assert(sizeof(writ_event_dns) == 40);
static_assert(offsetof(writ_event_flow, local) == 68);
#endif

#endif /* WRIT_ABI_H */
