/* loop.c - epoll and a sorted list of timers.
 *
 * One event a turn: with a batch, a handler that frees another watch would leave its event behind, pointing at nothing. The price
 * is a system call an event, which is small beside the 256 KiB that a busy log pipe yields.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>

#include "loop.h"

#define NS_PER_MS 1000000u

uint64_t nsr_now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail for a clock that exists since 2.6.39 */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int nsr_loop_open(struct nsr_loop *loop)
{
	*loop = (struct nsr_loop){0};
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

int nsr_watch_add(struct nsr_loop *loop, struct nsr_watch *watch, int fd, uint32_t events,
		  void (*ready)(struct nsr_watch *, uint32_t))
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	watch->fd = -1;
	watch->ready = ready;
	watch->events = events;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	watch->fd = fd;
	return 0;
}

void nsr_watch_change(struct nsr_loop *loop, struct nsr_watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};

	if (watch->fd < 0 || watch->events == events)
		return;
	watch->events = events;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event); /* the descriptor is in the set and open */
}

void nsr_watch_remove(struct nsr_loop *loop, struct nsr_watch *watch)
{
	if (watch->fd < 0)
		return;
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL); /* the descriptor is in the set and open */
	watch->fd = -1;
}

void nsr_timer_cancel(struct nsr_loop *loop, struct nsr_timer *timer)
{
	if (!timer->armed)
		return;
	for (struct nsr_timer **at = &loop->timers; *at; at = &(*at)->next)
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	timer->armed = false;
}

void nsr_timer_arm(struct nsr_loop *loop, struct nsr_timer *timer, uint64_t delay_ms, void (*fire)(struct nsr_timer *))
{
	struct nsr_timer **at = &loop->timers;
	uint64_t delay_ns;

	nsr_timer_cancel(loop, timer);
	if (__builtin_mul_overflow(delay_ms, NS_PER_MS, &delay_ns))
		delay_ns = UINT64_MAX / 2;
	if (__builtin_add_overflow(nsr_now_ns(), delay_ns, &timer->due_ns))
		timer->due_ns = UINT64_MAX;
	timer->fire = fire;
	while (*at && (*at)->due_ns <= timer->due_ns)
		at = &(*at)->next;
	timer->next = *at;
	*at = timer;
	timer->armed = true;
}

/* Milliseconds until the first timer, rounded up: waking early would spin. */
static int until_first_timer(const struct nsr_loop *loop)
{
	uint64_t now, left;

	if (!loop->timers)
		return -1;
	now = nsr_now_ns();
	if (loop->timers->due_ns <= now)
		return 0;
	left = (loop->timers->due_ns - now - 1) / NS_PER_MS + 1;
	return left > INT_MAX ? INT_MAX : (int)left;
}

int nsr_loop_turn(struct nsr_loop *loop)
{
	struct epoll_event event;
	struct nsr_timer *timer = loop->timers;
	struct nsr_watch *watch;
	int count = epoll_wait(loop->epoll_fd, &event, 1, until_first_timer(loop));

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	/* Timers first: a flood of output must not hold up a deadline. Nor may one that is always due again hold up the rest. */
	if (timer && !(count == 1 && loop->passed_over) && timer->due_ns <= nsr_now_ns()) {
		loop->passed_over = count == 1;
		nsr_timer_cancel(loop, timer);
		timer->fire(timer);
		return 0; /* the event, being level-triggered, comes again; its watch may be gone */
	}
	loop->passed_over = false;
	if (count == 1) {
		watch = event.data.ptr;
		watch->ready(watch, event.events);
	}
	return 0;
}
