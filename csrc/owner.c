/* owner.c - whose pod it is, and what follows when they go away.
 *
 * A process's pod ends with it: the shim watches a pidfd, because a socket would stay open in the hands of a forked child. A
 * daemon's pods stay. A shim that never got a sandbox stays only as long as somebody may still send one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"
#include "util.h"

static const struct nsr_reply nobody;

static bool has_ended(int pidfd)
{
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};

	return pidfd < 0 || poll(&ended, 1, 0) != 0;
}

/* Is there a reason left for this pod to be? */
static void look(struct nsr_shim *shim)
{
	struct nsr_owner *owner = &shim->owner;

	if (!shim->spec) {
		if (has_ended(owner->peer_fd))
			(void)nsr_sandbox_end(shim, NSR_ENDING_REMOVE, nobody, NULL); /* nobody waits */
	} else if (shim->spec->owner_pid > 0 && has_ended(owner->owner_fd)) {
		(void)nsr_sandbox_end(shim, NSR_ENDING_REMOVE, nobody, NULL); /* nobody waits */
	}
}

static void on_owner_ended(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_shim *shim = nsr_container_of(watch, struct nsr_shim, owner.owner);

	(void)events; /* a pidfd tells nothing else */
	nsr_watch_remove(&shim->loop, watch);
	look(shim);
}

static void on_peer_ended(struct nsr_watch *watch, uint32_t events)
{
	struct nsr_shim *shim = nsr_container_of(watch, struct nsr_shim, owner.peer);

	(void)events; /* a pidfd tells nothing else */
	nsr_watch_remove(&shim->loop, watch);
	look(shim);
}

static void on_lonely(struct nsr_timer *timer)
{
	struct nsr_shim *shim = nsr_container_of(timer, struct nsr_shim, owner.lonely);

	if (!shim->spec && !shim->controller)
		(void)nsr_sandbox_end(shim, NSR_ENDING_REMOVE, nobody, NULL); /* nobody waits */
}

/* Field 22 of /proc/PID/stat; the second, the name in parentheses, may hold anything, so it is counted from the last ')'. */
static int read_start_time(uint32_t pid, uint64_t *ret)
{
	char path[sizeof("/proc//stat") + 21] = "/proc/", text[1024];
	char *at, *end;
	ssize_t length;

	(void)nsr_format_u64(path + strlen(path), pid);
	(void)strcat(path, "/stat"); /* the array has room for it */
	length = nsr_read_at(-1, path, text, sizeof(text));
	if (length < 0)
		return (int)length;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at + 1, ' ');
	}
	if (!at)
		return -EBADMSG;
	end = strchr(at + 1, ' ');
	if (end)
		*end = '\0';
	return nsr_parse_u64(at + 1, UINT64_MAX, ret);
}

int nsr_owner_set(struct nsr_shim *shim, uint32_t pid, uint64_t start_time)
{
	struct nsr_owner *owner = &shim->owner;
	cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	uint64_t found;
	int r;

	if (pidfd < 0)
		return -errno;
	/* The descriptor first: if the number has passed to another process, the start time tells. */
	r = read_start_time(pid, &found);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	if (found != start_time)
		return -ESRCH;
	nsr_watch_remove(&shim->loop, &owner->owner);
	nsr_close(&owner->owner_fd);
	r = nsr_watch_add(&shim->loop, &owner->owner, pidfd, EPOLLIN, on_owner_ended);
	if (r == 0)
		owner->owner_fd = steal_fd(&pidfd);
	return r;
}

static void watch_peer(struct nsr_shim *shim, int pidfd)
{
	struct nsr_owner *owner = &shim->owner;

	nsr_watch_remove(&shim->loop, &owner->peer);
	nsr_close(&owner->peer_fd);
	owner->peer_fd = pidfd;
	if (pidfd >= 0)
		(void)nsr_watch_add(&shim->loop, &owner->peer, pidfd, EPOLLIN, on_peer_ended); /* or the timer finds it */
}

void nsr_owner_controller_came(struct nsr_shim *shim, int pidfd)
{
	nsr_timer_cancel(&shim->loop, &shim->owner.lonely);
	watch_peer(shim, pidfd);
}

void nsr_owner_controller_went(struct nsr_shim *shim)
{
	nsr_timer_arm(&shim->loop, &shim->owner.lonely, NSR_LONELY_MS, on_lonely);
	look(shim);
}

void nsr_owner_begin(struct nsr_shim *shim)
{
	shim->owner = (struct nsr_owner){.owner_fd = -1, .peer_fd = -1, .owner.fd = -1, .peer.fd = -1};
	/* Nobody stands for the pod yet: the parent is a passing one (nsr_shim_spawn), and its end means nothing. */
	nsr_timer_arm(&shim->loop, &shim->owner.lonely, NSR_LONELY_MS, on_lonely);
}
