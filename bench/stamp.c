/* stamp.c - says when it was started: CLOCK_BOOTTIME in nanoseconds, as its first deed; then waits to be killed.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	printf("%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	fflush(stdout);
	pause();
	return 0;
}
