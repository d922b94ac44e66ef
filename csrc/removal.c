/* removal.c - what is removed from disk, one thing after the other, in a child: a container may leave a million files, and the logs,
 * execs and exits of all others must not wait for them.
 *
 * One child at a time, so that a pod whose containers all end makes no crowd, and so that what is asked for later (the pod's
 * directories) begins when what lies in them (an instance's) is done.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "shim.h"

static int work(void *arg, struct nsr_error *e)
{
	struct nsr_removal *removal = arg;

	return removal->work(removal, e);
}

static void finish(struct nsr_shim *shim, const struct nsr_error *e)
{
	struct nsr_removal *removal = shim->removals;

	shim->removals = removal->next;
	removal->done(removal, e); /* may free it, and may add others */
}

/* In the shim itself: others wait then, but nothing is left behind. */
static void remove_here(struct nsr_shim *shim)
{
	struct nsr_removal *removal = shim->removals;
	struct nsr_error e = {0};
	int r;

	shim->removing_here = true;
	r = removal->work(removal, &e);
	finish(shim, r < 0 ? &e : NULL);
	shim->removing_here = false;
}

/* Begins with the first one, unless that is being worked on. */
static void begin(struct nsr_shim *shim)
{
	while (shim->removals && shim->remover.pid == 0 && !shim->removing_here) {
		struct nsr_error ignored;

		if (nsr_aside_spawn(&shim->remover, &shim->pod, work, shim->removals, &ignored) == 0)
			return;
		remove_here(shim); /* no process to be had, no memory */
	}
}

void nsr_removal_add(struct nsr_shim *shim, struct nsr_removal *removal)
{
	struct nsr_removal **at = &shim->removals;

	while (*at)
		at = &(*at)->next;
	removal->next = NULL;
	*at = removal;
	begin(shim);
}

bool nsr_removal_exited(struct nsr_shim *shim, pid_t pid, uint32_t exit_code)
{
	struct nsr_error e;

	if (pid != shim->remover.pid)
		return false;
	e = *shim->remover.told;
	nsr_aside_close(&shim->remover);
	if (exit_code != 0 && e.err == 0) /* it could not begin, or somebody has killed it */
		remove_here(shim);
	else
		finish(shim, exit_code != 0 ? &e : NULL);
	begin(shim);
	return true;
}
