/* wire_names.c - the tables of wire.h as data, for tests that compare them with Python's; and specs checked without a shim.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stddef.h>

#include "native.h"
#include "spec.h"

const int nsr_step_count = NSR_STEP_COUNT;

static const struct nsr_wire_name kinds[] = {
#define NSR_X(name, number) {#name, number, 0},
	NSR_KINDS(NSR_X)
#undef NSR_X
};

static const struct nsr_wire_name tags[] = {
#define NSR_X(name, number, payload) {#name, number, NSR_PAYLOAD_##payload},
	NSR_TAGS(NSR_X)
#undef NSR_X
};

const struct nsr_wire_name *nsr_wire_kind(int index)
{
	return index >= 0 && (size_t)index < sizeof(kinds) / sizeof(kinds[0]) ? &kinds[index] : NULL;
}

const struct nsr_wire_name *nsr_wire_tag(int index)
{
	return index >= 0 && (size_t)index < sizeof(tags) / sizeof(tags[0]) ? &tags[index] : NULL;
}

int nsr_spec_check(int kind, const void *data, size_t size, struct nsr_error *e)
{
	struct nsr_sandbox_spec *sandbox;
	struct nsr_container_spec *container;
	struct nsr_exec_spec *exec;
	int r;

	switch (kind) {
	case NSR_KIND_SANDBOX_SPEC:
		r = nsr_sandbox_spec_decode(data, size, &sandbox, e);
		if (r == 0)
			nsr_sandbox_spec_free(sandbox);
		return r;
	case NSR_KIND_CONTAINER_SPEC:
		r = nsr_container_spec_decode(data, size, &container, e);
		if (r == 0)
			nsr_container_spec_free(container);
		return r;
	case NSR_KIND_EXEC_SPEC:
		r = nsr_exec_spec_decode(data, size, &exec, e);
		if (r == 0)
			nsr_exec_spec_free(exec);
		return r;
	default:
		return nsr_fail(e, NSR_STEP_SPEC, EINVAL, "kind");
	}
}
