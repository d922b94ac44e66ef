"""kubelet-semantics 19, as far as there is no image store."""

from pathlib import Path

import pytest

from nsrunner.sandbox.rootfs import ImageRoot
from nsrunner.sandbox.state import Roots
from nsrunner.supervisor.images import ImageProblem, find_image
from unit.supervisor.world import FACTS


@pytest.fixture
def roots(tmp_path: Path) -> Roots:
    return Roots.from_environment({"NSRUNNER_ROOT": str(tmp_path)})


def find(image: str, roots: Roots, policy: str | None = "IfNotPresent", *, fallback: bool = False) -> object:
    return find_image(image, policy, facts=FACTS, roots=roots, fallback_host=fallback)


@pytest.mark.parametrize("policy", ["Always", "Never", None])
def test_host_and_directories_ignore_the_pull_policy(policy: str | None, roots: Roots, tmp_path: Path) -> None:
    host = find("host", roots, policy)
    assert isinstance(host, ImageRoot) and host.root.lower == "/"
    directory = find(f"rootfs:{tmp_path}", roots, policy)
    assert isinstance(directory, ImageRoot) and directory.root.lower == str(tmp_path)


def test_a_directory_that_is_not_there(roots: Roots) -> None:
    problem = find("rootfs:/does/not/exist", roots)
    assert isinstance(problem, ImageProblem)
    assert problem.reason == "ErrImagePull"
    assert "/does/not/exist is not a directory" in problem.message


@pytest.mark.parametrize(
    "image",
    [
        "busybox",
        "busybox:1.36",
        "registry.example.com:5000/a/b_c/d--e:v1",
        "quay.io/x/y@sha256:" + "0" * 64,
        "a/b:tag@sha256:" + "f" * 64,
        "[::1]:5000/x",
    ],
)
def test_a_reference_is_never_there_and_says_what_to_use(image: str, roots: Roots) -> None:
    problem = find(image, roots)
    assert isinstance(problem, ImageProblem)
    assert problem.reason == "ErrImagePull"
    assert '"image: host"' in problem.message and "--image-fallback host" in problem.message


def test_never_has_a_reason_of_its_own(roots: Roots) -> None:
    problem = find("busybox", roots, "Never")
    assert isinstance(problem, ImageProblem)
    assert problem.reason == "ErrImageNeverPull"
    assert problem.message.startswith('Container image "busybox" is not present with pull policy of Never')


@pytest.mark.parametrize("image", ["Busybox", "a//b", ":tag", "a:", "a@sha256:0", "a b", "", "-a", "http://a/b"])
def test_what_is_no_reference(image: str, roots: Roots) -> None:
    problem = find(image, roots)
    assert isinstance(problem, ImageProblem)
    assert problem.reason == "InvalidImageName"
    assert f'couldn\'t parse image name "{image}": invalid reference format' in problem.message


def test_the_fallback_takes_any_reference(roots: Roots) -> None:
    found = find("busybox", roots, "Never", fallback=True)
    assert isinstance(found, ImageRoot)
    assert (found.image, found.root.lower) == ("busybox", "/")
