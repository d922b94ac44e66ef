"""``nsrunner annotate``: the annotations of objects."""

from __future__ import annotations

import argparse
from typing import Final

from .metadata import Words, add_changes, change
from .parser import Parser

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner annotate RESOURCE NAME... KEY=VALUE... [KEY-...] [options]"

_DESCRIPTION: Final = """\
Set or, with a minus behind the key, remove annotations of objects.
"""

_EPILOG: Final = """\
examples:
  nsrunner annotate pod web note='looks fine'
  nsrunner annotate pod/web note=better --overwrite
  nsrunner annotate pods --all note-

exit codes:
  0  they are as was asked for
  1  there is no such object, or it was refused
  2  bad usage
"""
_WORDS: Final = Words(field="annotations", one="annotation", done="annotated")


def parser() -> Parser:
    verb = Parser("nsrunner annotate", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    add_changes(verb, _WORDS)
    return verb


def run(options: argparse.Namespace) -> int:
    return change(options, _WORDS)
