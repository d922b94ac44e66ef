/* aside.c - nsr_aside_*() of runtime.h: work that takes long, in a child.
 *
 * The child is a copy of the caller, so it may use what the caller's memory holds as it was at this moment. What it must not keep
 * is the caller's descriptors: a pipe, a terminal or a connection would stay open in its hands.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clone.h"
#include "runtime.h"
#include "util.h"

#define FIRST 3 /* the standard streams stay: they are /dev/null */

struct job {
	const struct nsr_pod *pod;
	int (*work)(void *arg, struct nsr_error *e);
	void *arg;
	struct nsr_error *told;
	pid_t caller;
};

static int close_but(const int *kept, size_t count)
{
	int from = FIRST;

	for (;;) {
		int next = -1;

		for (size_t i = 0; i < count; i++)
			if (kept[i] >= from && (next < 0 || kept[i] < next))
				next = kept[i];
		if (next < 0)
			return syscall(SYS_close_range, (unsigned)from, ~0u, 0u) < 0 ? -errno : 0;
		if (next > from && syscall(SYS_close_range, (unsigned)from, (unsigned)next - 1, 0u) < 0)
			return -errno;
		from = next + 1;
	}
}

static void child(void *arg)
{
	const struct job *job = arg;
	const struct nsr_pod *pod = job->pod;
	const int kept[] = {pod->run_fd, pod->state_fd, pod->logs_fd, pod->cgroup_fd, pod->files_fd, pod->shm_fd, pod->host_mnt_fd};
	struct nsr_error e = {0};
	int r;

	/* With the caller it ends: nobody would hear how it went, and whoever cleans up after the caller does this, too. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != job->caller)
		_exit(127);
	(void)prctl(PR_SET_NAME, "nsrunner-aside"); /* for ps(1) */
	if (close_but(kept, sizeof(kept) / sizeof(kept[0])) < 0)
		_exit(127);
	r = job->work(job->arg, &e);
	if (r < 0)
		*job->told = e;
	_exit(r < 0);
}

int nsr_aside_spawn(struct nsr_aside *aside, const struct nsr_pod *pod, int (*work)(void *arg, struct nsr_error *e), void *arg,
		    struct nsr_error *e)
{
	void *shared = mmap(NULL, sizeof(*aside->told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct job job = {.pod = pod, .work = work, .arg = arg, .told = shared, .caller = getpid()};
	struct nsr_clone clone = {.cgroup_fd = -1, .pid_ns_of = -1};
	int r;

	if (shared == MAP_FAILED)
		return nsr_fail(e, NSR_STEP_MEMORY, errno, "");
	r = nsr_clone(&clone, child, &job, e);
	if (r < 0) {
		(void)munmap(shared, sizeof(*aside->told)); /* it was mapped so */
		return r;
	}
	nsr_close(&clone.pidfd); /* it is the caller's child, which the caller reaps */
	*aside = (struct nsr_aside){.pid = clone.pid, .told = shared};
	return 0;
}

void nsr_aside_close(struct nsr_aside *aside)
{
	if (aside->told)
		(void)munmap(aside->told, sizeof(*aside->told)); /* it was mapped so */
	*aside = (struct nsr_aside){0};
}
