/* leaves.c - says its start, as stamp.c does, and ends at a TERM.
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void leave(int signal)
{
	_exit(signal == SIGTERM ? 0 : 1);
}

int main(void)
{
	struct timespec now;

	signal(SIGTERM, leave);
	clock_gettime(CLOCK_BOOTTIME, &now);
	printf("%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fflush(stdout);
	for (;;)
		pause();
}
