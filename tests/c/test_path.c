/* test_path.c - resolution inside a root and below a volume, what is made on the way, and removal, with links and racing writers.
 * Needs root for the mount tests only.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "mount.h"
#include "mountinfo.h"
#include "path.h"
#include "runtime.h"
#include "util.h"

static char base[64], keep[80]; /* of this run alone */

static int base_fd;

static void make_base(void)
{
	struct nsr_error e;
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(tmp >= 0);
	CHECK_EQUAL(nsr_remove_tree(tmp, base + strlen("/tmp/"), &e), 0);
	CHECK_EQUAL(mkdir(base, 0755), 0);
	base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(base_fd >= 0);
	CHECK_EQUAL(close(tmp), 0);
}

static void remove_base(void)
{
	struct nsr_error e;
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK_EQUAL(nsr_remove_tree(tmp, base + strlen("/tmp/"), &e), 0);
	CHECK(access(base, F_OK) < 0);
	CHECK_EQUAL(close(tmp), 0);
	CHECK_EQUAL(close(base_fd), 0);
}

/* Where the descriptor leads, below base. */
static const char *where(int fd)
{
	static char link[256];
	char path[NSR_FD_PATH];
	ssize_t n = readlink(nsr_fd_path(path, fd), link, sizeof(link) - 1);

	CHECK(n > 0);
	link[n] = '\0';
	CHECK_EQUAL(close(fd), 0);
	return strncmp(link, base, strlen(base)) == 0 ? link + strlen(base) : link;
}

static void test_make_in(void)
{
	bool made;
	int fd;

	make_base();
	CHECK_EQUAL(symlinkat("/a/b", base_fd, "absolute"), 0);
	CHECK_EQUAL(symlinkat("../../../../a", base_fd, "up"), 0);
	CHECK_EQUAL(symlinkat("nowhere", base_fd, "dangling"), 0);
	CHECK_EQUAL(symlinkat("loop", base_fd, "loop"), 0);
	fd = nsr_make_in(base_fd, "/a/b/c", true, 0700, &made);
	CHECK(made && strcmp(where(fd), "/a/b/c") == 0);
	fd = nsr_make_in(base_fd, "/a/b/c", true, 0700, &made);
	CHECK(!made && strcmp(where(fd), "/a/b/c") == 0);
	fd = nsr_make_in(base_fd, "/absolute/d//e/", true, 0700, &made);
	CHECK(made && strcmp(where(fd), "/a/b/d/e") == 0);
	fd = nsr_make_in(base_fd, "up/b/file", false, 0644, &made);
	CHECK(made && strcmp(where(fd), "/a/b/file") == 0);
	fd = nsr_make_in(base_fd, "/../../../x/y", true, 0755, &made);
	CHECK(made && strcmp(where(fd), "/x/y") == 0);
	fd = nsr_make_in(base_fd, "/dangling/x", true, 0755, &made);
	CHECK(made && strcmp(where(fd), "/nowhere/x") == 0);
	CHECK_EQUAL(symlinkat("../../run/resolve//stub", base_fd, "a/b/resolv.conf"), 0);
	CHECK_EQUAL(symlinkat("var/run/", base_fd, "run"), 0);
	CHECK_EQUAL(symlinkat("/a/b/resolv.conf", base_fd, "again"), 0);
	fd = nsr_make_in(base_fd, "/again", false, 0644, &made);
	CHECK(made && strcmp(where(fd), "/var/run/resolve/stub") == 0);
	CHECK_EQUAL(symlinkat("self/x", base_fd, "self"), 0);
	CHECK_EQUAL(nsr_make_in(base_fd, "/self/y", true, 0755, NULL), -ELOOP);
	CHECK_EQUAL(symlinkat("turn", base_fd, "turn2"), 0);
	CHECK_EQUAL(symlinkat("turn2", base_fd, "turn"), 0);
	CHECK_EQUAL(nsr_make_in(base_fd, "/turn", true, 0755, NULL), -ELOOP);
	CHECK_EQUAL(nsr_make_in(base_fd, "/loop/x", true, 0755, NULL), -ELOOP);
	CHECK_EQUAL(nsr_make_in(base_fd, "/a/b/file/x", true, 0755, NULL), -ENOTDIR);
	fd = nsr_make_in(base_fd, "/new/../../other", true, 0755, &made);
	CHECK(made && strcmp(where(fd), "/other") == 0);
	CHECK(access("/x/y", F_OK) < 0 && access("/nowhere", F_OK) < 0);
	remove_base();
}

static void test_below(void)
{
	const uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
	int fd;

	make_base();
	CHECK_EQUAL(symlinkat("inside", base_fd, "relative"), 0);
	CHECK_EQUAL(symlinkat("/etc", base_fd, "absolute"), 0);
	CHECK_EQUAL(symlinkat("../nsr-test-path-other", base_fd, "up"), 0);
	CHECK_EQUAL(mkdirat(base_fd, "inside", 0755), 0);
	fd = nsr_make_resolved(base_fd, "relative/x/y", true, 0750, resolve, NULL);
	CHECK(fd >= 0 && strcmp(where(fd), "/inside/x/y") == 0);
	CHECK_EQUAL(nsr_make_resolved(base_fd, "absolute/x", true, 0755, resolve, NULL), -EXDEV);
	CHECK_EQUAL(nsr_make_resolved(base_fd, "up/x", true, 0755, resolve, NULL), -EXDEV);
	CHECK_EQUAL(nsr_make_resolved(base_fd, "inside/../../x", true, 0755, resolve, NULL), -EXDEV);
	CHECK_EQUAL(nsr_make_resolved(base_fd, "relative/x", true, 0755, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, NULL), -ELOOP);
	remove_base();
}

static void test_lexical(void)
{
	CHECK(nsr_path_below("/dev", "/dev") && nsr_path_below("/dev/shm", "/dev") && nsr_path_below("//dev/./x", "/dev"));
	CHECK(nsr_path_below("/a/../dev/x", "/dev") && nsr_path_below("/../dev", "/dev") && nsr_path_below("/dev/", "/dev"));
	CHECK(!nsr_path_below("/devices", "/dev") && !nsr_path_below("/dev/..", "/dev") && !nsr_path_below("/a/dev", "/dev"));
	CHECK(!nsr_path_below("/dev/../x/dev", "/dev") && !nsr_path_below("/", "/dev") && nsr_path_below("/x", "/"));
	CHECK(nsr_path_below("/sys/fs/cgroup", "/sys/fs/cgroup") && !nsr_path_below("/sys/fs", "/sys/fs/cgroup"));
	CHECK(nsr_is_component("a") && !nsr_is_component("") && !nsr_is_component(".") && !nsr_is_component("..") && !nsr_is_component("a/b"));
}

/* A tree deeper than descriptors are kept open, with links out of it. */
static void test_remove(void)
{
	struct nsr_error e;
	int fd, next;

	make_base();
	CHECK_EQUAL(mkdirat(base_fd, "keep", 0755), 0);
	CHECK_EQUAL(mkdirat(base_fd, "keep/me", 0755), 0);
	CHECK_EQUAL(mkdirat(base_fd, "tree", 0755), 0);
	fd = openat(base_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 300; i++) {
		CHECK_EQUAL(symlinkat(keep, fd, "link"), 0);
		CHECK_EQUAL(mkdirat(fd, "d", 0000), 0);
		CHECK_EQUAL(mkdirat(fd, "e", 0755), 0);
		CHECK_EQUAL(mkdirat(fd, "e/f", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(next >= 0);
		CHECK_EQUAL(close(fd), 0);
		fd = next;
	}
	CHECK_EQUAL(close(fd), 0);
	CHECK_EQUAL(nsr_remove_tree(base_fd, "tree", &e), 0);
	CHECK(faccessat(base_fd, "tree", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	CHECK_EQUAL(faccessat(base_fd, "keep/me", F_OK, 0), 0);
	CHECK_EQUAL(nsr_remove_tree(base_fd, "tree", &e), 0); /* gone already */
	CHECK_EQUAL(symlinkat("keep", base_fd, "link"), 0);
	CHECK_EQUAL(nsr_remove_tree(base_fd, "link", &e), 0); /* the link itself */
	CHECK_EQUAL(faccessat(base_fd, "keep/me", F_OK, 0), 0);
	CHECK_EQUAL(nsr_remove_tree(base_fd, "../x", &e), -EINVAL);
	CHECK_EQUAL(e.step, NSR_STEP_REMOVE);
	remove_base();
}

/* Wide where it is deep, and as deep as it is wide: the work grows with the number of entries alone. With its square, this takes minutes. */
static void test_remove_large(void)
{
	enum { DEPTH = 6000, WIDTH = 1500, WIDE_AT = 60 };
	struct nsr_error e;
	int fd;

	make_base();
	CHECK_EQUAL(mkdirat(base_fd, "tree", 0755), 0);
	fd = openat(base_fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int depth = 0; depth < DEPTH; depth++) {
		int next;

		for (int i = 0; depth == WIDE_AT && i < WIDTH; i++) {
			char name[32];

			(void)snprintf(name, sizeof(name), "%d", i);
			CHECK_EQUAL(mkdirat(fd, name, 0755), 0);
			(void)strcat(name, "/x");
			CHECK_EQUAL(mkdirat(fd, name, 0755), 0);
		}
		CHECK_EQUAL(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		CHECK(next >= 0);
		CHECK_EQUAL(close(fd), 0);
		fd = next;
	}
	CHECK_EQUAL(close(fd), 0);
	CHECK_EQUAL(nsr_remove_tree(base_fd, "tree", &e), 0);
	CHECK(faccessat(base_fd, "tree", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
	remove_base();
}

/* Somebody swaps directories for links to a place that must stay, and moves them to such a place, all the time. */
static void test_remove_race(void)
{
	struct nsr_error e;
	pid_t pid;
	int status;

	make_base();
	CHECK_EQUAL(mkdirat(base_fd, "keep", 0755), 0);
	for (int i = 0; i < 100; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "keep/%d", i);
		CHECK_EQUAL(mkdirat(base_fd, name, 0755), 0);
	}
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (;;) {
			(void)mkdirat(base_fd, "tree", 0755);
			(void)mkdirat(base_fd, "tree/d", 0755);
			(void)mkdirat(base_fd, "tree/d/x", 0755);
			(void)renameat(base_fd, "tree/d", base_fd, "tree/old");
			(void)symlinkat(keep, base_fd, "tree/d");
			(void)unlinkat(base_fd, "tree/d", 0);
			(void)renameat(base_fd, "tree/old", base_fd, "tree/d");
			(void)renameat(base_fd, "tree/d", base_fd, "keep/away"); /* ".." from in there is not the way back */
			(void)renameat(base_fd, "keep/away", base_fd, "tree/d");
		}
	}
	for (int i = 0; i < 2000; i++)
		(void)nsr_remove_tree(base_fd, "tree", &e); /* who wins is no matter */
	CHECK_EQUAL(kill(pid, SIGKILL), 0);
	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	for (int i = 0; i < 100; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "keep/%d", i);
		CHECK_EQUAL(faccessat(base_fd, name, F_OK, 0), 0);
	}
	remove_base();
}

static void test_mountinfo_line(void)
{
	char line[] = "36 35 98:0 /mnt1 /a\\040b\\134c rw,noatime master:1 - ext3 /dev/root rw", bad[] = "36 35 98:0";

	CHECK(strcmp(nsr_mountinfo_point(line), "/a b\\c") == 0);
	CHECK(nsr_mountinfo_point(bad) == NULL);
}

/* Read-only with everything below it, by mount_setattr and by the way of older kernels. Alone in a mount namespace. */
static void test_restrict(void)
{
	static const char *const options[] = {"source", "tmpfs", NULL};
	int outer, inner, fd, target;

	make_base();
	CHECK_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	outer = nsr_mount_new("tmpfs", options, 0);
	CHECK(outer >= 0);
	CHECK_EQUAL(nsr_mount_attach(outer, base_fd), 0);
	CHECK_EQUAL(nsr_mountinfo_is_shared(outer), 0);
	CHECK_EQUAL(nsr_mount_propagate(outer, MS_SHARED), 0);
	CHECK_EQUAL(nsr_mountinfo_is_shared(outer), 1);
	CHECK_EQUAL(nsr_mount_propagate(outer, MS_PRIVATE), 0);
	CHECK_EQUAL(mkdirat(outer, "in side", 0755), 0);
	inner = nsr_mount_new("tmpfs", options, MOUNT_ATTR_NOSUID);
	target = openat(outer, "in side", O_PATH | O_CLOEXEC);
	CHECK_EQUAL(nsr_mount_attach(inner, target), 0);
	fd = openat(inner, "before", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	CHECK_EQUAL(close(fd), 0);
	CHECK_EQUAL(nsr_mount_restrict(outer, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, true), 0);
	CHECK_EQUAL(openat(outer, "x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
	CHECK_EQUAL(errno, EROFS);
	CHECK_EQUAL(openat(inner, "x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), -1);
	CHECK_EQUAL(errno, EROFS);
	CHECK_EQUAL(umount2(base, MNT_DETACH), 0);
	CHECK_EQUAL(close(outer) | close(inner) | close(target), 0);
	remove_base();
}

/* A directory of the mount that fd names, with a tmpfs on it. */
static int tmpfs_in(int fd, const char *name)
{
	static const char *const options[] = {"source", "tmpfs", NULL};
	int target, mounted = nsr_mount_new("tmpfs", options, 0);

	CHECK(mounted >= 0);
	CHECK(mkdirat(fd, name, 0755) == 0 || errno == EEXIST);
	target = openat(fd, name, O_PATH | O_CLOEXEC);
	CHECK(target >= 0);
	CHECK_EQUAL(nsr_mount_attach(mounted, target), 0);
	CHECK_EQUAL(close(target), 0);
	return mounted;
}

static bool can_write(int fd)
{
	int file = openat(fd, "x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	CHECK(file >= 0 || errno == EROFS);
	if (file >= 0)
		(void)close(file);
	return file >= 0;
}

/* Mounts that no path leads to any more, because others lie above them: what can be reached is read-only all the same, and what lies at
 * their paths now, which is no mount, or belongs to others, is left alone. */
static void test_restrict_hidden(void)
{
	int volume, hidden[4], cover, other, below, outside;
	char path[80];

	make_base();
	CHECK_EQUAL(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	outside = tmpfs_in(base_fd, "volume"); /* as a file system of the host's that lies where the volume comes */
	hidden[3] = tmpfs_in(outside, "gone");
	volume = tmpfs_in(base_fd, "volume");
	CHECK_EQUAL(mkdirat(volume, "a", 0755), 0);
	hidden[0] = tmpfs_in(volume, "a/directory");
	hidden[1] = tmpfs_in(volume, "a/link");
	hidden[2] = tmpfs_in(volume, "a/nothing");
	other = tmpfs_in(base_fd, "other");
	cover = tmpfs_in(volume, "a");
	CHECK_EQUAL(mkdirat(cover, "directory", 0755), 0);
	CHECK_EQUAL(symlinkat("../../other", cover, "link"), 0);
	below = tmpfs_in(cover, "below");
	CHECK_EQUAL(nsr_mount_restrict(volume, MOUNT_ATTR_RDONLY, true), 0);
	CHECK(!can_write(volume) && !can_write(cover) && !can_write(below));
	CHECK(can_write(other) && can_write(outside));
	for (size_t i = 0; i < 4; i++)
		CHECK_EQUAL(close(hidden[i]), 0);
	CHECK_EQUAL(close(below) | close(cover) | close(other) | close(volume) | close(outside), 0);
	(void)snprintf(path, sizeof(path), "%s/other", base);
	CHECK_EQUAL(umount2(path, MNT_DETACH), 0);
	(void)snprintf(path, sizeof(path), "%s/volume", base);
	CHECK_EQUAL(umount2(path, MNT_DETACH) | umount2(path, MNT_DETACH), 0);
	remove_base();
}

int main(void)
{
	umask(0);
	(void)snprintf(base, sizeof(base), "/tmp/nsr-test-path.%d", (int)getpid());
	(void)snprintf(keep, sizeof(keep), "%s/keep", base);
	test_make_in();
	test_below();
	test_lexical();
	test_remove();
	test_remove_large();
	test_remove_race();
	test_mountinfo_line();
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0)
		return 77;
	test_restrict();
	test_restrict_hidden();
	nsr_force_fallback = NSR_FALLBACK_MOUNT_SETATTR;
	test_restrict();
	test_restrict_hidden();
	return 0;
}
