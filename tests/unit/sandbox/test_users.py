"""Users of a root file system, which may be hostile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsrunner.sandbox.users import ImageUser, UserError, Users, lookup, read_users

USERS = Users(
    passwd="root:x:0:0:root:/root:/bin/sh\nwww:x:33:34::/:/x\n# comment:x:1:1\nbroken\nbad:x:no:1\n7:x:99:99::/:/x\n",
    group="root:x:0:\nwww:x:34:\nextra:x:50:www, root\nmore:x:51:root\nbad:x:x:www\n",
)


@pytest.mark.parametrize(
    ("user", "group", "expected"),
    [
        ("", None, ImageUser(uid=0, gid=0, groups=(50, 51))),
        ("root", None, ImageUser(uid=0, gid=0, groups=(50, 51))),
        ("www", None, ImageUser(uid=33, gid=34, groups=(50,))),
        ("33", None, ImageUser(uid=33, gid=34, groups=(50,))),
        ("033", None, ImageUser(uid=33, gid=34, groups=(50,))),
        ("www:extra", None, ImageUser(uid=33, gid=50, groups=(50,))),
        ("www:7", None, ImageUser(uid=33, gid=7, groups=(50,))),
        ("www:extra", 9, ImageUser(uid=33, gid=9, groups=(50,))),
        ("1000", None, ImageUser(uid=1000, gid=0, groups=())),
        ("7", None, ImageUser(uid=7, gid=0, groups=())),  # digits are a number, although somebody is named so
        ("2147483647", None, ImageUser(uid=2**31 - 1, gid=0, groups=())),
    ],
)
def test_lookup(user: str, group: int | None, expected: ImageUser) -> None:
    assert lookup(USERS, user, run_as_group=group) == expected


@pytest.mark.parametrize(
    "user",
    [
        "nobody",
        "bad",
        "-1",
        "+1",
        " 1",
        "1 ",
        "2147483648",
        "4294967295",
        "9" * 5000,
        "www:none",
        "www:bad",
        "www:4294967295",
        "\u0661",
    ],
)
def test_what_is_no_user(user: str) -> None:
    with pytest.raises(UserError):
        lookup(USERS, user)


@given(st.text(), st.text(), st.text())
def test_any_files_and_user(passwd: str, group: str, user: str) -> None:
    try:
        found = lookup(Users(passwd=passwd, group=group), user)
    except UserError:
        return
    assert 0 <= found.uid < 2**31 and 0 <= found.gid < 2**31
    assert all(0 <= gid < 2**31 for gid in found.groups)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "outside").write_text("outside:x:0:0::/:/x\n")
    return tmp_path / "root"


def test_files_that_are_not_there(root: Path) -> None:
    assert read_users(str(root)) == Users()
    (root / "etc").rmdir()
    assert read_users(str(root)) == Users()


def test_a_file_in_place_of_the_directory(root: Path) -> None:
    (root / "etc").rmdir()
    (root / "etc").write_text("root:x:0:0::/:/bin/sh")
    assert read_users(str(root)) == Users()


def test_as_many_links_as_the_kernel_follows(root: Path) -> None:
    etc = root / "etc"
    (etc / "passwd").symlink_to("link1")
    for number in range(1, 40):
        (etc / f"link{number}").symlink_to(f"link{number + 1}")
    (etc / "link40").write_text("here")
    assert read_users(str(root)).passwd == "here"
    (etc / "link40").rename(etc / "link41")
    (etc / "link40").symlink_to("link41")
    with pytest.raises(UserError, match="symbolic links"):
        read_users(str(root))


@pytest.mark.parametrize("line", ["ann:x:1000", "ann:x", "ann", ":x:1000:1001", "#ann:x:1000:1001"])
def test_lines_of_passwd_that_are_no_entries(line: str) -> None:
    with pytest.raises(UserError, match="unable to find user"):
        lookup(Users(passwd=line), line.partition(":")[0] or "ann")
    assert lookup(Users(passwd="ann:x:1000:1001"), "ann").uid == 1000


def test_files(root: Path) -> None:
    (root / "etc" / "passwd").write_text("a")
    (root / "etc" / "group").write_bytes(b"b\xff")
    assert read_users(str(root)) == Users(passwd="a", group="b\ufffd")


@pytest.mark.parametrize(
    "target", ["/real/passwd", "../real/passwd", "../../../../real/passwd", "/loop/../real/./passwd"]
)
def test_links_stay_inside(root: Path, target: str) -> None:
    (root / "real").mkdir()
    (root / "loop").mkdir()
    (root / "real" / "passwd").write_text("inside")
    (root / "etc" / "passwd").symlink_to(target)
    assert read_users(str(root)).passwd == "inside"


@pytest.mark.parametrize("target", ["../../outside", "/outside", "/proc/self/root/etc/passwd"])
def test_links_do_not_lead_out(root: Path, target: str) -> None:
    (root / "etc" / "passwd").symlink_to(target)
    assert read_users(str(root)).passwd == ""


@pytest.mark.parametrize("link", [None, "etc", "etc/passwd"])
def test_what_is_new_is_read_again(root: Path, link: str | None) -> None:
    """Also behind a link that leads elsewhere, or nowhere, when the host follows it."""
    real = root / "etc/passwd"
    real.touch()
    if link is not None:
        (root / "real").mkdir()
        (root / link).rename(root / "real/it")
        (root / link).symlink_to("/real/it")
        real = root / ("real/it" if link == "etc/passwd" else "real/it/passwd")
    real.write_text("one:x:1:1\n")
    assert read_users(str(root)).passwd == "one:x:1:1\n"
    real.write_text("two:x:22:22\n")
    assert read_users(str(root)).passwd == "two:x:22:22\n"


def test_a_directory_link(root: Path) -> None:
    (root / "etc").rmdir()
    (root / "etc").symlink_to("/")
    (root / "passwd").write_text("inside")
    assert read_users(str(root)).passwd == "inside"


def test_endless_links(root: Path) -> None:
    (root / "etc" / "passwd").symlink_to("passwd")
    with pytest.raises(UserError, match="symbolic links"):
        read_users(str(root))


def test_a_fifo_does_not_hang(root: Path) -> None:
    os.mkfifo(root / "etc" / "passwd")
    with pytest.raises(UserError, match="not a regular file"):
        read_users(str(root))


def test_a_directory_in_place_of_the_file(root: Path) -> None:
    (root / "etc" / "passwd").mkdir()
    with pytest.raises(UserError):
        read_users(str(root))


def test_a_file_that_is_too_large(root: Path) -> None:
    with (root / "etc" / "passwd").open("wb") as file:
        file.truncate((1 << 20) + 1)
    with pytest.raises(UserError, match="more than"):
        read_users(str(root))


def test_no_descriptor_stays_open(root: Path) -> None:
    (root / "etc" / "passwd").symlink_to("../a/b/../../outside")
    before = len(os.listdir("/proc/self/fd"))
    read_users(str(root))
    assert len(os.listdir("/proc/self/fd")) == before
