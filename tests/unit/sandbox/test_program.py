"""Arguments of spawn that make no sense; what it starts is tested in tests/kernel."""

from __future__ import annotations

from typing import Any

import pytest

import nsrunner.sandbox
from nsrunner.errors import UsageError
from nsrunner.sandbox.probe import NAMESPACES
from nsrunner.sandbox.program import Namespace, spawn


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["a\0b"], {}),
        (["a"], {"env": {"A": "\0"}}),
        (["a"], {"cwd": "/\0"}),
        (["a"], {"root": "/\0"}),
        (["a"], {"join": 3}),
        (["a"], {"join_namespaces": Namespace.PID}),
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="spawn"):
        spawn(arguments, **options)


def test_the_package_exports_the_primitive() -> None:
    assert nsrunner.sandbox.spawn is spawn
    assert nsrunner.sandbox.Namespace is Namespace
    with pytest.raises(AttributeError):
        nsrunner.sandbox.fly  # noqa: B018 - the lookup is what is tested


def test_numbers_are_the_kernel_s() -> None:
    assert {kind.value for kind in Namespace} == set(NAMESPACES.values())
