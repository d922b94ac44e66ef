"""Which mounts of the host its image shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox.mountinfo import host_submounts, mount_points
from nsrunner.sandbox.spec import Submount


def info(*mounts: tuple[str, str]) -> str:
    return "".join(
        f"{20 + number} 1 0:{number} / {path} rw,relatime shared:{number} - {kind} source rw\n"
        for number, (path, kind) in enumerate(mounts)
    )


def test_local_file_systems_are_overlaid_and_others_bound() -> None:
    text = info(("/", "ext4"), ("/home", "xfs"), ("/boot/efi", "vfat"), ("/srv/nfs", "nfs4"), ("/opt", "fuse.sshfs"))
    assert host_submounts(text) == (
        Submount(path="/home", overlay=True),
        Submount(path="/boot/efi", overlay=False),
        Submount(path="/srv/nfs", overlay=False),
        Submount(path="/opt", overlay=False),
    )


def test_what_a_container_has_of_its_own_is_left_out() -> None:
    text = info(
        ("/", "ext4"),
        ("/proc", "proc"),
        ("/sys/kernel/debug", "debugfs"),
        ("/dev/shm", "tmpfs"),
        ("/run", "tmpfs"),
        ("/run/user/0", "tmpfs"),
        ("/tmp", "tmpfs"),
        ("/runs", "ext4"),
        ("/mnt/hidden", "autofs"),
    )
    assert host_submounts(text) == (Submount(path="/runs", overlay=True),)


def test_a_later_mount_covers_what_is_below() -> None:
    text = info(("/", "ext4"), ("/mnt/a", "ext4"), ("/mnt/b", "ext4"), ("/mnt", "xfs"), ("/mnt/a", "nfs"))
    assert host_submounts(text) == (Submount(path="/mnt", overlay=True), Submount(path="/mnt/a", overlay=False))


def test_the_root_on_top_of_all() -> None:
    text = info(("/", "rootfs"), ("/old", "ext4"), ("/", "ext4"), ("/new", "ext4"))
    assert host_submounts(text) == (Submount(path="/new", overlay=True),)


def test_files_cannot_be_overlaid() -> None:
    text = info(("/", "overlay"), ("/etc/hosts", "ext4"))
    assert host_submounts(text, is_directory=lambda path: False) == (Submount(path="/etc/hosts", overlay=False),)


def test_network_servers_are_not_asked() -> None:
    asked: list[str] = []

    def is_directory(path: str) -> bool:
        asked.append(path)
        return True

    host_submounts(info(("/", "ext4"), ("/nfs", "nfs"), ("/home", "ext4")), is_directory=is_directory)
    assert asked == ["/home"]


def test_escapes() -> None:
    assert list(mount_points(info(("/a\\040b\\134c\\011", "ext4")))) == [("/a b\\c\t", "ext4")]


@given(st.text())
def test_any_text(text: str) -> None:
    if "\\" not in text:
        host_submounts(text)


def test_this_host() -> None:
    with open("/proc/self/mountinfo") as file:
        text = file.read()
    assert any(path == "/" for path, _ in mount_points(text))
    host_submounts(text)
