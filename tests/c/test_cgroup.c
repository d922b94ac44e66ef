/* test_cgroup.c - whole trees of processes killed and cgroups removed, with cgroup.kill and as kernels before 5.14 have to; the device
 * filter. Needs root and a cgroup2 hierarchy.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "check.h"
#include "clone.h"
#include "device_filter.h"
#include "runtime.h"
#include "util.h"


static char top[64], mine[64]; /* of this run alone */

static int find_top(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < 2; i++) {
		struct statfs fs;

		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return snprintf(top, sizeof(top), "%s", places[i]);
	}
	return 0;
}

static int ready; /* pipe that each process writes a byte to */

/* Two levels of children that ignore all that can be ignored; the last in a cgroup of its own. */
static void forker(void *arg)
{
	sigset_t all;
	struct nsr_error e;

	if (nsr_clone_join_cgroup(arg, &e) < 0)
		_exit(1);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 4; i++)
		(void)fork();
	(void)!write(ready, "x", 1);
	for (;;)
		pause();
}

static void test_kill(void)
{
	struct nsr_clone c = {.pid_ns_of = -1};
	struct nsr_error e;
	int parent = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), pipes[2], group, events, deep, status;
	char path[192], byte[16];

	CHECK(parent >= 0);
	CHECK_EQUAL(nsr_cgroup_remove(parent, mine, &e), 0); /* of a run that failed */
	(void)snprintf(path, sizeof(path), "%s/%s/a/b", top, mine);
	group = nsr_cgroup_open(path, &e);
	CHECK(group >= 0);
	deep = nsr_cgroup_make(group, "deep", &e);
	CHECK(deep >= 0);
	CHECK_EQUAL(nsr_cgroup_empty(group), 1);
	events = openat(group, "cgroup.events", O_RDONLY | O_CLOEXEC);
	CHECK_EQUAL(nsr_cgroup_events_empty(events), 1);
	CHECK_EQUAL(pipe2(pipes, O_CLOEXEC), 0);
	ready = pipes[1];
	c.cgroup_fd = deep;
	CHECK_EQUAL(nsr_clone(&c, forker, &c, &e), 0);
	for (int got = 0; got < 16;) {
		ssize_t n = read(pipes[0], byte, sizeof(byte));

		CHECK(n > 0);
		got += (int)n;
	}
	CHECK_EQUAL(nsr_cgroup_empty(group), 0);
	CHECK_EQUAL(nsr_cgroup_events_empty(events), 0);
	CHECK_EQUAL(nsr_pidfd_pid(c.pidfd), c.pid);
	CHECK_EQUAL(nsr_cgroup_kill(group, &e), 0);
	CHECK_EQUAL(waitpid(c.pid, &status, 0), c.pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK_EQUAL(nsr_pidfd_pid(c.pidfd), -ESRCH);
	CHECK_EQUAL(nsr_cgroup_remove(parent, mine, &e), 0); /* waits until the orphans are gone */
	CHECK(access(path, F_OK) < 0);
	CHECK_EQUAL(nsr_cgroup_empty(group), 1); /* removed counts as empty */
	CHECK_EQUAL(nsr_cgroup_events_empty(events), -ENODEV);
	nsr_close(&events);
	CHECK_EQUAL(nsr_cgroup_remove(parent, mine, &e), 0);
	CHECK_EQUAL(close(parent) | close(group) | close(deep) | close(pipes[0]) | close(pipes[1]) | close(c.pidfd), 0);
}

static void test_refused(void)
{
	struct nsr_error e;

	CHECK_EQUAL(nsr_cgroup_open("/tmp", &e), -EOPNOTSUPP);
	CHECK_EQUAL(e.step, NSR_STEP_CGROUP);
}

/* Device nodes of all kinds: what opens is what the filter lets through. */
static void try_devices(void *arg)
{
	(void)arg;
	umask(0);
	if (chdir("/tmp") < 0 || mkdir(mine, 0700) < 0 || chdir(mine) < 0)
		_exit(1);
	(void)unlink("nsr-test-node");
	if (mknod("nsr-test-node", S_IFCHR | 0600, makedev(1, 1)) < 0) /* /dev/mem */
		_exit(2);
	if (open("nsr-test-node", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
		_exit(3);
	(void)unlink("nsr-test-node");
	if (mknod("nsr-test-node", S_IFBLK | 0600, makedev(1, 3)) < 0) /* ram3, by the numbers of null */
		_exit(4);
	if (open("nsr-test-node", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
		_exit(5);
	(void)unlink("nsr-test-node");
	if (chdir("..") < 0 || rmdir(mine) < 0)
		_exit(7);
	if (open("/dev/null", O_RDWR | O_CLOEXEC) < 0 || open("/dev/urandom", O_RDONLY | O_CLOEXEC) < 0)
		_exit(6);
	_exit(0);
}

static void test_device_filter(void)
{
	struct nsr_clone c = {.pid_ns_of = -1};
	struct nsr_error e;
	struct rlimit limit;
	int parent = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), status, filter;

	c.cgroup_fd = nsr_cgroup_make(parent, mine, &e);
	CHECK(c.cgroup_fd >= 0);
	if (nsr_device_filter_probe(c.cgroup_fd) == 1) {
		/* Kernels before 5.11 charge programs to this limit. */
		CHECK_EQUAL(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
		limit.rlim_cur = 0;
		CHECK_EQUAL(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		CHECK(!nsr_device_filter_take(parent)); /* no filter at all */
		CHECK_EQUAL(nsr_device_filter_attach(c.cgroup_fd, &e), 0);
		/* What one process has loaded another takes as it is. */
		CHECK_EQUAL(nsr_device_filter_shared(), nsr_device_filter_load(&e));
		filter = dup(nsr_device_filter_shared());
		CHECK(nsr_device_filter_take(filter));
		CHECK_EQUAL(nsr_device_filter_load(&e), filter);
		CHECK_EQUAL(nsr_clone(&c, try_devices, NULL, &e), 0);
		CHECK_EQUAL(waitpid(c.pid, &status, 0), c.pid);
		CHECK_EQUAL(status, 0);
		CHECK_EQUAL(close(c.pidfd), 0);
	} else
		(void)fprintf(stderr, "no device filter here: not tested\n");
	CHECK_EQUAL(nsr_cgroup_remove(parent, mine, &e), 0);
	CHECK_EQUAL(close(parent) | close(c.cgroup_fd), 0);
}

int main(void)
{
	if (geteuid() != 0 || !find_top())
		return 77;
	(void)snprintf(mine, sizeof(mine), "nsr-test-cgroup.%d", (int)getpid());
	test_refused();
	test_kill();
	test_device_filter();
	nsr_force_fallback = NSR_FALLBACK_CGROUP_KILL;
	test_kill();
	nsr_force_fallback |= NSR_FALLBACK_INTO_CGROUP;
	test_kill();
	return 0;
}
