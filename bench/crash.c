/* crash.c - writes down when it began and when it ended, in nanoseconds of CLOCK_BOOTTIME: crash.c FILE TIMES. So many runs crash, the
 * next one waits to be killed. A run is two lines of 20 bytes in FILE.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void stamp(int fd)
{
	struct timespec now;
	char line[32];

	clock_gettime(CLOCK_BOOTTIME, &now);
	if (write(fd, line, (size_t)snprintf(line, sizeof line, "%019lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec)) != 20)
		_exit(2);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		return 2;
	fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd < 0)
		return 2;
	stamp(fd);
	if (lseek(fd, 0, SEEK_END) > 40L * atoi(argv[2]))
		pause();
	stamp(fd);
	_exit(1);
}
