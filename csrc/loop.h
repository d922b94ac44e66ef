/* loop.h - the shim's event loop: descriptors that become ready and moments that come. One thread, one event at a time, so that
 * a handler may remove or free any other watch.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_LOOP_H
#define NSR_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define nsr_container_of(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* A descriptor that is waited for. It lies inside of whatever owns it and is not closed here. fd < 0: not watched. */
struct nsr_watch {
	int fd;
	uint32_t events;
	void (*ready)(struct nsr_watch *watch, uint32_t events);
};

/* A moment on CLOCK_BOOTTIME: suspended time counts, as it does for the kubelet's clocks. */
struct nsr_timer {
	struct nsr_timer *next;
	uint64_t due_ns;
	bool armed;
	void (*fire)(struct nsr_timer *timer);
};

struct nsr_loop {
	int epoll_fd;
	struct nsr_timer *timers; /* soonest first */
	bool passed_over; /* an event was ready in the last turn, which was a timer's */
};

int nsr_loop_open(struct nsr_loop *loop);

/* Level-triggered. -EPERM for a regular file, which is always ready and cannot be waited for. */
int nsr_watch_add(struct nsr_loop *loop, struct nsr_watch *watch, int fd, uint32_t events,
		  void (*ready)(struct nsr_watch *, uint32_t));
void nsr_watch_change(struct nsr_loop *loop, struct nsr_watch *watch, uint32_t events);
void nsr_watch_remove(struct nsr_loop *loop, struct nsr_watch *watch);

/* Sets or moves the moment. */
void nsr_timer_arm(struct nsr_loop *loop, struct nsr_timer *timer, uint64_t delay_ms, void (*fire)(struct nsr_timer *));
void nsr_timer_cancel(struct nsr_loop *loop, struct nsr_timer *timer);

/* Waits for one event and handles it. 0, or -errno when waiting itself failed. */
int nsr_loop_turn(struct nsr_loop *loop);

uint64_t nsr_now_ns(void);

#endif
