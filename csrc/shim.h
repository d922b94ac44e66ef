/* shim.h - what the shim's files share: the pod it keeps, who is connected, what has been answered.
 *
 *   session.c    connections: who may connect, messages in, messages out
 *   commands.c   a message becomes a call of one of the files below, and its answer
 *   answers.c    first answers, for repeated commands        records.c   exits and results, until acknowledged
 *   sandbox.c    pause, stopping, removing                   instance.c  one container instance's life; starting.c: its beginning, successor.c: what follows
 *   removal.c    what is removed from disk, in a child
 *   streams.c    its standard streams                        output.c    what it writes: log and attached
 *   attach.c     who is attached and feeds its stdin
 *   exec_session.c execs        exec_place.c their cgroups    spawning.c  a process on its way to execve; reaping
 *   owner.c      whose pod it is
 *
 * The rule of ownership: a session that goes away while its message is handled is only marked and freed by nsr_sessions_sweep()
 * after the turn of the loop; everything else is freed where it ends, because a turn handles one event.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_SHIM_H
#define NSR_SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "logs.h"
#include "loop.h"
#include "records.h"
#include "request.h"
#include "runtime.h"
#include "wire_writer.h"

#define NSR_INSTANCES_MAX 512u /* living and dead ones that are not removed yet */
#define NSR_EXECS_MAX 128u
#define NSR_CLIENTS_MAX 16u
#define NSR_SINKS 16u
#define NSR_WAITING_MAX 8u /* commands for one end: a controller that asks more often than that has lost count */
#define NSR_SPAWN_TIMEOUT_MS 30000u /* set-up of a process, to its execve */
#define NSR_LONELY_MS 10000u /* without a sandbox and a controller */
#define NSR_HELLO_MS 10000u
#define NSR_GIVE_UP_MS 10000u /* a process that SIGKILL does not end holds up the removal of the pod no longer */

struct nsr_shim;
struct nsr_instance;
struct nsr_session;

/* One moment on both clocks. */
struct nsr_stamp {
	uint64_t boottime_ns, realtime_ns;
};

/* Where the answer to a command goes. Not a pointer: the session may be gone by then. */
struct nsr_reply {
	uint64_t id; /* 0: nobody waits */
	uint32_t session; /* serial number */
	bool controller; /* its answer is kept */
};

/* All that wait for the same. */
struct nsr_replies {
	struct nsr_reply list[NSR_WAITING_MAX];
	uint32_t count;
};

/* --- spawning.c --- */

/* A process on its way to execve, watched until it runs or has failed. */
struct nsr_spawning {
	struct nsr_spawning *next;
	struct nsr_shim *shim;
	struct nsr_spawned process;
	struct nsr_watch watch;
	struct nsr_timer timeout;
	bool active;
	bool quiet; /* set before it is watched: news is looked for when some process has ended, not when it comes */
	/* progress is RUNNING or FAILED; the channel is closed by then, the other descriptors of `process` are the callee's. */
	void (*done)(struct nsr_spawning *spawning, enum nsr_progress progress, const struct nsr_error *e);
};

int nsr_spawning_watch(struct nsr_shim *shim, struct nsr_spawning *spawning,
		       void (*done)(struct nsr_spawning *, enum nsr_progress, const struct nsr_error *), struct nsr_error *e);
/* The time for it begins anew. */
void nsr_spawning_renew(struct nsr_spawning *spawning);
/* SIGKILL as far as the process is known; it then fails by itself. */
void nsr_spawning_kill(struct nsr_spawning *spawning);
/* Reaps every child that has ended and tells whom it belonged to. */
void nsr_reap(struct nsr_shim *shim);
void nsr_process_ended(struct nsr_shim *shim, pid_t pid, uint32_t exit_code); /* one that is reaped: whose was it? */
/* SIGKILL to every child but the remover: strays that came to the shim as their reaper. */
void nsr_kill_children(const struct nsr_shim *shim);
void nsr_kill(int pidfd, pid_t pid, int signal);
struct nsr_stamp nsr_stamp_now(void);

/* --- session.c --- */

struct nsr_packet;

struct nsr_session {
	struct nsr_session *next;
	struct nsr_shim *shim;
	struct nsr_watch watch;
	struct nsr_timer hello;
	uint32_t serial, role; /* role 0: no hello yet */
	int fd, pidfd;
	bool broken; /* to be closed after this turn */
	struct nsr_packet *queue; /* oldest first */
	uint32_t queued;
};

void nsr_session_accept(struct nsr_watch *watch, uint32_t events);
int nsr_session_open(struct nsr_shim *shim, int fd, int pidfd); /* takes both, unless it fails */
struct nsr_session *nsr_session_find(struct nsr_shim *shim, uint32_t serial);
/* Queues what the socket does not take; a session whose queue is full is dropped. The descriptor stays the caller's; -1: none. */
void nsr_session_send(struct nsr_session *session, const void *message, size_t length, int fd);
void nsr_sessions_sweep(struct nsr_shim *shim);

/* --- commands.c --- */

/* One message. The descriptors are the callee's; it leaves -1 where it keeps one. */
void nsr_command(struct nsr_session *session, const void *message, size_t length, int *fds, size_t fds_count);
/* Ends a command: OK {fields that were written into nsr_answer_begin()'s writer}, or ERROR. */
struct nsr_writer *nsr_answer_begin(struct nsr_shim *shim, uint64_t id, enum nsr_kind kind);
void nsr_answer_send(struct nsr_shim *shim, struct nsr_reply *reply, int fd);
void nsr_answer_ok(struct nsr_shim *shim, struct nsr_reply *reply);
void nsr_answer_error(struct nsr_shim *shim, struct nsr_reply *reply, const struct nsr_error *e);
/* For commands that wait for one end. A reply to nobody is not kept. */
int nsr_replies_add(struct nsr_replies *replies, struct nsr_reply reply, struct nsr_error *e);
/* Answers them all: OK, or ERROR when e is not NULL. */
void nsr_replies_send(struct nsr_shim *shim, struct nsr_replies *replies, const struct nsr_error *e);
/* Keeps what nsr_answer_begin(shim, 0, kind) began as a record, and sends it to the controller. Takes the descriptor. */
void nsr_record_send(struct nsr_shim *shim, int fd);
void nsr_write_stamp(struct nsr_writer *w, enum nsr_tag tag, struct nsr_stamp stamp);

/* --- answers.c --- */

#define NSR_ANSWERS 256u

struct nsr_answer {
	uint64_t id;
	uint32_t session; /* that asked last */
	uint32_t length; /* 0: not answered yet */
	uint8_t bytes[];
};

struct nsr_answers {
	struct nsr_answer *ring[NSR_ANSWERS];
	uint32_t next;
};

/* Of the last NSR_ANSWERS commands of controllers; NULL: a new one. */
struct nsr_answer *nsr_answers_find(struct nsr_answers *answers, uint64_t id);
int nsr_answers_begin(struct nsr_answers *answers, uint64_t id, uint32_t session);
/* Keeps the answer of a command that was begun; what has left the table is not kept. */
void nsr_answers_keep(struct nsr_answers *answers, uint64_t id, const void *bytes, size_t length);
void nsr_answers_clear(struct nsr_answers *answers);

/* --- removal.c --- */

/* Something to be removed. It lies inside of whatever it is about. */
struct nsr_removal {
	struct nsr_removal *next;
	int (*work)(struct nsr_removal *removal, struct nsr_error *e); /* in a child: it changes nothing of the shim's memory */
	void (*done)(struct nsr_removal *removal, const struct nsr_error *e); /* NULL: it is gone */
};

/* Takes its place in the queue. It may be done at once, where no child can be had. */
void nsr_removal_add(struct nsr_shim *shim, struct nsr_removal *removal);
bool nsr_removal_exited(struct nsr_shim *shim, pid_t pid, uint32_t exit_code); /* true: it was the remover */

/* --- output.c --- */

/* One pipe (or pty) that a container writes to. */
struct nsr_output {
	struct nsr_instance *instance;
	struct nsr_watch watch;
	struct nsr_timer pause;
	struct nsr_log_stream line;
	uint64_t read_ns; /* of the last read */
	uint32_t stream; /* NSR_STREAM_* */
	int fd;
	bool watched; /* by epoll, as a pty is; a pipe tells by SIGIO */
	bool told; /* when there is something to read, by SIGIO */
	bool grown;
};

/* After SIGIO: reads from every pipe that may have sent it. */
void nsr_outputs_ready(struct nsr_shim *shim);
int nsr_output_open(struct nsr_output *output, struct nsr_instance *instance, int fd, uint32_t stream);
/* Takes what is in the pipe now, and no more, then closes it. */
void nsr_output_finish(struct nsr_output *output);
int nsr_set_nonblocking(int fd);

/* --- instance.c, starting.c --- */

enum nsr_instance_state {
	NSR_INSTANCE_QUEUED, /* pause is still being made, in whose pid namespace it is to be */
	NSR_INSTANCE_STARTING,
	NSR_INSTANCE_RUNNING,
	NSR_INSTANCE_ENDING, /* the first process is reaped, others of its cgroup are not gone */
	NSR_INSTANCE_DEAD,
	NSR_INSTANCE_REMOVING, /* its logs and layers are on their way out */
};

/* An exec's cgroup, exec-<number>. */
struct nsr_exec_place {
	uint64_t number; /* 0: none */
	bool killed;
	int cgroup_fd, events_fd; /* cgroup.events; -1: not open. Without cgroups both are. */
};

struct nsr_instance {
	struct nsr_instance *next;
	struct nsr_shim *shim;
	struct nsr_container_spec *spec;
	struct nsr_container container; /* as nsr_exec_spawn() wants it */
	enum nsr_instance_state state;
	bool held; /* prepared: to be started when somebody asks for it, or to vanish */
	bool killed; /* must not run any more */
	bool failed; /* to start; error says why */
	bool strays; /* execs have left cgroups behind, with processes in them */
	struct nsr_exec_place spare;
	struct nsr_error error;
	struct nsr_spawning spawning;
	struct nsr_reply reply; /* of its start */
	struct nsr_container_spec *anew; /* of one that is held: started when it is gone, for `reply` */
	int successor_fd; /* spec of the one that is prepared when this one has ended; -1: none */
	struct nsr_replies removers;
	struct nsr_removal removal;
	struct nsr_log log;
	struct nsr_output output[2];
	int stdio[3]; /* the container's ends, until it is spawned */
	int console, stdin_fd; /* the shim's ends */
	struct nsr_watch stdin_watch, events_watch;
	int events_fd; /* cgroup.events */
	struct nsr_stamp started, finished;
	uint32_t exit_code;
};

int nsr_instance_start(struct nsr_shim *shim, int spec_fd, struct nsr_reply reply, struct nsr_error *e);
/* All of a start but execve. */
int nsr_instance_prepare(struct nsr_shim *shim, int spec_fd, struct nsr_error *e);
/* Takes the spec. A failure is answered when what was made is gone. */
void nsr_instance_begin(struct nsr_shim *shim, struct nsr_container_spec *spec, bool held, struct nsr_reply reply);
/* Takes back what a start has made, when no process of it is left, and then answers. It may be freed by then. */
void nsr_instance_undo(struct nsr_instance *instance);
/* Its first process has ended, or must not run. */
void nsr_instance_end(struct nsr_instance *instance);
/* Pause runs (e NULL) or has failed: what is queued starts or fails. */
void nsr_instances_sandbox_ready(struct nsr_shim *shim, const struct nsr_error *e);
struct nsr_instance *nsr_instance_find(struct nsr_shim *shim, const char *id);
int nsr_instance_signal(struct nsr_instance *instance, int signal, bool whole, struct nsr_error *e);
void nsr_instance_kill(struct nsr_instance *instance);
bool nsr_instance_exited(struct nsr_shim *shim, pid_t pid, uint32_t exit_code); /* true: it was one's first process */
bool nsr_instances_alive(const struct nsr_shim *shim);
/* A dead one: logs, link, layers. Answered when they are gone. */
int nsr_instance_remove(struct nsr_instance *instance, struct nsr_reply reply, struct nsr_error *e);
/* Everything that the pod's directories do not hold (links); in the remover. */
void nsr_instances_unlink(const struct nsr_shim *shim);
/* The pod is removed, and with it all that is asked for one by one. */
void nsr_instances_forget(struct nsr_shim *shim, const struct nsr_error *e);

/* --- successor.c --- */

/* To be prepared when `of` has ended by itself; at once, when that is so. Leaves -1 where it keeps the descriptor. */
int nsr_successor_keep(struct nsr_shim *shim, const char *of, int *spec_fd, struct nsr_error *e);
void nsr_successor_prepare(struct nsr_instance *instance); /* which has ended */
/* The one with this id is not wanted any more, whosever it would have been. */
void nsr_successor_forget(const struct nsr_shim *shim, const char *id);

/* --- streams.c --- */

/* Without a tty: the container's ends into stdio, the shim's into output and stdin_fd. What is open on failure is the caller's. */
int nsr_streams_open_pipes(struct nsr_instance *instance);
int nsr_streams_open_console(struct nsr_instance *instance, int console);
/* Takes what the container wrote last. */
void nsr_streams_close(struct nsr_instance *instance);
void nsr_instance_close_stdin(struct nsr_instance *instance);
int nsr_console_resize(int console, uint32_t rows, uint32_t columns);

/* --- attach.c --- */

struct nsr_attachment;

int nsr_attach(struct nsr_instance *instance, struct nsr_reply who, uint32_t streams, int *fds, struct nsr_error *e);
/* What a container wrote, to all that are attached to it. */
void nsr_attached_write(struct nsr_instance *instance, uint32_t stream, const uint8_t *data, size_t length);
/* The container's stdin takes bytes again. */
void nsr_attached_feed(struct nsr_instance *instance);
void nsr_attached_instance_ended(struct nsr_instance *instance);
void nsr_attached_session_ended(struct nsr_shim *shim, uint32_t session);

/* --- exec_session.c --- */

struct nsr_exec;

/* The pipe of an exec that has ended before all that write to it. */
struct nsr_sink {
	struct nsr_watch watch;
	struct nsr_loop *loop; /* NULL: never used */
	int fd;
};

/* Takes the spec. fds: stdin, stdout, stderr, or none, as the spec wants it. */
int nsr_exec_start(struct nsr_session *session, struct nsr_exec_spec *spec, int *fds, size_t fds_count, struct nsr_reply reply,
		   struct nsr_error *e);
bool nsr_exec_exited(struct nsr_shim *shim, pid_t pid, uint32_t exit_code);
/* Of the controller's or of this client's. */
struct nsr_exec *nsr_exec_find(struct nsr_session *session, uint64_t id);
int nsr_exec_console(const struct nsr_exec *exec); /* -1: none */
void nsr_exec_kill(struct nsr_exec *exec);
void nsr_execs_kill(struct nsr_shim *shim, const struct nsr_instance *target); /* NULL: all */
void nsr_execs_forget(struct nsr_shim *shim, const struct nsr_instance *target);
void nsr_execs_session_ended(struct nsr_shim *shim, uint32_t session);

bool nsr_exec_runs(uint64_t number, void *shim); /* one in the cgroup of that number */

/* --- exec_place.c --- */

/* The spare one or a new one. On failure, too, it is to be left. */
int nsr_place_take(struct nsr_instance *target, struct nsr_exec_place *ret, struct nsr_error *e);
/* Nobody who was started in it is known any more: it becomes the spare one, or is removed when nobody was left behind in it, as are those
 * of earlier execs that are empty by now. The rest goes with the container's. target NULL: it has gone. */
void nsr_place_leave(struct nsr_instance *target, struct nsr_exec_place *place);
int nsr_place_empty(struct nsr_exec_place *place); /* 1, 0; negative: it cannot be known, or there is none (any more) */
void nsr_place_close(struct nsr_exec_place *place);
void nsr_place_forget(struct nsr_instance *instance); /* the spare one */

/* --- sandbox.c --- */

enum nsr_sandbox_state { NSR_SANDBOX_NONE, NSR_SANDBOX_STARTING, NSR_SANDBOX_RUNNING };

/* Why the sandbox is being taken down. A later one includes the earlier. */
enum nsr_ending { NSR_ENDING_NOT, NSR_ENDING_NEVER_BEGAN, NSR_ENDING_PAUSE_DIED, NSR_ENDING_STOP, NSR_ENDING_REMOVE };

int nsr_sandbox_create(struct nsr_shim *shim, int spec_fd, struct nsr_reply reply, struct nsr_error *e);
/* STOP or REMOVE; answered when it is done. */
int nsr_sandbox_end(struct nsr_shim *shim, enum nsr_ending ending, struct nsr_reply reply, struct nsr_error *e);
bool nsr_sandbox_exited(struct nsr_shim *shim, pid_t pid);
/* Looks whether an ending sandbox can take its next step. */
void nsr_sandbox_advance(struct nsr_shim *shim);
int nsr_sandbox_open_volume(struct nsr_shim *shim, const char *name, struct nsr_error *e); /* a descriptor */

/* --- owner.c --- */

struct nsr_owner {
	struct nsr_watch owner, peer; /* OWNER_PID of the spec; the process that connected as controller */
	int owner_fd, peer_fd;
	struct nsr_timer lonely;
};

/* -ESRCH: it has ended already. */
int nsr_owner_set(struct nsr_shim *shim, uint32_t pid, uint64_t start_time);
void nsr_owner_controller_came(struct nsr_shim *shim, int pidfd);
void nsr_owner_controller_went(struct nsr_shim *shim);
void nsr_owner_begin(struct nsr_shim *shim);

/* --- the whole --- */

struct nsr_shim {
	struct nsr_loop loop;
	int signals;
	struct nsr_watch listener_watch, signals_watch;
	struct nsr_timer listen_again;

	struct nsr_session *sessions, *controller;
	uint32_t last_serial;
	struct nsr_answers answers;
	struct nsr_records records;
	struct nsr_owner owner;
	struct nsr_writer writer; /* of the message that is put together: one at a time */

	struct nsr_pod pod;
	struct nsr_sandbox_spec *spec; /* of the last sandbox; NULL: there never was one */
	enum nsr_sandbox_state sandbox;
	enum nsr_ending ending, closing; /* closing: every process has ended, the remover is at what they leave behind */
	struct nsr_removal removal;
	struct nsr_spawning pause;
	struct nsr_reply create_reply;
	struct nsr_error create_error; /* err 0: none */
	struct nsr_replies stop_replies, remove_replies;
	struct nsr_timer give_up;
	bool pause_killed, pause_died, pod_open, given_up;

	struct nsr_removal *removals; /* the first is the remover's */
	struct nsr_aside remover;
	bool removing_here; /* without a remover */
	struct nsr_spawning *spawnings;
	struct nsr_instance *instances;
	struct nsr_exec *execs;
	struct nsr_attachment *attachments;
	uint64_t last_exec;
	struct nsr_sink sinks[NSR_SINKS];
	uint32_t next_sink;
	struct nsr_timer trim; /* of the log buffers */
	uint64_t flood_ns; /* when they were last used in full */
	bool gone; /* all is removed: leave the loop */
};

/* Sends what the controller has not got yet; called whenever its socket may take more. */
void nsr_records_flush(struct nsr_shim *shim);

#endif
