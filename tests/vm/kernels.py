"""Debian's cloud kernels of three releases, each with an initramfs that loads modules and changes to the real root.

Downloaded once into build/vm/<suite>; removing that folder fetches the current ones.
"""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import debian

SUITES = {"bullseye": "5.10", "bookworm": "6.1", "trixie": "6.12"}
"""Suite and the kernel that it must give. 5.10 is the oldest that nsrunner promises to run on."""

MODULES = ("virtio_pci", "virtio_blk", "overlay", "dummy", "veth")

INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc none /proc
/bin/busybox mount -t devtmpfs none /dev
while read -r module; do /bin/busybox insmod /modules/$module || echo "VM not ok insmod $module"; done </modules/order
/bin/busybox mount -t ext4 /dev/vda /root || echo "VM not ok mount /dev/vda"
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /guest/main
"""


@dataclass(frozen=True, slots=True)
class Kernel:
    image: Path
    initramfs: Path
    release: str
    """As uname -r gives it."""


def prepare(suite: str, folder: Path) -> Kernel:
    """Downloads and unpacks the kernel unless that has been done. Raises CalledProcessError, LookupError, OSError."""
    done = folder / "done"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        apt = debian.Apt(suite, folder / "apt")
        apt.update()
        package = apt.download(apt.dependency("linux-image-cloud-amd64", "linux-image-"))
        tree = folder / "tree"
        subprocess.run(["dpkg-deb", "--extract", str(package), str(tree)], check=True, timeout=120)
        shutil.rmtree(folder / "apt")
        if not (tree / "lib").exists():  # merged /usr: the tools below look in lib/modules
            (tree / "lib").symlink_to("usr/lib")
        done.touch()
    tree = folder / "tree"
    image = next((tree / "boot").glob("vmlinuz-*"))
    release = image.name.removeprefix("vmlinuz-")
    return Kernel(image, initramfs(tree, release, folder), release)


def initramfs(tree: Path, release: str, folder: Path) -> Path:
    subprocess.run(["/sbin/depmod", "-b", str(tree), release], check=True, timeout=120)
    root = folder / "initramfs"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "dev", "modules", "proc", "root"):
        (root / name).mkdir(parents=True)
    shutil.copy2("/bin/busybox", root / "bin/busybox")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    order: list[str] = []
    for module in MODULES:
        for source in needed(tree, release, module):
            name = source.name.removesuffix(".xz")
            if name not in order:
                order.append(name)
                data = source.read_bytes()
                (root / "modules" / name).write_bytes(lzma.decompress(data) if source.suffix == ".xz" else data)
    (root / "modules" / "order").write_text("".join(f"{name}\n" for name in order))
    archive = folder / "initramfs.cpio"
    write_cpio(root, archive)
    return archive


def needed(tree: Path, release: str, module: str) -> list[Path]:
    """Files to insert for the module, in order; none when it is built in."""
    command = ["/sbin/modprobe", "-C", "/dev/null", "-S", release, "-d", str(tree), "--show-depends", module]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return [Path(line.split()[1]) for line in shown.splitlines() if line.startswith("insmod ")]


def write_cpio(root: Path, archive: Path) -> None:
    """The newc format of the kernel's Documentation/driver-api/early-userspace/buffer-format.rst."""
    with archive.open("wb") as out:

        def entry(name: str, mode: int, data: bytes) -> None:
            fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
            head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
            out.write(head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4))

        for folder, _, files in os.walk(root):
            inside = Path(folder).relative_to(root)
            if inside.parts:
                entry(str(inside), stat.S_IFDIR | 0o755, b"")
            for name in files:
                path = Path(folder) / name
                entry(str(inside / name), stat.S_IMODE(path.stat().st_mode) | stat.S_IFREG, path.read_bytes())
        entry("TRAILER!!!", 0, b"")
