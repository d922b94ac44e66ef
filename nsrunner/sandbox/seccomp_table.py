"""The default seccomp profile, as data: which system calls a container may make.

The same as containerd and docker give (moby/profiles ``seccomp/default.json``, 2026), with two deliberate differences:

- ``unshare`` needs CAP_SYS_ADMIN, and so does ``setns``: new user namespaces are what most kernel exploits begin with;
- ``socketcall`` (32-bit x86 only) is ENOSYS: the protocol family is behind a pointer there, where no filter can see it.

Names that the installed libseccomp does not know yet are left out when the filter is made; their numbers lie above
all that it knows and answer ENOSYS, so that programs fall back.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ALLOWED", "BY_ARCHITECTURE", "BY_CAPABILITY", "CLONE_NAMESPACES", "PERSONALITIES", "UNFILTERED_FAMILIES"]

ALLOWED: Final = tuple(
    """
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64
    fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents
    getdents64 ioctl lchown lchown32 link linkat listmount _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat
    name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2
    read readahead readlink readlinkat readv rename renameat renameat2 rmdir sendfile sendfile64 splice stat stat64
    statfs statfs64 statmount statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask
    unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev

    fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
    lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat

    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
    io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6
    pselect6_time64 select signalfd signalfd4

    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair

    brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap
    mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease
    remap_file_pages

    execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getpgid getpgrp getpid getppid
    getpriority getrandom getrlimit getrusage getsid gettid ioprio_get ioprio_set kill pause pidfd_open
    pidfd_send_signal prctl prlimit64 process_vm_readv process_vm_writev ptrace restart_syscall riscv_hwprobe rseq
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield set_robust_list set_thread_area set_tid_address setpgid setpriority setrlimit
    setsid sysinfo tgkill times tkill ugetrlimit uname uretprobe vfork wait4 waitid waitpid

    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn

    capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
    getresuid getresuid32 getuid getuid32 landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp
    setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid
    setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32

    futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake ipc mq_getsetattr mq_notify mq_open
    mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd
    semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget

    adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
    timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
    timerfd_gettime64 timerfd_settime timerfd_settime64
    """.split()  # noqa: SIM905 - a table of words reads better than 360 quoted ones
)

BY_ARCHITECTURE: Final = {
    "x86_64": ("arch_prctl", "modify_ldt"),
    "aarch64": ("arm_fadvise64_64", "arm_sync_file_range", "sync_file_range2", "breakpoint", "cacheflush", "set_tls"),
}

BY_CAPABILITY: Final = {
    "CAP_BPF": ("bpf",),
    "CAP_DAC_READ_SEARCH": ("open_by_handle_at",),
    "CAP_PERFMON": ("perf_event_open",),
    "CAP_SYSLOG": ("syslog",),
    "CAP_SYS_ADMIN": tuple(
        """
        bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
        lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl
        quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
        """.split()  # noqa: SIM905 - a table of words reads better than 360 quoted ones
    ),
    "CAP_SYS_BOOT": ("reboot",),
    "CAP_SYS_CHROOT": ("chroot",),
    "CAP_SYS_MODULE": ("delete_module", "init_module", "finit_module"),
    "CAP_SYS_NICE": ("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"),
    "CAP_SYS_PACCT": ("acct",),
    "CAP_SYS_PTRACE": ("kcmp", "pidfd_getfd", "process_madvise"),
    "CAP_SYS_RAWIO": ("iopl", "ioperm"),
    "CAP_SYS_TIME": ("settimeofday", "stime", "clock_settime", "clock_settime64"),
    "CAP_SYS_TTY_CONFIG": ("vhangup",),
}
"""Allowed as well when the capability is in the bounding set."""

PERSONALITIES: Final = (0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF)
"""PER_LINUX, PER_LINUX32, both with UNAME26, and the query."""

UNFILTERED_FAMILIES: Final = ((0, 37), (39, 39), (41, 0xFFFFFFFF))
"""Ranges of socket families: all but AF_ALG (38) and AF_VSOCK (40)."""

CLONE_NAMESPACES: Final = 0x7E020000
"""Every CLONE_NEW* flag that clone(2) takes."""
