/* pause.c - nsrunner-pause: a process that is there. It holds the pod's namespaces, is the first process of its pid namespace and reaps
 * what is left to it there. No logic, no libc: one page of code and a stack for each pod.
 *
 * What it needs was arranged before: empty root, no capabilities, death signal (csrc/pause_spawn.c). It cannot be ended from within
 * the pod; SIGKILL from outside does.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define SIG_BLOCK 0
#define SIGCHLD 17
#define WNOHANG 1
#define WALL 0x40000000 /* __WALL */

static long call(long number, long a, long b, long c, long d)
{
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	result = x0;
#else
#error "pause.c: system calls of this architecture are missing"
#endif
	return result;
}

_Noreturn void _start(void);

_Noreturn void _start(void)
{
	unsigned long all = ~0ul, child = 1ul << (SIGCHLD - 1);

	(void)call(SYS_chdir, (long)"/", 0, 0, 0); /* nsr_exec_fd() */
	/* Run from a memfd, it would be called by its descriptor's number. */
	(void)call(SYS_prctl, PR_SET_NAME, (long)"pause", 0, 0);
	/* execve made us dumpable; members of a shared pid namespace shall not look into us. */
	(void)call(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0);
	/* Blocked, SIGCHLD waits for us to ask; the others find a first process that does not listen. */
	(void)call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, 0, sizeof(all));
	for (;;) {
		while (call(SYS_wait4, -1, 0, WNOHANG | WALL, 0) > 0)
			;
		(void)call(SYS_rt_sigtimedwait, (long)&child, 0, 0, sizeof(child));
	}
}
