/* wire.h - how specs and messages are written: the format that Python (nsrunner/sandbox/wire.py) and C share.
 *
 * Everything is an *envelope*: struct nsr_envelope, followed by exactly `length` bytes of *block*. A block is a sequence of
 * fields; a field is {u16 tag, u16 zero, u32 length} and then `length` bytes, without padding. Integers are little endian
 * and unaligned: read them with memcpy. Payloads:
 *
 *   U32, U64, I64   4 or 8 bytes
 *   STRING          bytes without NUL, then one NUL that `length` counts: C uses them where they lie
 *   BYTES           any bytes
 *   BLOCK           a block again
 *
 * A tag may come once unless it is marked `*` (repeated: order is meaning). An absent number is 0, an absent string "",
 * an absent block all of its defaults. An unknown, misplaced or doubled tag, a bad length, a missing NUL, trailing bytes
 * and any depth beyond 4 are EBADMSG: both ends are of one version, or the hello said otherwise.
 *
 * A spec (sandbox, container, exec) is one envelope in a sealed memfd (F_SEAL_SEAL|SHRINK|GROW|WRITE), at most
 * NSR_SPEC_MAX bytes, whose descriptor goes with the message by SCM_RIGHTS; an exec's, which is short as a rule and often wanted,
 * may be a field of its message. A message is one SEQPACKET packet.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_WIRE_H
#define NSR_WIRE_H

#include <stdint.h>

#define NSR_WIRE_MAGIC 0x3152534eu /* "NSR1" */
#define NSR_WIRE_VERSION 1
#define NSR_MESSAGE_MAX 8192 /* a termination message (4096) and its record fit */
#define NSR_SPEC_MAX (16u << 20)
#define NSR_MESSAGE_FDS 4

struct nsr_envelope {
	uint32_t magic;
	uint16_t version;
	uint16_t kind; /* enum nsr_kind */
	uint64_t id; /* of the command, chosen by the caller; 0 in specs and in records */
	uint32_t length; /* of the block */
	uint32_t zero;
};

/* Kinds. "-> X" is the answer on success; ERROR {STEP, ERRNO, PATH} otherwise. Answers repeat the id. A command whose id the
 * shim has answered before gets that first answer again and nothing is done twice (controller only; ids of one
 * controller lineage never repeat). Descriptors are named in the order in which they travel. */
#define NSR_KINDS(X) \
	/* specs */ \
	X(SANDBOX_SPEC, 1) X(CONTAINER_SPEC, 2) X(EXEC_SPEC, 3) \
	/* caller to shim */ \
	X(HELLO, 16) /* {ROLE} -> CONTAINER_INFO for each running container, then WELCOME. Must be the first message. */ \
	X(CREATE_SANDBOX, 17) /* fd: spec -> OK {PID of pause, ATTEMPT} */ \
	X(STOP_SANDBOX, 18) /* {ATTEMPT}: kills all that is left, then pause; volumes stay -> OK, when all are reaped */ \
	X(START_CONTAINER, 19) /* fd: spec -> OK {CONTAINER_ID, PID, STARTED} once execve has succeeded */ \
	X(SIGNAL, 20) /* {CONTAINER_ID, SIGNAL, WHOLE}: WHOLE 0: the first process, 1 (SIGKILL only): everything in its cgroup -> OK, also when it is gone. \
		       * SIGKILL to one that is only prepared, or to be: it vanishes. */ \
	X(REMOVE_CONTAINER, 21) /* {CONTAINER_ID}: forget a dead instance: its logs, link and layers -> OK, when they are gone */ \
	X(REMOVE_POD, 22) /* everything that is left, directories too -> OK, then the shim exits */ \
	X(EXEC, 23) /* {SPEC}, fds: [spec when there is no SPEC][, stdin, stdout, stderr when it has no OUTPUT_LIMIT and no TTY] -> OK {PID}[, fd: pty master with TTY] unless ATTACHED; EXEC_FINISHED follows */ \
	X(RESIZE, 24) /* {EXEC_ID or CONTAINER_ID, ROWS, COLUMNS} -> OK */ \
	X(KILL_EXEC, 25) /* {EXEC_ID}: its whole tree -> OK */ \
	X(ATTACH, 26) /* {CONTAINER_ID, STREAMS}, fds: those of stdin, stdout, stderr whose bit (1, 2, 4) is set -> OK; ATTACH_ENDED follows */ \
	X(ACKNOWLEDGE, 27) /* {RECORD}: no answer */ \
	X(LIST, 28) /* -> CONTAINER_INFO each, then WELCOME */ \
	X(OPEN_VOLUME, 29) /* {NAME} -> OK, fd: its directory (O_PATH|O_DIRECTORY) */ \
	X(PREPARE_CONTAINER, 30) /* {[CONTAINER_ID]}, fd: spec, of a start that will be asked for: all of it but execve is done, with CONTAINER_ID when that \
				 * one has ended by itself; no answer. A failure leaves no trace: the start is made anew then, or when its spec is \
				 * another. Given up after the time that a start may take. */ \
	/* shim to caller: answers */ \
	X(OK, 64) X(ERROR, 65) \
	X(WELCOME, 66) /* {UID, ATTEMPT and PID of pause when there is a sandbox} */ \
	X(CONTAINER_INFO, 67) /* {CONTAINER_ID, NAME, ATTEMPT, PID, STARTED} */ \
	/* shim to controller: records, sent again to each new controller until acknowledged */ \
	X(CONTAINER_EXITED, 80) /* {RECORD, CONTAINER_ID, NAME, ATTEMPT, EXIT_CODE, OOM_KILLED, STARTED, FINISHED, MESSAGE} */ \
	X(SANDBOX_DIED, 81) /* {RECORD, ATTEMPT}: after the CONTAINER_EXITED of every container */ \
	/* to whoever asked (a controller's stay until acknowledged unless ATTACHED; another's end with its connection, and so does its exec) */ \
	X(EXEC_FINISHED, 82) /* {RECORD, EXEC_ID, EXIT_CODE, TIMED_OUT, STEP, ERRNO, PATH}[, fd: memfd with the output when OUTPUT_LIMIT and there is any] */ \
	X(ATTACH_ENDED, 83) /* {EXEC_ID = id of the ATTACH, REASON: "exited", "slow", or "closed" when all of the client's ends are gone} */

enum nsr_kind {
#define NSR_X(name, number) NSR_KIND_##name = (number),
	NSR_KINDS(NSR_X)
#undef NSR_X
};

#define NSR_ROLE_CONTROLLER 1 /* one per shim: a newer one takes over and the older one's socket is closed */
#define NSR_ROLE_CLIENT 2 /* any number up to 16: HELLO, LIST, EXEC, RESIZE, KILL_EXEC of its own, ATTACH only */

/* Tags: name, number, payload. Where each may stand is said by the blocks below. */
#define NSR_TAGS(X) \
	/* messages */ \
	X(ROLE, 1, U32) X(ATTEMPT, 2, U32) X(PID, 3, U32) X(CONTAINER_ID, 4, STRING) X(SIGNAL, 5, U32) X(WHOLE, 6, U32) \
	X(EXEC_ID, 7, U64) X(ROWS, 8, U32) X(COLUMNS, 9, U32) X(STREAMS, 10, U32) X(RECORD, 11, U64) X(NAME, 12, STRING) \
	X(UID, 13, STRING) X(STEP, 14, U32) X(ERRNO, 15, U32) X(PATH, 16, STRING) X(EXIT_CODE, 17, U32) X(OOM_KILLED, 18, U32) \
	X(STARTED, 19, BLOCK) X(FINISHED, 20, BLOCK) X(BOOTTIME_NS, 21, U64) X(REALTIME_NS, 22, U64) /* a stamp: {BOOTTIME_NS, REALTIME_NS} */ \
	X(MESSAGE, 23, BYTES) X(TIMED_OUT, 24, U32) X(REASON, 25, STRING) X(SPEC, 26, BYTES) \
	/* SANDBOX_SPEC: UID ATTEMPT RUN_DIR STATE_DIR LOGS_DIR LINKS_DIR OWNER_PID OWNER_START NETWORK IPC PID_MODE HOSTNAME ADDRESS \
	 * SYSCTL* VOLUME* FILE* SHM_SIZE CGROUP OOM_SCORE_ADJ */ \
	X(RUN_DIR, 32, STRING) X(STATE_DIR, 33, STRING) X(LOGS_DIR, 34, STRING) X(LINKS_DIR, 35, STRING) \
	X(OWNER_PID, 36, U32) /* 0: the daemon's, stays */ X(OWNER_START, 37, U64) \
	X(NETWORK, 38, U32) /* enum nsr_ns */ X(IPC, 39, U32) X(PID_MODE, 40, U32) X(HOSTNAME, 41, STRING) \
	X(ADDRESS, 42, STRING) /* "192.0.2.1/32" or IPv6 */ X(SYSCTL, 43, BLOCK) /* {NAME, VALUE} */ X(VALUE, 44, STRING) \
	X(VOLUME, 45, BLOCK) /* {KIND, NAME, [PATH, TYPE of a hostPath], [SIZE of a tmpfs]} */ X(KIND, 46, U32) /* enum nsr_volume_kind, nsr_mount_kind */ \
	X(TYPE, 47, STRING) X(SIZE, 48, U64) X(FILE, 49, BLOCK) /* {NAME, TARGET, CONTENT, MODE} */ X(TARGET, 50, STRING) \
	X(CONTENT, 51, BYTES) X(MODE, 52, U32) X(SHM_SIZE, 53, U64) X(CGROUP, 54, STRING) X(OOM_SCORE_ADJ, 55, I64) \
	/* CONTAINER_SPEC: NAME ATTEMPT CONTAINER_ID ROOT ARG* ENV* CWD MOUNT* MASKED* READONLY* CREDENTIALS PRIVILEGED RLIMIT* \
	 * OOM_SCORE_ADJ TTY STDIN STDIN_ONCE LOG TERMINATION_PATH TARGET_ID */ \
	X(ROOT, 64, BLOCK) /* {LOWER, READ_ONLY, SUBMOUNT*, PRIVATE*} */ X(LOWER, 65, STRING) X(READ_ONLY, 66, U32) \
	X(SUBMOUNT, 67, BLOCK) /* {PATH, OVERLAY} */ X(OVERLAY, 68, U32) X(PRIVATE, 69, STRING) X(ARG, 70, STRING) X(ENV, 71, STRING) \
	X(CWD, 72, STRING) X(MOUNT, 73, BLOCK) /* {KIND, SOURCE, TARGET, NAME, SUB_PATH, READ_ONLY, RECURSIVE, PROPAGATION, CREATE, SIZE, MODE} */ \
	X(SOURCE, 74, STRING) X(SUB_PATH, 75, STRING) X(RECURSIVE, 76, U32) X(PROPAGATION, 77, U32) /* enum nsr_propagation */ X(CREATE, 78, U32) \
	X(MASKED, 79, STRING) X(READONLY, 80, STRING) \
	X(CREDENTIALS, 81, BLOCK) /* {USER, GROUP, SUPPLEMENTARY*, BOUNDING, PERMITTED, AMBIENT, NO_NEW_PRIVS, SECCOMP, SECCOMP_FLAGS} */ \
	X(USER, 82, U32) X(GROUP, 83, U32) X(SUPPLEMENTARY, 84, U32) X(BOUNDING, 85, U64) X(PERMITTED, 86, U64) X(AMBIENT, 87, U64) \
	X(NO_NEW_PRIVS, 88, U32) X(SECCOMP, 89, BYTES) /* struct sock_filter[] */ X(SECCOMP_FLAGS, 90, U32) X(PRIVILEGED, 91, U32) \
	X(RLIMIT, 92, BLOCK) /* {RESOURCE, SOFT, HARD} */ X(RESOURCE, 93, U32) X(SOFT, 94, U64) X(HARD, 95, U64) \
	X(TTY, 96, U32) X(STDIN, 97, U32) X(STDIN_ONCE, 98, U32) \
	X(LOG, 99, BLOCK) /* {DIRECTORY, FILE_NAME, LINK, MAX_SIZE, MAX_FILES} */ X(DIRECTORY, 100, STRING) X(FILE_NAME, 101, STRING) \
	X(LINK, 102, STRING) X(MAX_SIZE, 103, I64) X(MAX_FILES, 104, U32) X(TERMINATION_PATH, 105, STRING) \
	X(TARGET_ID, 106, STRING) /* of the running container whose pid namespace it joins */ \
	/* EXEC_SPEC: CONTAINER_ID ARG* ENV* TTY ROWS COLUMNS TIMEOUT_MS OUTPUT_LIMIT ATTACHED */ \
	X(TIMEOUT_MS, 112, U64) X(OUTPUT_LIMIT, 113, U64) \
	X(ATTACHED, 114, U32) /* a controller's, too, ends with its connection; no OK: ERROR, or EXEC_FINISHED without a record */

enum nsr_tag {
#define NSR_X(name, number, payload) NSR_TAG_##name = (number),
	NSR_TAGS(NSR_X)
#undef NSR_X
};

enum nsr_ns { NSR_NS_OWN = 0 /* the pod's; for PID_MODE each container's */, NSR_NS_POD = 1 /* PID_MODE: shared in the pod */, NSR_NS_HOST = 2 };
enum nsr_volume_kind { NSR_VOLUME_EMPTY_DIR = 1, NSR_VOLUME_MEMORY_DIR = 2, NSR_VOLUME_HOST_PATH = 3 };
enum nsr_mount_kind { NSR_MOUNT_BIND = 1, NSR_MOUNT_TMPFS = 2 };
enum nsr_propagation { NSR_PROPAGATION_NONE = 0, NSR_PROPAGATION_HOST_TO_CONTAINER = 1, NSR_PROPAGATION_BIDIRECTIONAL = 2 };

#endif
