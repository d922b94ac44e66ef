/* lines.c - writes lines of 100 bytes to stdout: lines.c BYTES [each], "each" a write(2) a line, otherwise 64 KiB at once.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char buffer[65500];
	long long left = argc > 1 ? atoll(argv[1]) : 0;
	size_t chunk = argc > 2 ? 100 : sizeof buffer;

	memset(buffer, 'x', sizeof buffer);
	for (size_t i = 99; i < sizeof buffer; i += 100)
		buffer[i] = '\n';
	while (left > 0) {
		ssize_t n = write(1, buffer, chunk);
		if (n < 0)
			return 1;
		left -= n;
	}
	return 0;
}
