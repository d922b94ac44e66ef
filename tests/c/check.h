/* check.h - what C unit tests share: a condition that must hold, told with its place when it does not.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_CHECK_H
#define NSR_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			(void)fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition); \
			exit(1); \
		} \
	} while (0)

#define CHECK_EQUAL(got, wanted) \
	do { \
		long long check_got = (long long)(got), check_wanted = (long long)(wanted); \
		if (check_got != check_wanted) { \
			(void)fprintf(stderr, "%s:%d: %s: %s is %lld, not %lld\n", __FILE__, __LINE__, __func__, #got, check_got, check_wanted); \
			exit(1); \
		} \
	} while (0)

#endif
