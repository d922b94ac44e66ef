/* sandbox.c - see sandbox.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sandbox.h"
#include "util.h"

void test_pod_start(struct test_pod *t, const char *base, const char *pause_path, const char *cgroup, unsigned bits)
{
	struct nsr_error e = {0};
	struct nsr_writer w;
	char path[128];
	size_t mark;
	ssize_t n;

	memset(t, 0, sizeof(*t));
	CHECK_EQUAL(strncmp(base, "/tmp/", 5), 0);
	n = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK_EQUAL(nsr_remove_tree((int)n, base + 5, &e), 0); /* of a run that failed */
	CHECK_EQUAL(close((int)n), 0);
	(void)snprintf(t->base, sizeof(t->base), "%s", base);
	nsr_writer_begin(&w, t->bytes, sizeof(t->bytes), NSR_KIND_SANDBOX_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_UID, "test-uid");
	nsr_write_u32(&w, NSR_TAG_ATTEMPT, 0);
	(void)snprintf(path, sizeof(path), "%s/run", base);
	nsr_write_string(&w, NSR_TAG_RUN_DIR, path);
	(void)snprintf(path, sizeof(path), "%s/state", base);
	nsr_write_string(&w, NSR_TAG_STATE_DIR, path);
	(void)snprintf(path, sizeof(path), "%s/logs", base);
	nsr_write_string(&w, NSR_TAG_LOGS_DIR, path);
	nsr_write_string(&w, NSR_TAG_HOSTNAME, bits & TEST_HOST_NET ? "" : "nsr-test");
	nsr_write_string(&w, NSR_TAG_ADDRESS, "192.0.2.1/32");
	nsr_write_u32(&w, NSR_TAG_NETWORK, bits & TEST_HOST_NET ? NSR_NS_HOST : NSR_NS_OWN);
	nsr_write_u32(&w, NSR_TAG_IPC, bits & TEST_HOST_IPC ? NSR_NS_HOST : NSR_NS_OWN);
	nsr_write_u32(&w, NSR_TAG_PID_MODE, bits & TEST_HOST_PID ? NSR_NS_HOST : bits & TEST_SHARED_PID ? NSR_NS_POD : NSR_NS_OWN);
	nsr_write_u64(&w, NSR_TAG_SHM_SIZE, 1 << 20);
	if (!(bits & TEST_HOST_NET)) {
		mark = nsr_write_block_begin(&w, NSR_TAG_SYSCTL);
		nsr_write_string(&w, NSR_TAG_NAME, "net.ipv4.ip_unprivileged_port_start");
		nsr_write_string(&w, NSR_TAG_VALUE, "0");
		nsr_write_block_end(&w, mark);
	}
	mark = nsr_write_block_begin(&w, NSR_TAG_VOLUME);
	nsr_write_u32(&w, NSR_TAG_KIND, NSR_VOLUME_EMPTY_DIR);
	nsr_write_string(&w, NSR_TAG_NAME, "disk");
	nsr_write_block_end(&w, mark);
	mark = nsr_write_block_begin(&w, NSR_TAG_VOLUME);
	nsr_write_u32(&w, NSR_TAG_KIND, NSR_VOLUME_MEMORY_DIR);
	nsr_write_string(&w, NSR_TAG_NAME, "memory");
	nsr_write_u64(&w, NSR_TAG_SIZE, 1 << 20);
	nsr_write_block_end(&w, mark);
	mark = nsr_write_block_begin(&w, NSR_TAG_FILE);
	nsr_write_string(&w, NSR_TAG_NAME, "hosts");
	nsr_write_string(&w, NSR_TAG_TARGET, "/etc/hosts");
	nsr_write_bytes(&w, NSR_TAG_CONTENT, "127.0.0.1 localhost\n", 20);
	nsr_write_u32(&w, NSR_TAG_MODE, 0644);
	nsr_write_block_end(&w, mark);
	nsr_write_string(&w, NSR_TAG_CGROUP, cgroup);
	nsr_write_i64(&w, NSR_TAG_OOM_SCORE_ADJ, -998);
	n = nsr_writer_end(&w);
	CHECK(n > 0);
	CHECK_EQUAL(nsr_sandbox_spec_decode(t->bytes, (size_t)n, &t->spec, &e), 0);
	t->pod = (struct nsr_pod){
		.pause_exe = open(pause_path, O_RDONLY | O_CLOEXEC), .run_fd = -1, .state_fd = -1, .logs_fd = -1, .cgroup_fd = -1,
		.host_mnt_fd = -1, .files_fd = -1, .shm_fd = -1, .pause_pidfd = -1,
	};
	CHECK(t->pod.pause_exe >= 0);
	if (nsr_pod_open(&t->pod, t->spec, &e) < 0) {
		(void)fprintf(stderr, "pod: %s: %s: %s\n", nsr_step_name(e.step), strerror(e.err), e.path);
		exit(1);
	}
	if (nsr_pause_spawn(&t->pod, &t->pause, &e) < 0 || nsr_pod_fill(&t->pod, &e) < 0 || test_wait_started(&t->pause, &e) != NSR_RUNNING) {
		(void)fprintf(stderr, "pause: %s: %s: %s\n", nsr_step_name(e.step), strerror(e.err), e.path);
		exit(1);
	}
	t->pod.pause_pidfd = dup(t->pause.pidfd);
	t->pod.pause_pid = t->pause.pid;
}

void test_pod_stop(struct test_pod *t)
{
	struct nsr_error e = {0};
	int status;

	CHECK_EQUAL(kill(t->pause.pid, SIGKILL), 0);
	CHECK_EQUAL(waitpid(t->pause.pid, &status, 0), t->pause.pid);
	nsr_spawned_close(&t->pause);
	if (nsr_pod_close(&t->pod, true, &e) < 0) {
		(void)fprintf(stderr, "close: %s: %s: %s\n", nsr_step_name(e.step), strerror(e.err), e.path);
		exit(1);
	}
	nsr_sandbox_spec_free(t->spec);
	nsr_close(&t->pod.pause_exe);
	nsr_close(&t->pod.host_mnt_fd);
	CHECK_EQUAL(access(t->base, F_OK) == 0 && rmdir(t->base) < 0, 0);
	CHECK_EQUAL(waitpid(-1, &status, __WALL), -1);
	CHECK_EQUAL(errno, ECHILD);
}

void test_container_begin(struct nsr_writer *w, uint8_t *bytes, const char *name, unsigned attempt)
{
	static const char *const masked[] = {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware", "/proc/nothing"};
	static const char *const readonly[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
	char id[64];

	nsr_writer_begin(w, bytes, SPEC_SIZE, NSR_KIND_CONTAINER_SPEC, 0);
	nsr_write_string(w, NSR_TAG_NAME, name);
	nsr_write_u32(w, NSR_TAG_ATTEMPT, attempt);
	(void)snprintf(id, sizeof(id), "%s-%u-id", name, attempt);
	nsr_write_string(w, NSR_TAG_CONTAINER_ID, id);
	nsr_write_string(w, NSR_TAG_ENV, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	nsr_write_string(w, NSR_TAG_ENV, "A=1");
	for (size_t i = 0; i < sizeof(masked) / sizeof(masked[0]); i++)
		nsr_write_string(w, NSR_TAG_MASKED, masked[i]);
	for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++)
		nsr_write_string(w, NSR_TAG_READONLY, readonly[i]);
	nsr_write_i64(w, NSR_TAG_OOM_SCORE_ADJ, 500);
}

struct nsr_container_spec *test_container_end(struct nsr_writer *w)
{
	struct nsr_container_spec *spec = NULL;
	struct nsr_error e = {0};
	ssize_t n = nsr_writer_end(w);

	CHECK(n > 0);
	if (nsr_container_spec_decode(w->buffer, (size_t)n, &spec, &e) < 0) {
		(void)fprintf(stderr, "spec: %s: %s\n", strerror(e.err), e.path);
		exit(1);
	}
	return spec;
}

enum nsr_progress test_wait_started(struct nsr_spawned *s, struct nsr_error *e)
{
	for (;;) {
		struct pollfd p = {.fd = s->channel, .events = POLLIN};
		enum nsr_progress progress = nsr_spawned_read(s, e);

		if (progress != NSR_PENDING)
			return progress;
		CHECK(poll(&p, 1, 20000) == 1);
	}
}

int test_run(struct test_pod *t, const struct nsr_container_spec *spec, char *output, size_t size, struct nsr_error *e)
{
	int out[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), status = -1, stdio[3];
	struct nsr_spawned s = {.channel = -1, .pidfd = -1, .console = -1, .cgroup_fd = -1};
	size_t length = 0;
	ssize_t n;

	CHECK(null >= 0);
	CHECK_EQUAL(pipe2(out, O_CLOEXEC), 0);
	stdio[0] = null;
	stdio[1] = stdio[2] = out[1];
	if (nsr_container_spawn(&t->pod, spec, NULL, stdio, false, &s, e) == 0) {
		pid_t first = s.pid;
		enum nsr_progress progress = test_wait_started(&s, e);

		nsr_close(&out[1]);
		while ((n = read(out[0], output + length, size - 1 - length)) > 0)
			length += (size_t)n;
		if (s.pid != first)
			CHECK_EQUAL(waitpid(first, &status, 0), first);
		CHECK_EQUAL(waitpid(s.pid, &status, 0), s.pid);
		if (progress != NSR_RUNNING)
			status = -1;
	}
	output[length] = '\0';
	nsr_close(&out[1]);
	nsr_close(&out[0]);
	nsr_close(&null);
	nsr_spawned_close(&s);
	return status;
}
