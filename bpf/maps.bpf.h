/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every map, once. A map has one writer side, except where its line says otherwise; the objects are linked into one,
 * hence __weak.
 */
#ifndef WRIT_MAPS_BPF_H
#define WRIT_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "../include/writ/abi.h"

/* Bounds. A full map never passes a byte: what cannot be accounted for stays held. */
#define MAX_SESSIONS 4096
#define MAX_FLOWS 65536
#define MAX_STREAMS 65536
#define MAX_RECORDS 131072 /* TLS records between SSL_write and the wire: 2 GiB of plaintext */
#define MAX_ARRIVALS 16384 /* programs that writd has not looked at yet */
#define MAX_THREADS 16384  /* threads inside one probed call */
#define MAX_HELD 16384     /* commands that wait for a verdict */
#define MAX_PASSED 16384   /* programs that start without one */
#define MAX_SERVERS 16384  /* processes that read from others of their session */
#define MAX_INPUTS 65536   /* pipes and sockets between processes of sessions */
#define MAX_TOLD 4096      /* peers of QUIC that were told: one that falls out is told again */

/* The first bytes of a TLS record: header and 16 bytes of ciphertext, which every AEAD and CBC record has. */
#define PREFIX_LEN 21
struct prefix {
	__u8 b[24]; /* the last three are zero */
};

/* What a record carries. stream 0: made by the library outside SSL_write (Finished, alert, KeyUpdate). */
struct record {
	__u64 stream;
	__u64 end; /* offset behind its last plaintext byte */
	__u64 number;
};

struct record_key {
	__u64 stream;
	__u64 number;
};

struct record_by_number {
	struct prefix prefix;
	__u64 end;
};

struct stream_key {
	__u64 ssl;
	__u64 process; /* thread group, told apart from its successors under the same number */
};

struct stream {
	__u64 id;
	__u64 out;    /* plaintext bytes that were made into records */
	__u64 in;     /* plaintext bytes that were read */
	__u64 carry;  /* of the buffer of a failed SSL_write, bytes that were made into records all the same */
	__u64 number; /* records so far */
};

/* A thread inside SSL_write*. */
struct writing {
	struct stream_key key;
	__u64 buffer;
	__u64 length;
	__u64 position; /* bytes of the buffer that were made into records */
	__u64 written;  /* of SSL_write_ex: where the result goes; else 0 */
	__u64 session;
	__u32 mode;
	__u32 pad;
};

/* A thread inside SSL_read*. */
struct reading {
	struct stream_key key;
	__u64 buffer;
	__u64 readbytes; /* of SSL_read_ex; else 0 */
	__u64 session;
	__u32 mode;
	__u32 pad;
};

#define KIND_NEW 0
#define KIND_TLS 1
#define KIND_CLEAR 2

/*
 * A TCP connection of a session. The gate writes most of it, under the socket's lock; the send hooks write process,
 * descriptor, `seen` and `sending`.
 */
struct flow {
	struct writ_owner owner;
	__u64 stream; /* bound one; 0: none yet */
	__u64 passed; /* bytes below this offset may leave, and may be sent again */
	__u64 record; /* TLS: offset of the next record's header */
	__u64 number; /* TLS: number of the next record of the bound stream */
	__u64 seen;   /* cleartext: bytes below this offset were captured */
	__u64 in;     /* cleartext: bytes received */
	__u64 opaque; /* offset that was last reported as opaque, plus one */
	__u32 base;   /* sequence number of offset 0 */
	__u32 pid;
	__s32 fd;
	__u32 sending; /* send calls that are under way */
	__u32 handshake_bytes;
	__u32 control_records;
	__u32 control_bytes;
	__u16 part_len; /* TLS: bytes of the next record's prefix that have left already */
	__u8 kind;
	__u8 started; /* base is known */
	__u8 data_seen; /* TLS: a record with plaintext has left */
	__u8 pad[7];
	struct prefix part;
};

/* Where a session's QUIC goes. */
struct quic_peer {
	__u64 session;
	struct writ_address address;
};

/* A thread inside a socket call on a cleartext connection. */
struct calling {
	__u64 cookie;
	__u64 buffer; /* or the iovec array */
	__u64 count;  /* bytes, or iovecs */
	__u64 offset; /* where its bytes begin in the stream */
	__u64 session;
	__u64 sock;
	__u32 mode;
	__s32 fd;
	__u32 vector;
	__u32 blocking;
	__u32 sends;
	__u32 write_seq;
	__u64 captured; /* bytes of the call that were captured on entry */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20); /* set by writd before load */
} events SEC(".maps") __weak;

/* cgroup id -> mode; writd */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SESSIONS);
	__type(key, __u64);
	__type(value, struct writ_session);
} sessions SEC(".maps") __weak;

/* stream -> offset below which bytes may leave; writd */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_STREAMS);
	__type(key, __u64);
	__type(value, __u64);
} releases SEC(".maps") __weak;

/* socket cookie -> WRIT_PASS_*; writd */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FLOWS);
	__type(key, __u64);
	__type(value, __u32);
} passes SEC(".maps") __weak;

/* socket cookie -> connection; gate and send hooks */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_FLOWS);
	__type(key, __u64);
	__type(value, struct flow);
} flows SEC(".maps") __weak;

/* SSL object -> stream; TLS probes */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_STREAMS);
	__type(key, struct stream_key);
	__type(value, struct stream);
} streams SEC(".maps") __weak;

/* record's first bytes -> what it carries; TLS probes; the gate deletes */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_RECORDS);
	__type(key, struct prefix);
	__type(value, struct record);
} records SEC(".maps") __weak;

/* stream and number -> record's first bytes; TLS probes; the gate deletes */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_RECORDS);
	__type(key, struct record_key);
	__type(value, struct record_by_number);
} records_by_number SEC(".maps") __weak;

/* thread -> SSL_write under way; TLS probes */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u64);
	__type(value, struct writing);
} writings SEC(".maps") __weak;

/* thread -> SSL_read under way; TLS probes */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u64);
	__type(value, struct reading);
} readings SEC(".maps") __weak;

/* thread -> socket call under way; send hooks */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u64);
	__type(value, struct calling);
} callings SEC(".maps") __weak;

/* thread -> long send call under way; send hooks */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u64);
	__type(value, struct writ_pending);
} pending SEC(".maps") __weak;

/* stream -> offset below which writd has read a long send call; writd */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u64);
	__type(value, __u64);
} pulled SEC(".maps") __weak;

/* stream -> offset of its first lost byte; kernel side */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_STREAMS);
	__type(key, __u64);
	__type(value, __u64);
} losses SEC(".maps") __weak;

/* process -> its arrival; kernel side, writd removes */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ARRIVALS);
	__type(key, __u32);
	__type(value, __u64);
} arriving SEC(".maps") __weak;

/* arrival -> what holds until writd has decided; kernel side, writd removes */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ARRIVALS);
	__type(key, __u64);
	__type(value, struct writ_session);
} arrivals SEC(".maps") __weak;

/* process -> time of the command that it waits with; kernel side, writd removes */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_HELD);
	__type(key, __u32);
	__type(value, __u64);
} held SEC(".maps") __weak;

/* program -> CLOCK_BOOTTIME until which it starts without a stop; writd */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_PASSED);
	__type(key, struct writ_program);
	__type(value, __u64);
} passed SEC(".maps") __weak;

/* A thread inside a call that writes to the standard output of a server. */
struct speaking {
	__u64 session;
	__u64 buffer; /* or the iovec array */
	__u64 count;
	__u32 vector;
	__u32 pad;
};

/* thread -> such a call under way; stdio hooks */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_THREADS);
	__type(key, __u64);
	__type(value, struct speaking);
} speakings SEC(".maps") __weak;

/* Who has written last. */
struct written {
	__u64 session;
	__u32 process;
	__u32 pad;
};

/* inode of a pipe, or of the socket that reads -> who writes there; stdio hooks */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_INPUTS);
	__type(key, __u64);
	__type(value, struct written);
} inputs SEC(".maps") __weak;

/* process -> what is known of it as a server over stdio; stdio hooks */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SERVERS);
	__type(key, __u32);
	__type(value, struct writ_server);
} servers SEC(".maps") __weak;

/* process -> its thread that waits inside of a read; stdio hooks, writd removes */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SERVERS);
	__type(key, __u32);
	__type(value, __u64);
} waiting SEC(".maps") __weak;

/* process -> its thread that is stopped behind a read; stdio hooks, writd removes */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SERVERS);
	__type(key, __u32);
	__type(value, __u64);
} stopped SEC(".maps") __weak;

/* process -> inode of a standard input without messages; writd, stdio hooks remove */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SERVERS);
	__type(key, __u32);
	__type(value, __u64);
} plain SEC(".maps") __weak;

/* address of a resolver of the host -> 1; writd */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, WRIT_RESOLVERS_MAX);
	__type(key, struct writ_address);
	__type(value, __u32);
} resolvers SEC(".maps") __weak;

/* peer to which QUIC has passed -> 1; gate */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_TOLD);
	__type(key, struct quic_peer);
	__type(value, __u32);
} quic_told SEC(".maps") __weak;

/* WRIT_COUNT_* -> how often; kernel side */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, WRIT_COUNT_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps") __weak;

#endif
