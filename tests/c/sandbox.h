/* sandbox.h - for tests: specs built with the wire's writer, a pod on a scratch directory, waiting for what was started.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_TEST_SANDBOX_H
#define NSR_TEST_SANDBOX_H

#include "runtime.h"
#include "wire_writer.h"

#define SPEC_SIZE 65536

/* A pod whose directories lie below `base`; overrides the sandbox spec through `more` (may be NULL). */
struct test_pod {
	char base[64];
	uint8_t bytes[SPEC_SIZE];
	struct nsr_sandbox_spec *spec;
	struct nsr_pod pod;
	struct nsr_spawned pause;
};

/* Bits of what test_pod_start() asks for. */
#define TEST_HOST_PID 1u
#define TEST_SHARED_PID 2u
#define TEST_HOST_NET 4u
#define TEST_HOST_IPC 8u

void test_pod_start(struct test_pod *t, const char *base, const char *pause_path, const char *cgroup, unsigned bits);
void test_pod_stop(struct test_pod *t);

/* Begins a container spec with sane defaults; add fields, then test_container_spec(). */
void test_container_begin(struct nsr_writer *w, uint8_t *bytes, const char *name, unsigned attempt);
struct nsr_container_spec *test_container_end(struct nsr_writer *w);

/* Polls the channel until the start is decided: NSR_RUNNING or NSR_FAILED. */
enum nsr_progress test_wait_started(struct nsr_spawned *s, struct nsr_error *e);

/* Runs a container to its end with stdout and stderr in output (NUL-terminated); returns the wait status, or -1 with *e. */
int test_run(struct test_pod *t, const struct nsr_container_spec *spec, char *output, size_t size, struct nsr_error *e);

#endif
