/* test_sandbox.c - pods, containers and execs from end to end on the host's root: what a program sees, who it is, how it fails,
 * and that nothing is left. Needs root. Arguments: [pause executable [cgroup2 directory]].
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sandbox.h"
#include "util.h"

/* containerd's, without mknod */
#define CAPABILITIES (0xa00425fbu & ~(1u << 27))

#ifdef SYS_mkdir
#define MKDIR SYS_mkdir
#else
#define MKDIR SYS_mkdirat
#endif

static const char *pause_path = "csrc/nsrunner-pause";
static char cgroup[128];
static char base[64]; /* of this run alone */
static const char *lower = "/";
static uint8_t bytes[SPEC_SIZE];
static uint8_t shells[3][SPEC_SIZE]; /* of the last three of shell() */
static char output[65536];

static void plain_credentials(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);

	nsr_write_u64(w, NSR_TAG_BOUNDING, CAPABILITIES);
	nsr_write_u64(w, NSR_TAG_PERMITTED, CAPABILITIES);
	nsr_write_u32(w, NSR_TAG_NO_NEW_PRIVS, 1);
	nsr_write_block_end(w, mark);
}

static struct nsr_container_spec *shell(const char *name, unsigned attempt, const char *script, void (*more)(struct nsr_writer *w))
{
	struct nsr_writer w;
	size_t mark;
	static unsigned count;

	test_container_begin(&w, shells[count++ % 3], name, attempt);
	mark = nsr_write_block_begin(&w, NSR_TAG_ROOT);
	nsr_write_string(&w, NSR_TAG_LOWER, lower);
	nsr_write_string(&w, NSR_TAG_PRIVATE, "/tmp");
	nsr_write_string(&w, NSR_TAG_PRIVATE, "/run");
	nsr_write_block_end(&w, mark);
	nsr_write_string(&w, NSR_TAG_CWD, "/");
	nsr_write_string(&w, NSR_TAG_ARG, "sh");
	nsr_write_string(&w, NSR_TAG_ARG, "-c");
	nsr_write_string(&w, NSR_TAG_ARG, script);
	(more ? more : plain_credentials)(&w);
	return test_container_end(&w);
}

/* Runs a shell script in a container of its own and checks what it wrote. */
static void expect(struct test_pod *t, const char *script, void (*more)(struct nsr_writer *w), const char *wanted)
{
	static unsigned attempt;
	struct nsr_container_spec *spec = shell("a", attempt++, script, more);
	struct nsr_error e = {0};
	int status = test_run(t, spec, output, sizeof(output), &e);

	if (status != 0 || strcmp(output, wanted) != 0) {
		(void)fprintf(stderr, "%s: status %d, step %s: %s: %s\ngot:\n%swanted:\n%s", script, status, nsr_step_name(e.step),
			      strerror(e.err), e.path, output, wanted);
		exit(1);
	}
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	nsr_container_spec_free(spec);
}

static void as_user(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);

	nsr_write_u32(w, NSR_TAG_USER, 1000);
	nsr_write_u32(w, NSR_TAG_GROUP, 1001);
	nsr_write_u32(w, NSR_TAG_SUPPLEMENTARY, 1001);
	nsr_write_u32(w, NSR_TAG_SUPPLEMENTARY, 2000);
	nsr_write_u64(w, NSR_TAG_BOUNDING, 0xfb);
	nsr_write_block_end(w, mark);
}

static const char *volume(const char *name)
{
	static char path[192];

	(void)snprintf(path, sizeof(path), "%s/state/volumes/kubernetes.io~empty-dir/%s", base, name);
	return path;
}

/* One bind mount; the caller may add fields before it closes the block. */
static size_t begin_bind(struct nsr_writer *w, const char *source, const char *target)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_MOUNT);

	nsr_write_u32(w, NSR_TAG_KIND, NSR_MOUNT_BIND);
	nsr_write_string(w, NSR_TAG_SOURCE, source);
	nsr_write_string(w, NSR_TAG_TARGET, target);
	return mark;
}

static void with_volumes(struct nsr_writer *w)
{
	size_t mark = begin_bind(w, volume("disk"), "/new/place");

	nsr_write_block_end(w, mark);
	mark = begin_bind(w, volume("memory"), "/memory");
	nsr_write_u32(w, NSR_TAG_READ_ONLY, 1);
	nsr_write_block_end(w, mark);
	mark = begin_bind(w, volume("disk"), "/dev/sub");
	nsr_write_string(w, NSR_TAG_SUB_PATH, "deep/down");
	nsr_write_block_end(w, mark);
	mark = nsr_write_block_begin(w, NSR_TAG_MOUNT);
	nsr_write_u32(w, NSR_TAG_KIND, NSR_MOUNT_TMPFS);
	nsr_write_string(w, NSR_TAG_TARGET, "/scratch");
	nsr_write_u64(w, NSR_TAG_SIZE, 8192);
	nsr_write_u32(w, NSR_TAG_MODE, 01750);
	nsr_write_block_end(w, mark);
}

static void test_world(struct test_pod *t)
{
	expect(t, "echo $$ $(cat /proc/sys/kernel/hostname) $A", NULL, "1 nsr-test 1\n");
	expect(t, "ls /dev", NULL, "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n");
	expect(t, "cd /sys/class/net && ls -d eth0 lo; cat /etc/hosts; cat /proc/sys/net/ipv4/ip_unprivileged_port_start", NULL,
	       "eth0\nlo\n127.0.0.1 localhost\n0\n");
	expect(t, "ls /tmp /run; touch /tmp/x /x; echo $?; umask; cat /proc/self/oom_score_adj", NULL,
	       "/run:\n\n/tmp:\n0\n0022\n500\n");
	CHECK(access("/x", F_OK) < 0);
	expect(t, "cat /proc/keys /proc/timer_list 2>/dev/null; ls /sys/firmware; echo 1 2>/dev/null >/proc/sys/kernel/core_pattern || echo ro", NULL, "ro\n");
	expect(t, "cat /proc/self/personality /proc/self/timerslack_ns", NULL, "00000000\n50000\n"); /* not ours: see test_one() */
	expect(t, "ls /proc/self/fd | wc -l", NULL, "4\n"); /* and the one of ls itself */
	expect(t, "cat /proc/1/cgroup | grep ^0:", NULL, "0::/\n");
	expect(t, "grep -E '^(NoNewPrivs|CapEff|CapBnd|CapInh|CapAmb)' /proc/self/status", NULL,
	       "CapInh:\t0000000000000000\nCapEff:\t00000000a00425fb\nCapBnd:\t00000000a00425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
	expect(t, "id -u; id -g; id -G; grep CapEff /proc/self/status; echo via > /dev/stdout", as_user,
	       "1000\n1001\n1001 2000\nCapEff:\t0000000000000000\nvia\n");
}

static void test_volumes(struct test_pod *t)
{
	expect(t, "stat -c '%a %F' /scratch; df -Pk /scratch | awk 'END { print $2 }'", with_volumes, "1750 directory\n8\n");
	expect(t, "echo 1 > /new/place/f; touch /memory/f 2>/dev/null || echo ro; touch /dev/sub/g; echo s > /dev/shm/s", with_volumes, "ro\n");
	expect(t, "cat /new/place/f; find /new/place -type f | sort; cat /dev/shm/s", with_volumes, "1\n/new/place/deep/down/g\n/new/place/f\ns\n");
}

static void expect_failure_with(struct test_pod *t, const char *argument, const char *cwd, void (*more)(struct nsr_writer *w), int step, int err)
{
	struct nsr_container_spec *spec;
	struct nsr_writer w;
	struct nsr_error e = {0};
	size_t mark;

	test_container_begin(&w, bytes, "fails", 0);
	mark = nsr_write_block_begin(&w, NSR_TAG_ROOT);
	nsr_write_string(&w, NSR_TAG_LOWER, lower);
	nsr_write_block_end(&w, mark);
	nsr_write_string(&w, NSR_TAG_CWD, cwd);
	nsr_write_string(&w, NSR_TAG_ARG, argument);
	if (more)
		more(&w);
	spec = test_container_end(&w);
	CHECK_EQUAL(test_run(t, spec, output, sizeof(output), &e), -1);
	if (e.step != step || e.err != err) {
		(void)fprintf(stderr, "%s: %s: %s, not %s: %s\n", nsr_step_name(e.step), strerror(e.err), e.path, nsr_step_name(step), strerror(err));
		exit(1);
	}
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	nsr_container_spec_free(spec);
}

static void expect_failure(struct test_pod *t, const char *argument, const char *cwd, int step, int err)
{
	expect_failure_with(t, argument, cwd, NULL, step, err);
}

static void at_proc(struct nsr_writer *w)
{
	nsr_write_block_end(w, begin_bind(w, volume("disk"), "/x/../proc/sys"));
}

static void at_root(struct nsr_writer *w)
{
	nsr_write_block_end(w, begin_bind(w, volume("disk"), "/x/.."));
}

static void no_source(struct nsr_writer *w)
{
	nsr_write_block_end(w, begin_bind(w, "/no/such/source", "/x"));
}

static void escaping_sub_path(struct nsr_writer *w)
{
	size_t mark = begin_bind(w, volume("disk"), "/x");

	nsr_write_string(w, NSR_TAG_SUB_PATH, "escape/new");
	nsr_write_block_end(w, mark);
}

static void above_mask(struct nsr_writer *w)
{
	plain_credentials(w);
	nsr_write_block_end(w, begin_bind(w, volume("disk"), "/sys/devices"));
	nsr_write_string(w, NSR_TAG_MASKED, "/sys/devices/virtual/powercap");
}

/* As on Kubernetes: what is masked is masked in a volume, too, such as hostPath /sys/devices. */
static void test_volume_above_mask(struct test_pod *t)
{
	expect(t, "cd /sys/devices; mkdir -p virtual/powercap/secret virtual/other", above_mask, "");
	expect(t, "cd /sys/devices/virtual; ls . powercap; touch powercap/x 2>/dev/null || echo ro", above_mask, ".:\nother\npowercap\n\npowercap:\nro\n");
	expect(t, "cd /sys/devices; mv virtual elsewhere; ln -s elsewhere virtual", above_mask, "");
	expect_failure_with(t, "true", "/", above_mask, NSR_STEP_MASK, ELOOP);
	CHECK_EQUAL(unlink(volume("disk/virtual")), 0);
	expect(t, "rm -r /sys/devices/elsewhere", above_mask, "");
}

static void may_mknod(struct nsr_writer *w)
{
	size_t mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);

	nsr_write_u64(w, NSR_TAG_BOUNDING, CAPABILITIES | 1u << 27);
	nsr_write_u64(w, NSR_TAG_PERMITTED, CAPABILITIES | 1u << 27);
	nsr_write_block_end(w, mark);
}

/* mkdir answers EPERM: a filter whose effect a shell shows. Without no_new_privs it goes in while there is CAP_SYS_ADMIN. */
static void filtered(struct nsr_writer *w, bool no_new_privs)
{
	const struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MKDIR, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	size_t mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);

	nsr_write_u32(w, NSR_TAG_NO_NEW_PRIVS, no_new_privs);
	nsr_write_bytes(w, NSR_TAG_SECCOMP, filter, sizeof(filter));
	nsr_write_u32(w, NSR_TAG_SECCOMP_FLAGS, 1u << 30); /* one that no kernel knows */
	nsr_write_block_end(w, mark);
}

static void filtered_new(struct nsr_writer *w)
{
	filtered(w, true);
}

static void filtered_old(struct nsr_writer *w)
{
	filtered(w, false);
}

static void test_confinement(struct test_pod *t)
{
	const char *wanted = *cgroup ? "made\nrefused\n" : "";

	if (*cgroup)
		expect(t, "mknod /m c 1 1 && echo made; cat /m 2>/dev/null || echo refused", may_mknod, wanted);
	else
		expect_failure_with(t, "true", "/", may_mknod, NSR_STEP_DEVICE_FILTER, ENOTSUP);
	expect(t, "mkdir /d 2>/dev/null || echo denied; grep ^Seccomp: /proc/self/status; grep NoNew /proc/self/status", filtered_new,
	       "denied\nSeccomp:\t2\nNoNewPrivs:\t1\n");
	expect(t, "mkdir /d 2>/dev/null || echo denied; grep ^Seccomp: /proc/self/status; grep NoNew /proc/self/status", filtered_old,
	       "denied\nSeccomp:\t2\nNoNewPrivs:\t0\n");
	test_volume_above_mask(t);
	expect_failure_with(t, "true", "/", at_proc, NSR_STEP_MOUNT_TARGET, EPERM);
	expect_failure_with(t, "true", "/", at_root, NSR_STEP_MOUNT_TARGET, EBUSY);
	expect_failure_with(t, "true", "/", no_source, NSR_STEP_MOUNT_SOURCE, ENOENT);
	CHECK_EQUAL(symlink("/tmp", volume("disk/escape")), 0);
	expect_failure_with(t, "true", "/", escaping_sub_path, NSR_STEP_SUB_PATH, EXDEV);
	CHECK(access("/tmp/new", F_OK) < 0);
}

static void read_only_root(struct nsr_writer *w)
{
	plain_credentials(w);
	with_volumes(w);
}

/* Images that would lead us out of them, or lack everything. */
static void test_roots(struct test_pod *t)
{
	static const char *const links[] = {"dev", "proc", "sys"};
	static const int steps[] = {NSR_STEP_MOUNT_DEV, NSR_STEP_MOUNT_PROC, NSR_STEP_MOUNT_SYS};
	const char *old = lower;
	struct nsr_container_spec *spec;
	struct nsr_error e;
	char image[80], path[128], text[128];

	(void)snprintf(image, sizeof(image), "%s/image", base);
	lower = image;
	CHECK_EQUAL(mkdir(lower, 0755), 0);
	expect_failure(t, "/x", "/made/here", NSR_STEP_EXEC, ENOENT); /* an empty image */
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", lower, links[i]);
		CHECK_EQUAL(symlink("/tmp", path), 0);
		expect_failure(t, "/x", "/", steps[i], ELOOP);
		CHECK_EQUAL(unlink(path), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/etc", lower);
	(void)snprintf(text, sizeof(text), "../../../../../..%s", image);
	CHECK_EQUAL(symlink(text, path), 0);
	expect_failure(t, "/x", "/", NSR_STEP_EXEC, ENOENT); /* /etc/hosts is made at that place inside */
	(void)snprintf(text, sizeof(text), "%s/hosts", image);
	CHECK(access(text, F_OK) < 0);
	CHECK_EQUAL(unlink(path) | rmdir(lower), 0);
	lower = old;
	spec = shell("ro", 0, "touch /x 2>/dev/null || echo ro; touch /tmp/x /new/place/x /dev/shm/x /scratch/x && echo rw", read_only_root);
	spec->root.read_only = 1;
	CHECK_EQUAL(test_run(t, spec, output, sizeof(output), &e), 0);
	CHECK(strcmp(output, "ro\nrw\n") == 0);
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	nsr_container_spec_free(spec);
}

static void test_termination(struct test_pod *t)
{
	struct nsr_container_spec *spec = shell("bye", 0, "head -c 5000 /dev/zero | tr '\\0' a > /dev/termination-log; echo end >> /dev/termination-log", NULL);
	struct nsr_error e;
	char message[8192];

	spec->termination_path = "/dev/termination-log";
	CHECK_EQUAL(test_run(t, spec, output, sizeof(output), &e), 0);
	CHECK_EQUAL(nsr_termination_message(&t->pod, spec, message, sizeof(message)), 4096);
	CHECK(memcmp(message + 4090, "aaend\n", 6) == 0);
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	CHECK_EQUAL(nsr_termination_message(&t->pod, spec, message, sizeof(message)), 0);
	nsr_container_spec_free(spec);
}

/* The sandbox dies and is made anew: volumes stay, and nothing of the old one is in the way. */
static void test_again(struct test_pod *t)
{
	struct nsr_error e = {0};
	int status;

	expect(t, "echo old > /new/place/kept; echo old > /dev/shm/s", with_volumes, "");
	CHECK_EQUAL(kill(t->pause.pid, SIGKILL), 0);
	CHECK_EQUAL(waitpid(t->pause.pid, &status, 0), t->pause.pid);
	nsr_spawned_close(&t->pause);
	CHECK_EQUAL(nsr_pod_close(&t->pod, false, &e), 0);
	CHECK_EQUAL(nsr_pod_open(&t->pod, t->spec, &e), 0);
	CHECK_EQUAL(nsr_pause_spawn(&t->pod, &t->pause, &e), 0);
	CHECK_EQUAL(nsr_pod_fill(&t->pod, &e), 0);
	CHECK_EQUAL(test_wait_started(&t->pause, &e), NSR_RUNNING);
	t->pod.pause_pid = t->pause.pid;
	t->pod.pause_pidfd = dup(t->pause.pidfd);
	expect(t, "cat /new/place/kept", with_volumes, "old\n");
}

static void test_failures(struct test_pod *t)
{
	expect_failure(t, "no-such-program", "/", NSR_STEP_EXEC_LOOKUP, ENOENT);
	expect_failure(t, "/no/such", "/", NSR_STEP_EXEC, ENOENT);
	expect_failure(t, "/etc/hosts", "/", NSR_STEP_EXEC, EACCES);
	expect_failure(t, "sh", "/etc/hosts/x", NSR_STEP_CHDIR, ENOTDIR);
	expect_failure(t, "sh", "/proc/self/fd/3", NSR_STEP_CHDIR, EXDEV);
}

/* One that sees another's processes, which has a pid namespace of its own; and one that is dead by then. */
static void test_target(struct test_pod *t)
{
	struct nsr_container_spec *spec = shell("x", 0, "exec sleep 1000", NULL), *looking, *late;
	struct nsr_container target;
	struct nsr_error e = {0};
	struct nsr_spawned s, d;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out[2], status;
	int stdio[3] = {null, null, null};
	pid_t passing;
	ssize_t n;

	CHECK_EQUAL(nsr_container_spawn(&t->pod, spec, NULL, stdio, false, &s, &e), 0);
	CHECK_EQUAL(test_wait_started(&s, &e), NSR_RUNNING);
	target = (struct nsr_container){.spec = spec, .pid = s.pid, .pidfd = s.pidfd, .cgroup_fd = s.cgroup_fd};
	looking = shell("d", 0, "tr '\\0' ' ' </proc/1/cmdline; echo; readlink /proc/1/cwd; [ $$ = 1 ] || echo other; exit 4", NULL);
	CHECK_EQUAL(pipe2(out, O_CLOEXEC), 0);
	stdio[1] = out[1];
	CHECK_EQUAL(nsr_container_spawn(&t->pod, looking, &target, stdio, false, &d, &e), 0);
	passing = d.pid;
	CHECK_EQUAL(test_wait_started(&d, &e), NSR_RUNNING);
	CHECK(d.pid != passing);
	CHECK_EQUAL(waitpid(passing, &status, 0), passing);
	CHECK_EQUAL(waitpid(d.pid, &status, 0), d.pid);
	CHECK_EQUAL(WEXITSTATUS(status), 4);
	n = read(out[0], output, sizeof(output) - 1);
	CHECK(n > 0);
	output[n] = '\0';
	CHECK(strcmp(output, "sleep 1000 \n/\nother\n") == 0);
	nsr_spawned_close(&d);
	CHECK_EQUAL(nsr_container_release(&t->pod, looking, &e), 0);
	CHECK_EQUAL(kill(s.pid, SIGKILL), 0);
	CHECK_EQUAL(waitpid(s.pid, &status, 0), s.pid);
	late = shell("l", 0, "exec sleep 1000", NULL);
	CHECK_EQUAL(nsr_container_spawn(&t->pod, late, &target, stdio, false, &d, &e), 0);
	CHECK_EQUAL(test_wait_started(&d, &e), NSR_FAILED);
	CHECK_EQUAL(e.step, NSR_STEP_TARGET);
	CHECK_EQUAL(e.err, ESRCH);
	CHECK_EQUAL(waitpid(d.pid, &status, 0), d.pid);
	nsr_spawned_close(&d);
	nsr_spawned_close(&s);
	CHECK_EQUAL(nsr_container_release(&t->pod, late, &e), 0);
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	nsr_container_spec_free(late);
	nsr_container_spec_free(looking);
	nsr_container_spec_free(spec);
	nsr_close(&out[0]);
	nsr_close(&out[1]);
	nsr_close(&null);
}

static void test_exec(struct test_pod *t)
{
	struct nsr_container_spec *spec = shell("x", 0, "echo up; exec sleep 1000", NULL);
	struct nsr_error e = {0};
	struct nsr_spawned s, x;
	struct nsr_container target;
	struct nsr_exec_spec *exec;
	struct nsr_writer w;
	uint8_t exec_bytes[1024];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), out[2], group, status;
	int stdio[3] = {null, null, null};
	pid_t passing;
	ssize_t n;

	CHECK_EQUAL(nsr_container_spawn(&t->pod, spec, NULL, stdio, false, &s, &e), 0);
	CHECK_EQUAL(test_wait_started(&s, &e), NSR_RUNNING);
	target = (struct nsr_container){.spec = spec, .pid = s.pid, .pidfd = s.pidfd, .cgroup_fd = s.cgroup_fd};
	nsr_writer_begin(&w, exec_bytes, sizeof(exec_bytes), NSR_KIND_EXEC_SPEC, 0);
	nsr_write_string(&w, NSR_TAG_CONTAINER_ID, "x");
	nsr_write_string(&w, NSR_TAG_ARG, "sh");
	nsr_write_string(&w, NSR_TAG_ARG, "-c");
	nsr_write_string(&w, NSR_TAG_ARG, "echo $A $B; [ -d /proc/1 ] && [ $$ != 1 ] && echo one; cat /proc/sys/kernel/hostname; grep CapBnd /proc/self/status; cat /proc/self/personality /proc/self/timerslack_ns; tty; exit 3");
	nsr_write_string(&w, NSR_TAG_ENV, "A=2");
	nsr_write_string(&w, NSR_TAG_ENV, "B=3");
	n = nsr_writer_end(&w);
	CHECK(n > 0);
	CHECK_EQUAL(nsr_exec_spec_decode(exec_bytes, (size_t)n, &exec, &e), 0);
	CHECK_EQUAL(pipe2(out, O_CLOEXEC), 0);
	stdio[1] = stdio[2] = out[1];
	CHECK_EQUAL(nsr_exec_cgroup(&target, 7, &group, &e), 0);
	CHECK_EQUAL(nsr_exec_spawn(&target, exec, group, stdio, &x, &e), 0);
	nsr_close(&group);
	passing = x.pid;
	CHECK_EQUAL(test_wait_started(&x, &e), NSR_RUNNING);
	CHECK(x.pid != passing);
	CHECK_EQUAL(waitpid(passing, &status, 0), passing);
	CHECK_EQUAL(waitpid(x.pid, &status, 0), x.pid);
	CHECK_EQUAL(WEXITSTATUS(status), 3);
	n = read(out[0], output, sizeof(output) - 1);
	CHECK(n > 0);
	output[n] = '\0';
	CHECK(strcmp(output, "2 3\none\nnsr-test\nCapBnd:\t00000000a00425fb\n00000000\n50000\nnot a tty\n") == 0);
	nsr_spawned_close(&x);
	CHECK_EQUAL(nsr_exec_release(&target, 7, &e), 0);
	/* with a terminal */
	exec->tty = 1;
	exec->rows = 33;
	exec->columns = 77;
	exec->args[2] = "stty size; tty";
	CHECK_EQUAL(nsr_exec_cgroup(&target, 8, &group, &e), 0);
	CHECK_EQUAL(nsr_exec_spawn(&target, exec, group, stdio, &x, &e), 0);
	nsr_close(&group);
	passing = x.pid;
	CHECK_EQUAL(test_wait_started(&x, &e), NSR_RUNNING);
	CHECK(x.pid != passing);
	CHECK_EQUAL(waitpid(passing, &status, 0), passing);
	CHECK(x.console >= 0);
	for (size_t length = 0;; length += (size_t)n) {
		n = read(x.console, output + length, sizeof(output) - 1 - length);
		if (n <= 0) {
			output[length] = '\0';
			break;
		}
	}
	CHECK(strcmp(output, "33 77\r\n/dev/pts/0\r\n") == 0);
	CHECK_EQUAL(waitpid(x.pid, &status, 0), x.pid);
	nsr_spawned_close(&x);
	CHECK_EQUAL(nsr_exec_vacate(&target, 8), 0);
	CHECK_EQUAL(nsr_exec_vacate(&target, 8), 0); /* it is gone */
	CHECK_EQUAL(kill(s.pid, SIGKILL), 0);
	CHECK_EQUAL(waitpid(s.pid, &status, 0), s.pid);
	/* too late */
	CHECK_EQUAL(nsr_exec_cgroup(&target, 9, &group, &e), 0);
	CHECK_EQUAL(nsr_exec_spawn(&target, exec, group, stdio, &x, &e), 0);
	nsr_close(&group);
	CHECK_EQUAL(test_wait_started(&x, &e), NSR_FAILED);
	CHECK_EQUAL(e.step, NSR_STEP_GONE);
	CHECK_EQUAL(waitpid(x.pid, &status, 0), x.pid);
	nsr_spawned_close(&x);
	CHECK_EQUAL(nsr_exec_release(&target, 9, &e), 0);
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	nsr_spawned_close(&s);
	nsr_exec_spec_free(exec);
	nsr_container_spec_free(spec);
	nsr_close(&out[0]);
	nsr_close(&out[1]);
	nsr_close(&null);
}

static void test_one(unsigned bits, void (*test)(struct test_pod *t))
{
	struct test_pod *t = malloc(sizeof(*t));
	pid_t pid;
	int status;

	CHECK(t != NULL);
	/* The pod's mount namespace is this process's: one process a pod, as it is with the shim. */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* What somebody gave the daemon for itself: setarch -R, a systemd unit's TimerSlackNSec= */
		CHECK(personality(ADDR_NO_RANDOMIZE) >= 0);
		CHECK_EQUAL(prctl(PR_SET_TIMERSLACK, 777000ul, 0, 0, 0), 0);
		test_pod_start(t, base, pause_path, cgroup, bits);
		test(t);
		test_pod_stop(t);
		exit(0);
	}
	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	CHECK_EQUAL(status, 0);
	if (*cgroup)
		CHECK(access(cgroup, F_OK) < 0);
	free(t);
}

static unsigned propagation;

static void with_share(struct nsr_writer *w)
{
	char path[96];
	size_t mark;

	(void)snprintf(path, sizeof(path), "%s.share", base);
	mark = begin_bind(w, path, "/share");
	nsr_write_u32(w, NSR_TAG_PROPAGATION, propagation);
	nsr_write_block_end(w, mark);
	nsr_write_u32(w, NSR_TAG_PRIVILEGED, 1);
	mark = nsr_write_block_begin(w, NSR_TAG_CREDENTIALS);
	nsr_write_u64(w, NSR_TAG_BOUNDING, UINT64_MAX);
	nsr_write_u64(w, NSR_TAG_PERMITTED, UINT64_MAX);
	nsr_write_block_end(w, mark);
}

/* What a container and the host see of each other's mounts. The host is this test's parent, with a shared mount at <base>.share. */
static void test_propagation(struct test_pod *t)
{
	static const char script[] = "mount -t tmpfs c /share/c && echo mounted; read x; ls -d /share/h/in 2>/dev/null || echo unseen";
	static const struct {
		unsigned propagation;
		bool host_sees;
		const char *output;
	} cases[] = {
		{NSR_PROPAGATION_NONE, false, "mounted\nunseen\n"}, {NSR_PROPAGATION_HOST_TO_CONTAINER, false, "mounted\n/share/h/in\n"},
		{NSR_PROPAGATION_BIDIRECTIONAL, true, "mounted\n/share/h/in\n"},
	};

	for (unsigned i = 0; i < 3; i++) {
		struct nsr_container_spec *spec;
		struct nsr_spawned s;
		struct nsr_error e = {0};
		int in[2], out[2], status, host = t->pod.host_mnt_fd, self = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
		char path[128];
		struct stat above, below;
		ssize_t n;

		propagation = cases[i].propagation;
		spec = shell("p", i, script, with_share);
		CHECK_EQUAL(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), 0);
		CHECK_EQUAL(nsr_container_spawn(&t->pod, spec, NULL, (int[]){in[0], out[1], out[1]}, false, &s, &e), 0);
		CHECK_EQUAL(test_wait_started(&s, &e), NSR_RUNNING);
		CHECK_EQUAL(close(out[1]), 0);
		n = read(out[0], output, sizeof(output) - 1);
		CHECK(n > 0);
		CHECK_EQUAL(setns(host, CLONE_NEWNS), 0);
		(void)snprintf(path, sizeof(path), "%s.share", base);
		CHECK_EQUAL(stat(path, &above), 0);
		(void)snprintf(path, sizeof(path), "%s.share/c", base);
		CHECK_EQUAL(stat(path, &below), 0);
		CHECK_EQUAL(above.st_dev != below.st_dev, cases[i].host_sees);
		(void)snprintf(path, sizeof(path), "%s.share/h", base);
		CHECK_EQUAL(mount("h", path, "tmpfs", 0, NULL), 0);
		(void)snprintf(path, sizeof(path), "%s.share/h/in", base);
		CHECK_EQUAL(mkdir(path, 0755), 0);
		CHECK_EQUAL(write(in[1], "go\n", 3), 3);
		for (ssize_t more; (more = read(out[0], output + n, sizeof(output) - 1 - (size_t)n)) > 0;)
			n += more;
		output[n] = '\0';
		CHECK_EQUAL(waitpid(s.pid, &status, 0), s.pid);
		if (strcmp(output, cases[i].output) != 0) {
			(void)fprintf(stderr, "propagation %u: %s", propagation, output);
			exit(1);
		}
		(void)snprintf(path, sizeof(path), "%s.share/h", base);
		CHECK_EQUAL(umount2(path, MNT_DETACH), 0);
		(void)snprintf(path, sizeof(path), "%s.share/c", base);
		CHECK_EQUAL(umount2(path, MNT_DETACH), cases[i].host_sees ? 0 : -1);
		CHECK_EQUAL(setns(self, CLONE_NEWNS), 0);
		CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
		nsr_container_spec_free(spec);
		nsr_spawned_close(&s);
		CHECK_EQUAL(close(in[0]) | close(in[1]) | close(out[0]) | close(self), 0);
	}
}

/* A host of its own for the test above: a mount namespace whose mounts are shared from <base>.share down. */
static void test_propagation_alone(void)
{
	char path[96];
	pid_t pid = fork();
	int status;

	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_EQUAL(unshare(CLONE_NEWNS), 0);
		CHECK_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
		(void)snprintf(path, sizeof(path), "%s.share", base);
		CHECK_EQUAL(mkdir(path, 0755), 0);
		CHECK_EQUAL(mount("share", path, "tmpfs", 0, NULL), 0);
		CHECK_EQUAL(mount(NULL, path, NULL, MS_SHARED, NULL), 0);
		(void)snprintf(path, sizeof(path), "%s.share/c", base);
		CHECK_EQUAL(mkdir(path, 0755), 0);
		(void)snprintf(path, sizeof(path), "%s.share/h", base);
		CHECK_EQUAL(mkdir(path, 0755), 0);
		test_one(0, test_propagation);
		exit(0);
	}
	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	CHECK_EQUAL(status, 0);
	(void)snprintf(path, sizeof(path), "%s.share", base);
	CHECK_EQUAL(rmdir(path), 0);
}

static void privileged(struct nsr_writer *w)
{
	with_share(w);
}

static void test_privileged(struct test_pod *t)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s.share", base);
	CHECK_EQUAL(mkdir(path, 0755), 0);
	propagation = NSR_PROPAGATION_NONE;
	expect(t, "ls /dev/kmsg /dev/null; stat -c %t:%T /dev/kmsg; [ -w /sys/kernel ] && echo rw; grep Seccomp: /proc/self/status", privileged,
	       "/dev/kmsg\n/dev/null\n1:b\nrw\nSeccomp:\t0\n");
	propagation = NSR_PROPAGATION_BIDIRECTIONAL;
	expect_failure_with(t, "true", "/", with_share, NSR_STEP_PROPAGATION, EINVAL); /* of a mount that is not shared */
	CHECK_EQUAL(rmdir(path), 0);
}

static void test_terminal(struct test_pod *t)
{
	struct nsr_container_spec *spec = shell("tty", 0, "tty; test -t 2 && echo 2 is one; readlink /dev/console; echo control > /dev/tty", as_user);
	struct nsr_spawned s;
	struct nsr_error e = {0};
	int status;
	size_t length = 0;

	spec->tty = 1;
	CHECK_EQUAL(nsr_container_spawn(&t->pod, spec, NULL, (int[]){-1, -1, -1}, false, &s, &e), 0);
	CHECK_EQUAL(test_wait_started(&s, &e), NSR_RUNNING);
	CHECK(s.console >= 0);
	for (ssize_t n; (n = read(s.console, output + length, sizeof(output) - 1 - length)) > 0;)
		length += (size_t)n;
	output[length] = '\0';
	CHECK_EQUAL(waitpid(s.pid, &status, 0), s.pid);
	CHECK_EQUAL(status, 0);
	if (strcmp(output, "/dev/pts/0\r\n2 is one\r\npts/0\r\ncontrol\r\n") != 0) {
		(void)fprintf(stderr, "%s: got:\n%s", __func__, output);
		exit(1);
	}
	CHECK_EQUAL(nsr_container_release(&t->pod, spec, &e), 0);
	nsr_container_spec_free(spec);
	nsr_spawned_close(&s);
}

static void test_shared(struct test_pod *t)
{
	expect(t, "cat /proc/1/comm; readlink /proc/1/root || echo hidden; [ $$ -gt 1 ] && echo shared", NULL, "pause\nhidden\nshared\n");
}

static void test_host(struct test_pod *t)
{
	char wanted[80], link[64];
	ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	CHECK(n > 0);
	link[n] = '\0';
	(void)snprintf(wanted, sizeof(wanted), "%s\n", link);
	expect(t, "readlink /proc/self/ns/pid", NULL, wanted);
	n = readlink("/proc/self/ns/net", link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	(void)snprintf(wanted, sizeof(wanted), "%s\n", link);
	expect(t, "readlink /proc/self/ns/net", NULL, wanted);
}

static void find_cgroup(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < 2; i++) {
		struct statfs fs;

		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			(void)snprintf(cgroup, sizeof(cgroup), "%s/nsr-test-sandbox.%d", places[i], (int)getpid());
	}
}

int main(int argc, char **argv)
{
	if (geteuid() != 0)
		return 77;
	/* A host of our own, whose mounts are private however those of the real one are. */
	CHECK_EQUAL(unshare(CLONE_NEWNS), 0);
	CHECK_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (argc > 1)
		pause_path = argv[1];
	(void)snprintf(base, sizeof(base), "/tmp/nsr-test-sandbox.%d", (int)getpid());
	find_cgroup();
	if (argc > 2)
		(void)snprintf(cgroup, sizeof(cgroup), "%s", argv[2]);
	test_one(0, test_world);
	test_one(0, test_volumes);
	test_one(0, test_failures);
	test_one(0, test_exec);
	test_one(0, test_target);
	test_one(0, test_confinement);
	test_one(0, test_roots);
	test_one(0, test_termination);
	test_one(0, test_again);
	test_one(0, test_terminal);
	test_one(0, test_privileged);
	test_propagation_alone();
	test_one(TEST_SHARED_PID, test_shared);
	test_one(TEST_HOST_PID | TEST_HOST_NET | TEST_HOST_IPC, test_host);
	nsr_force_fallback = NSR_FALLBACK_MOUNT_SETATTR | NSR_FALLBACK_CGROUP_KILL | NSR_FALLBACK_INTO_CGROUP | NSR_FALLBACK_DUMMY |
		NSR_FALLBACK_EXEC_FD;
	test_one(0, test_world);
	test_one(0, test_volumes);
	test_one(0, test_exec);
	test_one(0, test_target);
	test_one(0, test_roots);
	nsr_force_fallback |= NSR_FALLBACK_OVERLAY;
	test_one(0, test_world);
	test_one(0, test_roots);
	return 0;
}
