/* program.c - see program.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program.h"

int nsr_reset_signals(struct nsr_error *e)
{
	/* What the kernel takes: libc refuses the two signals that it uses itself. */
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} action = {NULL, 0, NULL, 0};
	uint64_t empty = 0;

	for (int number = 1; number <= 64; number++)
		if (number != SIGKILL && number != SIGSTOP && syscall(SYS_rt_sigaction, number, &action, NULL, sizeof(empty)) < 0)
			return nsr_fail(e, NSR_STEP_SIGNALS, errno, "");
	if (syscall(SYS_rt_sigprocmask, SIG_SETMASK, &empty, NULL, sizeof(empty)) < 0)
		return nsr_fail(e, NSR_STEP_SIGNALS, errno, "");
	return 0;
}

static const char *find_path(const char *const *env)
{
	const char *path = NULL;

	for (; env && *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			path = *env + 5;
	return path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static int exec_lookup(const char *const *args, const char *const *env, struct nsr_error *e)
{
	const char *name = args[0], *path = find_path(env);
	size_t name_length = strlen(name);
	char file[PATH_MAX];
	int err = ENOENT;

	for (;;) {
		size_t length = strcspn(path, ":");

		/* An empty entry would mean the working directory: not looked at. */
		if (length > 0 && length + 1 + name_length < sizeof(file)) {
			memcpy(file, path, length);
			file[length] = '/';
			memcpy(file + length + 1, name, name_length + 1);
			execve(file, (char *const *)(uintptr_t)args, (char *const *)(uintptr_t)env);
			if (errno == ENOEXEC || errno == E2BIG || errno == ENOMEM || errno == ETXTBSY)
				return nsr_fail(e, NSR_STEP_EXEC, errno, file);
			if (errno == EACCES)
				err = EACCES;
		}
		if (path[length] == '\0')
			return nsr_fail(e, NSR_STEP_EXEC_LOOKUP, err, name);
		path += length + 1;
	}
}

int nsr_run_program(const char *const *args, const char *const *env, struct nsr_error *e)
{
	if (!strchr(args[0], '/'))
		return exec_lookup(args, env, e);
	execve(args[0], (char *const *)(uintptr_t)args, (char *const *)(uintptr_t)env);
	return nsr_fail(e, NSR_STEP_EXEC, errno, args[0]);
}
