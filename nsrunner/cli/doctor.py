"""``nsrunner doctor``: what this host can do, what is lost without the rest, and how to get it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from . import exits
from .output import Palette, colour_wanted, escape, terminal_width, write
from .parser import Parser

if TYPE_CHECKING:
    from .checks import Check

__all__ = ["parser", "run"]

_DESCRIPTION: Final = """\
Look at this host and say, for everything that nsrunner makes use of, whether it is there, what is lost without it, and
how to get it. Everything is tried out, in a child process that leaves nothing behind. Run it as root.
"""

_INDENT: Final = " " * 11

_EPILOG: Final = """\
exit codes:
  0  pods can run here (something optional may be missing)
  1  pods cannot run here
"""


def parser() -> Parser:
    verb = Parser("nsrunner doctor", usage="nsrunner doctor [-o json]", description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("-o", "--output", choices=["json"], metavar="json", help="print the findings as JSON")
    return verb


def run(options: argparse.Namespace) -> int:
    from .checks import examine

    checks = examine()
    able = not any(check.needed and check.problem is not None for check in checks)
    write(_as_json(checks, able) if options.output == "json" else _as_text(checks, able))
    return exits.OK if able else exits.FAILED


def _as_json(checks: list[Check], able: bool) -> str:
    import json

    findings = [
        {
            "name": check.name,
            "ok": check.problem is None,
            "needed": check.needed,
            "found": check.found if check.problem is None else check.problem,
            **({} if check.problem is None else {"lost": check.lost, "remedy": check.remedy}),
        }
        for check in checks
    ]
    return json.dumps({"podsCanRun": able, "checks": findings}, indent=2) + "\n"


def _as_text(checks: list[Check], able: bool) -> str:
    palette = Palette(colour_wanted(sys.stdout))
    width = max(min(terminal_width(sys.stdout) or 100, 100), 30)
    names = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        if check.problem is None:
            label, style = "OK", "green"
        else:
            label, style = ("MISSING", "red") if check.needed else ("missing", "yellow")
        first = _fill(check.problem or check.found, width, f"{label:<7}  {check.name:<{names}}  ", _INDENT + "  ")
        lines.append(palette.paint(label, style) + first.removeprefix(label))
        if check.problem is not None:
            lines.append(_fill(f"without it: {check.lost}", width, _INDENT, _INDENT + "  "))
            lines.append(_fill(f"get it: {check.remedy}", width, _INDENT, _INDENT + "  "))
    lacking = sum(check.problem is not None for check in checks)
    verdict = "Pods can run here." if able else "Pods cannot run here: what is MISSING is needed."
    if able and lacking:
        verdict += f" {lacking} optional thing{'s are' if lacking > 1 else ' is'} missing."
    return "\n".join(lines) + "\n\n" + palette.paint(_fill(verdict, width, "", ""), "bold") + "\n"


def _fill(text: str, width: int, first: str, others: str) -> str:
    import textwrap

    return textwrap.fill(
        escape(text),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
