"""``--allowed-unsafe-sysctls``: the kubelet's option, of ``run`` and of ``validate``."""

from __future__ import annotations

import argparse

from .parser import Parser

__all__ = ["add_allowed_unsafe_sysctls"]


def add_allowed_unsafe_sysctls(verb: Parser) -> None:
    verb.add_argument(
        "--allowed-unsafe-sysctls",
        action="extend",
        type=_patterns,
        default=[],
        metavar="NAMES",
        help="sysctls beyond the safe ones that pods may set: names, or prefixes ending in *, with commas between "
        "(may be repeated)",
    )


def _patterns(text: str) -> list[str]:
    from ..model.sysctls import pattern_problem

    patterns = text.split(",")
    for pattern in patterns:
        if problem := pattern_problem(pattern):
            raise argparse.ArgumentTypeError(f'"{pattern}": {problem}')
    return patterns
