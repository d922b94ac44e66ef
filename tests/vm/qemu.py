"""Boots a kernel under QEMU's translator (no KVM needed) and reads its console to the end, with a deadline."""

from __future__ import annotations

import subprocess
from pathlib import Path

from vm.kernels import Kernel

MEMORY = "1024"
"""MiB of the guest."""


def boot(kernel: Kernel, root: Path, deadline: float, *, keep: bool = False) -> str:
    """Returns what the guest wrote to its console. After `deadline` seconds it is killed, and the text ends there.

    What the guest writes to its root is dropped, so that each boot begins with the same one, unless it is to be kept.
    """
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", MEMORY, "-smp", "2", "-nodefaults"]
    command += ["-no-reboot", "-display", "none", "-serial", "stdio"]
    command += ["-kernel", str(kernel.image), "-initrd", str(kernel.initramfs)]
    command += ["-drive", f"file={root},if=virtio,format=raw,snapshot={'off' if keep else 'on'}"]
    command += ["-append", "console=ttyS0 quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on"]
    guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        console, _ = guest.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        guest.kill()
        console, _ = guest.communicate()
        console += b"\nkilled: the guest did not power off in time\n"
    return console.decode(errors="replace").replace("\r", "")
