/* test_orphan.c - a shim that dies right after a clone: what it cloned was not told yet to die with it, and ends all the same.
 * Needs root. Argument: pause executable.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sandbox.h"
#include "util.h"

#define ROUNDS 20
#define PATIENCE_MS 10000

static void one_round(struct test_pod *t, pid_t *orphan)
{
	struct pollfd ended = {.events = POLLIN};
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		struct nsr_spawned pause;
		struct nsr_error e;

		*orphan = nsr_pause_spawn(&t->pod, &pause, &e) < 0 ? -1 : pause.pid;
		_exit(0);
	}
	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	CHECK(*orphan > 0);
	/* It is ours now, and a zombie at the latest until we wait for it: the number is no other's. */
	ended.fd = (int)syscall(SYS_pidfd_open, *orphan, 0);
	CHECK(ended.fd >= 0);
	CHECK_EQUAL(poll(&ended, 1, PATIENCE_MS), 1);
	CHECK_EQUAL(waitpid(*orphan, &status, __WALL), *orphan);
	CHECK_EQUAL(close(ended.fd), 0);
}

int main(int argc, char **argv)
{
	char base[64];
	pid_t *orphan;
	struct test_pod t;

	if (geteuid() != 0)
		return 77;
	CHECK_EQUAL(unshare(CLONE_NEWNS), 0);
	CHECK_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	CHECK_EQUAL(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	orphan = mmap(NULL, sizeof(*orphan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(orphan != MAP_FAILED);
	(void)snprintf(base, sizeof(base), "/tmp/nsr-test-orphan.%d", (int)getpid());
	test_pod_start(&t, base, argc > 1 ? argv[1] : "csrc/nsrunner-pause", "", 0);
	for (int round = 0; round < ROUNDS; round++)
		one_round(&t, orphan);
	test_pod_stop(&t);
	return 0;
}
