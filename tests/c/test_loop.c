/* test_loop.c - the event loop: order of timers, watches that remove each other, time that passes only once.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check.h"
#include "loop.h"

static struct nsr_loop loop;
static int fired[8], fired_count, ready_count;
static struct nsr_timer timers[4];
static struct nsr_watch watches[2];

static void on_timer(struct nsr_timer *timer)
{
	CHECK(!timer->armed);
	fired[fired_count++] = (int)(timer - timers);
}

static void on_timer_again(struct nsr_timer *timer)
{
	on_timer(timer);
	nsr_timer_cancel(&loop, &timers[3]);
	nsr_timer_arm(&loop, timer, 1, on_timer);
}

/* Whichever comes first removes both: the other's event must not arrive. */
static void on_ready(struct nsr_watch *watch, uint32_t events)
{
	CHECK(events & EPOLLIN && watch->fd >= 0);
	ready_count++;
	nsr_watch_remove(&loop, &watches[0]);
	nsr_watch_remove(&loop, &watches[1]);
}

static void test_timers(void)
{
	/* Far apart: an emulated machine under load stands still for some 100 ms. */
	nsr_timer_arm(&loop, &timers[0], 1500, on_timer);
	nsr_timer_arm(&loop, &timers[1], 100, on_timer);
	nsr_timer_arm(&loop, &timers[2], 500, on_timer_again);
	nsr_timer_arm(&loop, &timers[3], 1000, on_timer);
	nsr_timer_arm(&loop, &timers[1], 5, on_timer); /* moved, not doubled */
	while (loop.timers)
		CHECK_EQUAL(nsr_loop_turn(&loop), 0);
	CHECK_EQUAL(fired_count, 4);
	CHECK(fired[0] == 1 && fired[1] == 2 && fired[2] == 2 && fired[3] == 0);
	nsr_timer_arm(&loop, &timers[0], UINT64_MAX, on_timer); /* for ever, without overflow */
	CHECK(timers[0].armed && timers[0].due_ns > nsr_now_ns());
	nsr_timer_cancel(&loop, &timers[0]);
	nsr_timer_cancel(&loop, &timers[0]);
	CHECK(!loop.timers);
}

static void test_watches(void)
{
	int pipes[2][2], file = open("/proc/self/exe", O_RDONLY);
	struct nsr_watch regular;

	for (int i = 0; i < 2; i++) {
		CHECK(pipe(pipes[i]) == 0 && write(pipes[i][1], "x", 1) == 1);
		CHECK_EQUAL(nsr_watch_add(&loop, &watches[i], pipes[i][0], EPOLLIN, on_ready), 0);
	}
	nsr_timer_arm(&loop, &timers[0], 20, on_timer);
	fired_count = 0;
	while (fired_count == 0)
		CHECK_EQUAL(nsr_loop_turn(&loop), 0);
	CHECK_EQUAL(ready_count, 1);
	/* A timer that is due goes before a descriptor that is ready for ever. */
	CHECK_EQUAL(nsr_watch_add(&loop, &watches[0], pipes[0][0], EPOLLIN, on_ready), 0);
	nsr_timer_arm(&loop, &timers[0], 0, on_timer);
	CHECK_EQUAL(nsr_loop_turn(&loop), 0);
	CHECK_EQUAL(fired_count, 2);
	/* But one that is due again at once does not go before it twice. */
	nsr_timer_arm(&loop, &timers[0], 0, on_timer);
	CHECK_EQUAL(nsr_loop_turn(&loop), 0);
	CHECK(fired_count == 2 && ready_count == 2 && timers[0].armed);
	CHECK_EQUAL(nsr_loop_turn(&loop), 0);
	CHECK_EQUAL(fired_count, 3);
	CHECK_EQUAL(nsr_watch_add(&loop, &watches[0], pipes[0][0], EPOLLIN, on_ready), 0);
	nsr_watch_change(&loop, &watches[0], 0);
	nsr_timer_arm(&loop, &timers[0], 5, on_timer);
	CHECK_EQUAL(nsr_loop_turn(&loop), 0);
	CHECK_EQUAL(fired_count, 4);
	nsr_watch_remove(&loop, &watches[0]);
	nsr_watch_change(&loop, &watches[0], EPOLLIN); /* not watched: nothing */
	CHECK_EQUAL(ready_count, 2);
	CHECK_EQUAL(nsr_watch_add(&loop, &regular, file, EPOLLIN, on_ready), -EPERM);
	CHECK(regular.fd < 0);
}

int main(void)
{
	CHECK_EQUAL(nsr_loop_open(&loop), 0);
	test_timers();
	test_watches();
	return 0;
}
