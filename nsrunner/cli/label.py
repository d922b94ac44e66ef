"""``nsrunner label``: the labels of objects."""

from __future__ import annotations

import argparse
from typing import Final

from .metadata import Words, add_changes, change
from .parser import Parser

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner label RESOURCE NAME... KEY=VALUE... [KEY-...] [options]"

_DESCRIPTION: Final = """\
Set or, with a minus behind the key, remove labels of objects.
"""

_EPILOG: Final = """\
examples:
  nsrunner label pod web app=web tier=front
  nsrunner label pod/web tier=back --overwrite
  nsrunner label pods --all tier-

exit codes:
  0  they are as was asked for
  1  there is no such object, or it was refused
  2  bad usage
"""
_WORDS: Final = Words(field="labels", one="label", done="labeled")


def parser() -> Parser:
    verb = Parser("nsrunner label", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_changes(verb, _WORDS)
    return verb


def run(options: argparse.Namespace) -> int:
    return change(options, _WORDS)
