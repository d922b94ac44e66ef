/* console.c - see console.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "console.h"
#include "path.h"
#include "util.h"

#define PTMX_INODE 2
#define TTY_GROUP 5

int nsr_console_open(unsigned rows, unsigned columns, unsigned owner, struct nsr_console *ret, struct nsr_error *e)
{
	static const char path[] = "/dev/pts/ptmx";
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
	cleanup_fd int master = nsr_openat2(AT_FDCWD, path, O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
	cleanup_fd int slave = -1;
	struct statfs fs;
	struct stat st;
	int unlock = 0;

	if (master < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, -master, path);
	/* An image or another container of a shared mount could have put anything there (CVE-2025-52565). */
	if (fstatfs(master, &fs) < 0 || fstat(master, &st) < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, errno, path);
	if (fs.f_type != DEVPTS_SUPER_MAGIC || st.st_ino != PTMX_INODE || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return nsr_fail(e, NSR_STEP_CONSOLE, ENODEV, path);
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, errno, path);
	/* By descriptor, not as /dev/pts/N (4.13) */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, errno, path);
	if ((rows || columns) && ioctl(master, TIOCSWINSZ, &size) < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, errno, path);
	if (owner != 0 && fchown(slave, owner, TTY_GROUP) < 0)
		return nsr_fail(e, NSR_STEP_CONSOLE, errno, path);
	*ret = (struct nsr_console){steal_fd(&master), steal_fd(&slave)};
	return 0;
}

/* dup2 that also works onto itself, and leaves the copy open across execve. */
static int place(int fd, int number)
{
	if (fd == number)
		return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
	return dup2(fd, number) < 0 ? -errno : 0;
}

int nsr_console_take(const struct nsr_console *console, struct nsr_error *e)
{
	for (int number = 0; number < 3; number++) {
		int r = place(console->slave, number);

		if (r < 0)
			return nsr_fail(e, NSR_STEP_STDIO, -r, "");
	}
	return 0;
}

int nsr_console_control(struct nsr_error *e)
{
	return ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0 ? nsr_fail(e, NSR_STEP_CONSOLE, errno, "") : 0;
}

int nsr_stdio_take(const int stdio[3], unsigned owner, struct nsr_error *e)
{
	int high[3];

	/* First out of the way: stdio[0] may be descriptor 2. They end at close_range or at execve. */
	for (int i = 0; i < 3; i++) {
		high[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, 3);
		if (high[i] < 0)
			return nsr_fail(e, NSR_STEP_STDIO, errno, "");
	}
	for (int i = 0; i < 3; i++) {
		struct statfs fs;
		int r = place(high[i], i);

		if (r < 0)
			return nsr_fail(e, NSR_STEP_STDIO, -r, "");
		/* Anonymous pipes only: a file, a terminal or a named FIFO is somebody's. */
		if (owner != 0 && fstatfs(i, &fs) == 0 && fs.f_type == PIPEFS_MAGIC && fchown(i, owner, (gid_t)-1) < 0)
			return nsr_fail(e, NSR_STEP_STDIO, errno, "");
	}
	return 0;
}
