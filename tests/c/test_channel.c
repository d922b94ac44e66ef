/* test_channel.c - what the shim gets to know of a child that has ended, whatever the child has left unread.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "check.h"
#include "runtime.h"
#include "util.h"

static int childs_end;

static struct nsr_spawned begin(void)
{
	struct nsr_error e;
	int ends[2];

	CHECK_EQUAL(nsr_channel_open(ends, &e), 0);
	childs_end = ends[1];
	/* The reports are this process's: its own number spares the look for another one. */
	return (struct nsr_spawned){.channel = ends[0], .pid = getpid(), .pidfd = -1, .console = -1, .cgroup_fd = -1};
}

static void expect_failure(struct nsr_spawned *s, enum nsr_step step, int err)
{
	struct nsr_error e = {0};

	CHECK_EQUAL(nsr_spawned_read(s, &e), NSR_FAILED);
	CHECK_EQUAL(e.step, step);
	CHECK_EQUAL(e.err, err);
	nsr_spawned_close(s);
}

/* A socket that is closed with something unread in it tells its peer of that before what it has sent. */
static void test_a_word_that_came_too_late(void)
{
	struct nsr_spawned s = begin();
	struct nsr_error reason;

	(void)nsr_fail(&reason, NSR_STEP_CHDIR, ENOENT, "/work");
	nsr_spawned_tell(&s, NSR_WORD_SANDBOX);
	CHECK_EQUAL(nsr_channel_send(childs_end, NSR_REPORT_ERROR, &reason, -1), 0);
	CHECK_EQUAL(close(childs_end), 0);
	expect_failure(&s, NSR_STEP_CHDIR, ENOENT);
}

static void test_one_that_was_killed(void)
{
	struct nsr_spawned s = begin();

	nsr_spawned_tell(&s, NSR_WORD_SANDBOX);
	nsr_spawned_tell(&s, NSR_WORD_GO);
	CHECK_EQUAL(close(childs_end), 0);
	expect_failure(&s, NSR_STEP_DIED, ECHILD);
}

static void test_words(void)
{
	struct nsr_spawned s = begin();
	unsigned heard = 0;

	nsr_spawned_tell(&s, NSR_WORD_GO);
	nsr_spawned_tell(&s, NSR_WORD_SANDBOX);
	CHECK_EQUAL(nsr_channel_wait(childs_end, NSR_WORD_SANDBOX, &heard), 0);
	CHECK_EQUAL(heard, NSR_WORD_SANDBOX | NSR_WORD_GO);
	CHECK_EQUAL(nsr_channel_wait(childs_end, NSR_WORD_GO, &heard), 0);
	nsr_spawned_close(&s);
	heard = 0;
	CHECK_EQUAL(nsr_channel_wait(childs_end, NSR_WORD_GO, &heard), -ECONNRESET);
	CHECK_EQUAL(close(childs_end), 0);
}

int main(void)
{
	test_a_word_that_came_too_late();
	test_one_that_was_killed();
	test_words();
	return 0;
}
