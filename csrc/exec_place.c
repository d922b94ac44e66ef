/* exec_place.c - the cgroups of execs. Each exec has one to itself, to be killed as a whole; whoever leaves an empty one leaves it to
 * the next, for making and removing a cgroup costs more than all else that the shim does for an exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>

#include "shim.h"
#include "util.h"

void nsr_place_close(struct nsr_exec_place *place)
{
	nsr_close(&place->cgroup_fd);
	nsr_close(&place->events_fd);
}

int nsr_place_empty(struct nsr_exec_place *place)
{
	if (place->cgroup_fd < 0)
		return -ENOTSUP;
	if (place->events_fd < 0) {
		place->events_fd = openat(place->cgroup_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
		if (place->events_fd < 0)
			return -errno;
	}
	return nsr_cgroup_events_empty(place->events_fd);
}

void nsr_place_forget(struct nsr_instance *instance)
{
	if (instance->spare.number == 0)
		return;
	nsr_place_close(&instance->spare);
	(void)nsr_exec_vacate(&instance->container, instance->spare.number); /* else it goes with the container's */
	instance->spare.number = 0;
}

int nsr_place_take(struct nsr_instance *target, struct nsr_exec_place *ret, struct nsr_error *e)
{
	if (target->spare.number && nsr_place_empty(&target->spare) == 1) {
		*ret = target->spare;
		target->spare.number = 0;
		return 0;
	}
	nsr_place_forget(target); /* somebody has removed it */
	*ret = (struct nsr_exec_place){.number = ++target->shim->last_exec, .cgroup_fd = -1, .events_fd = -1};
	return nsr_exec_cgroup(&target->container, ret->number, &ret->cgroup_fd, e);
}

/* Not one that was killed: what is cloned into it later dies as well, where the kernel compares the numbers of kills of two cgroups (6.14,
 * cgroup_css_set_fork()). Nor one of a privileged container, which may have changed anything about it. */
static bool may_be_next(const struct nsr_instance *target, const struct nsr_exec_place *place)
{
	return place->number && !place->killed && target->state == NSR_INSTANCE_RUNNING && !target->killed && !target->spec->privileged && !target->strays &&
		target->spare.number == 0;
}

void nsr_place_leave(struct nsr_instance *target, struct nsr_exec_place *place)
{
	struct nsr_error ignored; /* the next exec tries again, and then the container's end */
	uint64_t number = place->number;
	int empty = target ? nsr_place_empty(place) : -ESRCH;

	if (empty == 1 && may_be_next(target, place)) {
		target->spare = *place;
		*place = (struct nsr_exec_place){.cgroup_fd = -1, .events_fd = -1};
		return;
	}
	nsr_place_close(place);
	place->number = 0;
	if (!target || number == 0)
		return;
	if (nsr_exec_vacate(&target->container, number) < 0) {
		if (empty == 0) {
			nsr_place_forget(target); /* or it would be swept, too */
			target->strays = true;
		} else
			(void)nsr_exec_release(&target->container, number, &ignored);
	}
	if (target->strays)
		target->strays = nsr_exec_sweep(&target->container, nsr_exec_runs, target->shim) > 0;
}
