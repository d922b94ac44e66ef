"""What the fault tests let fail: system calls by what they are for, and what the pod is to say of it."""

from __future__ import annotations

import errno
import os
from typing import Literal, NamedTuple

__all__ = [
    "ELSEWHERE",
    "EVERY_STEP",
    "EXEC",
    "HOST_PID",
    "PAUSE",
    "SANDBOX",
    "SHIM",
    "START",
    "TARGET",
    "TERMINAL",
    "Step",
]


class Step(NamedTuple):
    """One system call that fails."""

    kind: Literal["sandbox", "volume", "config", "create", "run", "exec"]
    """What it becomes: FailedCreatePodSandBox, FailedMount, CreateContainerConfigError, CreateContainerError,
    RunContainerError; or an exec's error."""
    step: str
    """Name in csrc/steps.h."""
    path: str
    call: str
    """Name of the system call; a pattern, because libraries differ (mkdir, mkdirat)."""
    text: str
    """Pattern of its arguments as strace shows them."""
    error: str
    """Or a signal, which kills the process instead."""
    says: str = ""
    """The message, where it is in other words than ``step path: reason``."""
    nth: int = 1
    """Which of the calls that match."""
    always: bool = False
    """All later calls of that name fail, too."""

    @property
    def errno(self) -> int:
        number: int = getattr(errno, "ECHILD" if self.error.startswith("SIG") else self.error)
        return number

    @property
    def message(self) -> str:
        if self.says:
            return self.says
        where = "" if self.step.endswith(f" {self.path}") else self.path
        reason = os.strerror(self.errno)
        prefix = "unable to start container process: " if self.kind == "run" else ""
        return f"{prefix}{f'{self.step} {where}'.rstrip()}: {reason[0].lower()}{reason[1:]}"

    def __str__(self) -> str:
        words = " ".join(filter(None, [self.step, self.path, self.call, self.error, str(self.nth) * (self.nth > 1)]))
        return words.replace(" ", "-").replace("/", "-")


def sandbox(step: str, path: str, call: str, text: str, error: str, nth: int = 1) -> Step:
    return Step("sandbox", step, path, call, text, error, nth=nth)


def volume(step: str, name: str, call: str, text: str, error: str, says: str) -> Step:
    return Step("volume", step, name, call, text, error, f'MountVolume.SetUp failed for volume "{name}" : {says}')


def config(step: str, path: str, call: str, text: str, error: str, says: str = "") -> Step:
    return Step("config", step, path, call, text, error, says)


def create(step: str, path: str, call: str, text: str, error: str, says: str = "") -> Step:
    return Step("create", step, path, call, text, error, says)


def run(step: str, path: str, call: str, text: str, error: str, says: str = "", **more: bool | int) -> Step:
    said = f"unable to start container process: {says}" if says else ""
    return Step("run", step, path, call, text, error, said, **more)  # type: ignore[arg-type] # nth: int, always: bool


def an_exec(step: str, path: str, call: str, text: str, error: str, says: str = "") -> Step:
    return Step("exec", step, path, call, text, error, says)


DIED = "wait for the process to start: it died"
ADDRESS = "192.0.2.1/32"
OOM = "/proc/self/oom_score_adj"
STAT = 'failed to generate container spec: failed to stat "STATE/volumes/kubernetes.io~empty-dir/memory": '
SUB_PATH = 'failed to prepare subPath for volumeMount "disk" of container "main": resolve subPath part: '
CHDIR = 'chdir to cwd ("/srv") failed: '

SHIM = [  # what starts the shim
    sandbox("clone", "nsrunner-shim", "clone", "CLONE_VFORK", "EAGAIN"),
    sandbox("make session", "nsrunner-shim", "setsid", "", "EPERM"),
    sandbox("set standard streams", "nsrunner-shim", "dup2", "", "EMFILE"),
    sandbox("run the shim", "nsrunner-shim", "execveat", "nsrunner-shim", "ENOMEM"),
]

SANDBOX = [  # what the shim does before there is any other process
    sandbox("read spec", "memfd", "fcntl", "nsrunner-spec.*F_GET_SEALS", "EPERM"),
    sandbox("allocate memory", "memfd", "mmap", "nsrunner-spec", "ENOMEM"),
    sandbox("unshare namespaces", "mnt", "unshare", "CLONE_NEWNS", "ENOSPC"),
    sandbox("set mount propagation", "/", "mount", "MS_SLAVE", "EPERM"),
    sandbox("make directory", "LOGS", "mkdir(at)?", "/default_pod_", "ENOSPC"),
    sandbox("make directory", "containers", "mkdirat", '"containers"', "EDQUOT"),
    sandbox("mount", "files", "fsopen", "tmpfs", "ENODEV"),
    sandbox("mount", "shm", "move_mount", "/shm>", "EPERM"),
    sandbox("write file", "null", "mknodat", '"null"', "EPERM"),
    sandbox("write file", "hosts", "openat", '"hosts", .*O_EXCL', "ENOSPC"),
    volume("make volume", "disk", "mkdirat", '"disk"', "ENOSPC", "make volume disk: no space left on device"),
    volume("make volume", "memory", "move_mount", "/memory>", "EPERM", "mount tmpfs: operation not permitted"),
    volume(
        "check hostPath", "host", "(newfst|f?st)at(at|x)?", "/host", "EACCES", "check hostPath HOST: permission denied"
    ),
    sandbox("make cgroup", "CGROUP", "mkdir(at)?", '/nsrunner/[0-9a-f-]{36}"', "ENOSPC"),
]

PAUSE = [  # what makes pause, after the one before it was killed
    sandbox("make cgroup", "pause", "mkdirat", '"pause"', "ENOSPC"),
    sandbox("make pipes", "", "socketpair", "SOCK_SEQPACKET", "EMFILE"),
    sandbox("clone", "", "clone3", "CLONE_NEWPID", "EAGAIN"),
    sandbox("set dumpable", "", "prctl", "PR_SET_DUMPABLE", "EINVAL"),
    sandbox("set parent death signal", "", "prctl", "PR_SET_PDEATHSIG", "EINVAL"),
    sandbox("make session", "", "setsid", "", "EPERM"),
    sandbox(DIED, "", "setsid", "", "SIGKILL"),
    sandbox("unshare namespaces", "", "unshare", "CLONE_NEWNET", "ENOSPC"),
    sandbox("set hostname", "pod", "sethostname", "", "EPERM"),
    sandbox("make socket", "netlink", "socket", "AF_NETLINK", "EMFILE"),
    sandbox("set network link up", "lo", "sendto", "", "ENOBUFS"),
    sandbox("add network link", "eth0", "sendto", "", "EPERM", nth=2),
    sandbox("add network address", ADDRESS, "sendto", "nlmsg_type=(0x14|RTM_NEWADDR)", "EPERM"),
    sandbox("set sysctl", "net.ipv4.tcp_syncookies", "openat2", "tcp_syncookies", "EACCES"),
    sandbox("set mount propagation", "/", "mount", "MS_PRIVATE", "EPERM"),
    sandbox("mount root", "tmpfs", "fsopen", "tmpfs", "ENODEV"),
    sandbox("mount root", "RUN", "move_mount", "", "EPERM"),
    sandbox("pivot_root", "", "pivot_root", "", "EINVAL"),
    sandbox("set capabilities", "", "capset", "", "EPERM"),
    sandbox("set no_new_privs", "", "prctl", "PR_SET_NO_NEW_PRIVS", "EINVAL"),
    sandbox("close descriptors", "", "close_range", "", "EPERM"),
    sandbox("run the pause process", "nsrunner-pause", "execveat", "nsrunner-pause", "ENOMEM"),
]

START = [
    # the shim
    create("read spec", "memfd", "fcntl", "nsrunner-spec.*F_GET_SEALS", "EPERM"),
    create("allocate memory", "memfd", "mmap", "nsrunner-spec", "ENOMEM"),
    config("open log", "LOGS/main", "mkdirat", 'default_pod_.*, "main"', "ENOSPC"),
    config("open log", "0.log", "openat", '"0.log", .*O_EXCL', "ENOSPC"),
    config("open log", "LINK", "symlink(at)?", "default_pod_", "ENOSPC"),
    create("make pipes", "", "pipe2", "", "EMFILE"),
    create("make pipes", "", "socketpair", "SOCK_SEQPACKET", "EMFILE"),
    create("make cgroup", "main.0", "mkdirat", '"main.0"', "ENOSPC"),
    create("make cgroup", "main", "mkdirat", 'main.0>, "main"', "ENOSPC"),
    config("make termination log", "termination", "openat", '"termination"', "EMFILE"),
    create("write file", "ID", "openat", "/termination>.*O_EXCL", "ENOSPC"),
    run("attach device filter", "", "bpf", "BPF_PROG_ATTACH", "EPERM"),
    run("join namespaces", "pid", "setns", "CLONE_NEWPID", "EPERM"),
    run("join namespaces", "pid", "setns", "CLONE_NEWPID", "EPERM", nth=2),
    create("find the container", "pid", "setns", "CLONE_NEWPID", "ESRCH"),
    run("clone", "", "clone", "CLONE_VM", "EAGAIN"),
    run("clone", "", "clone3", "CLONE_NEWPID", "EAGAIN"),
    # the container's first process, in its order
    run("set oom_score_adj", OOM, "write", "oom_score_adj", "EIO"),
    run("set dumpable", "", "prctl", "PR_SET_DUMPABLE", "EINVAL"),
    run("set parent death signal", "", "prctl", "PR_SET_PDEATHSIG, SIGKILL", "EINVAL"),
    run("make session", "", "setsid", "", "EPERM"),
    run(DIED, "", "setsid", "", "SIGKILL"),
    run("unshare cgroup namespace", "", "unshare", "CLONE_NEWCGROUP", "ENOSPC"),
    run("join session keyring", "", "keyctl", "KEYCTL_JOIN_SESSION_KEYRING", "EDQUOT"),
    run("unshare namespaces", "mnt", "unshare", "CLONE_NEWNS", "ENOSPC"),
    create("open mount source", "", "open_tree", "/memory>", "EPERM", STAT + "operation not permitted"),
    config("resolve subPath", "part", "openat2", '"part"', "ELOOP", SUB_PATH + "too many levels of symbolic links"),
    run("set mount propagation", "/", "mount", '"/", NULL, MS_REC.MS_PRIVATE', "EPERM"),
    create("mount root", "/", "fsopen", "overlay", "ENODEV"),
    create("mount root", "/", "fsconfig", "FSCONFIG_CMD_CREATE", "ESTALE"),
    create("mount root", "/", "fsmount", "", "ENOMEM"),
    create("mount root", "", "move_mount", "", "EPERM"),
    create("mount root", "/run", "fsopen", "tmpfs", "ENODEV"),
    run("resolve mount target", "/m", "openat2", '"/m"', "EACCES"),
    run("mount", "/m", "move_mount", '/m>, ""', "EPERM"),
    run("mount", "/m", "mount_setattr", "propagation=MS_PRIVATE", "EPERM"),
    run("mount", "/v", "mount_setattr", "/v>", "EPERM"),
    run("mount /proc", "/proc", "fsopen", '"proc"', "EPERM"),
    run("mount /dev", "/dev", "mknodat", '"zero"', "EPERM"),
    run("mount /dev", "/dev", "symlinkat", '"ptmx"', "ENOSPC"),
    run("mount /dev", "/dev/pts", "fsopen", "devpts", "ENODEV"),
    run("mount /dev", "/dev/shm", "open_tree", "/shm>", "EPERM"),
    run("mount", "/etc/hosts", "open_tree", "/generated/hosts>", "EPERM"),
    run("mount", "/dev/termination-log", "open_tree", "/files/termination/", "EPERM"),
    run("mount /sys", "/sys", "fsopen", "sysfs", "EPERM"),
    run("mount /sys/fs/cgroup", "/sys/fs/cgroup", "fsopen", "cgroup2", "EPERM"),
    run("mount /dev/mqueue", "/dev/mqueue", "fsopen", "mqueue", "ENOMEM"),
    run("make path read-only", "/proc/bus", "open_tree", "/proc/bus>", "EPERM"),
    run("mask path", "/proc/interrupts", "move_mount", "/proc/interrupts>", "EPERM"),
    run(
        "change to working directory", "/srv", "openat2", '"/srv"', "ELOOP", CHDIR + "too many levels of symbolic links"
    ),
    run("make root read-only", "/", "mount_setattr", "containers/[0-9a-f]{64}>.*attr_set=MOUNT_ATTR_RDONLY,", "EPERM"),
    run("pivot_root", "", "pivot_root", "", "EINVAL"),
    run("pivot_root", "", "umount2", "MNT_DETACH", "EBUSY"),
    run("set standard streams", "", "dup[23]", "", "EMFILE"),
    run("set standard streams", "", "fchown", "pipe:", "EPERM"),
    run("change to working directory", "/srv", "fchdir", "/srv>", "ENOTDIR", CHDIR + "not a directory"),
    run("change to working directory", "/srv", "getcwd", "", "ENOENT", CHDIR + "no such file or directory"),
    run("set resource limit", "", "prlimit64", "RLIMIT_CORE", "EINVAL"),
    run("close descriptors", "", "close_range", "", "EPERM"),
    run("set capabilities", "", "prctl", "PR_CAPBSET_DROP", "EPERM"),
    run("set capabilities", "", "prctl", "PR_SET_KEEPCAPS, 1", "EPERM"),
    run("set groups", "", "setgroups", "", "EPERM"),
    run("set group", "", "setresgid", "", "EPERM"),
    run("set user", "", "setresuid", "", "EAGAIN"),
    run("set capabilities", "", "capset", "", "EPERM"),
    run("set capabilities", "", "prctl", "PR_CAP_AMBIENT_CLEAR_ALL", "EPERM"),
    run("set parent death signal", "", "prctl", "PR_SET_PDEATHSIG, 0", "EINVAL"),
    run("reset signals", "", "rt_sigaction", "", "EINVAL"),
    run("set no_new_privs", "", "prctl", "PR_SET_NO_NEW_PRIVS", "EINVAL"),
    run("install seccomp filter", "", "seccomp", "", "ENOMEM"),
    run("exec", "", "execve", "", "ENOMEM", 'exec: "/usr/local/sbin/sleep": cannot allocate memory'),
    run("find executable in PATH", "", "execve", "", "EACCES", 'exec: "sleep": permission denied', always=True),
]

HOST_PID = [run("join namespaces", "pause", "setns", "CLONE_NEWNET", "EPERM")]

TERMINAL = [
    run("open console", "/dev/pts/ptmx", "openat2", "ptmx", "EIO"),
    run("open console", "/dev/pts/ptmx", "ioctl", "TIOCGPTPEER", "EIO"),
    run("open console", "", "ioctl", "TIOCSCTTY", "EPERM"),
]

EXEC = [
    # the shim
    an_exec("set standard streams", "", "openat", '"null"', "EMFILE"),
    an_exec("make pipes", "", "socketpair", "SOCK_SEQPACKET", "EMFILE"),
    an_exec("clone", "", "clone3", "", "EAGAIN"),
    # the process that does all that takes rights
    an_exec("set oom_score_adj", OOM, "write", "oom_score_adj", "EIO"),
    an_exec("set dumpable", "", "prctl", "PR_SET_DUMPABLE", "EINVAL"),
    an_exec("set parent death signal", "", "prctl", "PR_SET_PDEATHSIG, SIGKILL", "EINVAL"),
    an_exec("make session", "", "setsid", "", "EPERM"),
    an_exec(DIED, "", "setsid", "", "SIGKILL"),
    an_exec("join namespaces", "container", "setns", "CLONE_NEWNS", "EPERM"),
    an_exec("find the container", "container", "setns", "CLONE_NEWNS", "ESRCH"),
    an_exec("join session keyring", "", "keyctl", "KEYCTL_JOIN_SESSION_KEYRING", "EDQUOT"),
    an_exec("set standard streams", "", "dup[23]", "", "EMFILE"),
    an_exec("change to working directory", "/srv", "fchdir", "/srv>", "ENOTDIR"),
    an_exec("set resource limit", "", "prlimit64", "RLIMIT_CORE", "EINVAL"),
    an_exec("close descriptors", "", "close_range", "", "EPERM"),
    an_exec("set capabilities", "", "prctl", "PR_CAPBSET_DROP", "EPERM"),
    an_exec("set groups", "", "setgroups", "", "EPERM"),
    an_exec("set group", "", "setresgid", "", "EPERM"),
    an_exec("set user", "", "setresuid", "", "EAGAIN"),
    an_exec("set capabilities", "", "capset", "", "EPERM"),
    an_exec("clone", "", "clone", "CLONE_PARENT", "EAGAIN"),
    # the one that is born in the container; its no_new_privs would be the first one's prctl of the same number
    an_exec("reset signals", "", "rt_sigaction", "", "EINVAL"),
    an_exec("install seccomp filter", "", "seccomp", "", "ENOMEM"),
    an_exec("clone", "pidfd", "pidfd_open", "", "EMFILE"),
    an_exec("exec", "", "execve", "", "ENOMEM", 'exec: "/usr/local/sbin/true": cannot allocate memory'),
]

GONE = "invalid target container: it is not running"
TARGET = [  # of a container that joins another one's pid namespace
    run("clone", "", "clone", "flags=SIGCHLD", "EAGAIN"),
    # the one outside
    run("close descriptors", "", "close_range", "", "EPERM"),
    run("set capabilities", "", "capset", "", "EPERM"),
    run("install seccomp filter", "", "seccomp", "", "ENOMEM"),
    # the one inside
    create("join the target container", "", "fsopen", '"proc"', "SIGKILL", GONE),
    # the first again
    run("join namespaces", "", "setns", ", CLONE_NEWPID", "EPERM"),
    create("join the target container", "", "setns", ", CLONE_NEWPID", "ESRCH", GONE),
]

FIRST_EXEC = [an_exec("make cgroup", "exec-N", "mkdirat", '"exec-', "ENOSPC")]

LONG_EXEC = [
    an_exec("read spec", "memfd", "fcntl", "nsrunner-spec.*F_GET_SEALS", "EPERM"),
    an_exec("allocate memory", "memfd", "mmap", "nsrunner-spec", "ENOMEM"),
]

EVERY_STEP = [*SHIM, *SANDBOX, *PAUSE, *START, *HOST_PID, *TERMINAL, *EXEC, *FIRST_EXEC, *LONG_EXEC, *TARGET]

ELSEWHERE = {
    "none": "no step",
    "join cgroup": "where clone3 cannot: a test of its own",
    "mount host file system": "not every host has any",
    "wait for the process to start": "a deadline of thirty seconds",
    "kill cgroup": "of an end, not of a start",
    "remove cgroup": "of an end",
    "signal process": "of an end",
    "attach": "of a client that is one too many",
    "remove directory": "of an end",
}
"""Steps that no row is about, and why."""
