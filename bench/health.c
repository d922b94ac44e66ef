/* health.c - an HTTP server for probes, as cheap as one can be: health.c PORT [MILLISECONDS]. For so long it answers 503, then 200. With
 * MILLISECONDS it says on stdout, in nanoseconds of CLOCK_BOOTTIME, when that is to end, and when it first answered 200.
 * SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char WELL[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
static const char UNWELL[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static long long now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (long long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void say(long long when)
{
	printf("%lld\n", when);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argc > 1 ? argv[1] : "80"))};
	long long well = argc > 2 ? now() + atoll(argv[2]) * 1000000 : 0;
	int told = argc <= 2, one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	char request[4096];

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 128) < 0)
		return 1;
	if (!told)
		say(well);
	for (;;) {
		int fd = accept(listener, NULL, NULL);

		if (fd < 0)
			continue;
		if (read(fd, request, sizeof request) > 0) {
			long long answered = now();
			int is_well = answered >= well;

			if (write(fd, is_well ? WELL : UNWELL, is_well ? strlen(WELL) : strlen(UNWELL)) < 0)
				is_well = 0;
			if (is_well && !told) {
				told = 1;
				say(answered);
			}
		}
		close(fd);
	}
}
