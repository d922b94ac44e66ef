/* successor.c - the instance that is to follow another one at once: its spec is kept beside that one, and prepared when that one has ended
 * by itself, so that its world is built while the end is told and judged. Whether it starts is for the controller to say, as with all
 * that is prepared.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "shim.h"
#include "util.h"

int nsr_successor_keep(struct nsr_shim *shim, const char *of, int *spec_fd, struct nsr_error *e)
{
	struct nsr_instance *instance = nsr_instance_find(shim, of);

	if (!instance || instance->killed || instance->failed)
		return nsr_fail(e, NSR_STEP_GONE, ESRCH, of);
	if (instance->state >= NSR_INSTANCE_DEAD)
		return nsr_instance_prepare(shim, *spec_fd, e);
	nsr_close(&instance->successor_fd);
	/* As a descriptor: to be decoded once is enough, and mapped it would take two pages for as long as the instance runs. */
	instance->successor_fd = steal_fd(spec_fd);
	return 0;
}

void nsr_successor_prepare(struct nsr_instance *instance)
{
	cleanup_fd int spec_fd = steal_fd(&instance->successor_fd);
	struct nsr_error ignored; /* its start says why */

	if (spec_fd >= 0 && !instance->killed)
		(void)nsr_instance_prepare(instance->shim, spec_fd, &ignored);
}

void nsr_successor_forget(const struct nsr_shim *shim, const char *id)
{
	for (struct nsr_instance *instance = shim->instances; instance; instance = instance->next) {
		struct nsr_container_spec *spec;
		struct nsr_error ignored; /* what cannot be read cannot be prepared */

		if (instance->successor_fd < 0 || nsr_container_spec_open(instance->successor_fd, &spec, &ignored) < 0)
			continue;
		if (strcmp(spec->id, id) == 0)
			nsr_close(&instance->successor_fd);
		nsr_container_spec_free(spec);
	}
}
