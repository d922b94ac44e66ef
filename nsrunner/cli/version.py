"""``nsrunner version``."""

from __future__ import annotations

import argparse
import platform

from . import exits
from .output import write
from .parser import Parser

__all__ = ["parser", "run", "version"]


def version() -> str:
    """Of the installed distribution; ``unknown`` when the package was copied rather than installed."""
    from importlib import metadata  # from Python 3.12 on it takes inspect along

    try:
        return metadata.version("nsrunner")
    except metadata.PackageNotFoundError:
        return "unknown"


def parser() -> Parser:
    verb = Parser(
        "nsrunner version",
        usage="nsrunner version [-o json]",
        description="Print the version of nsrunner, of Python and of the kernel.",
    )
    verb.add_argument("-o", "--output", choices=["json"], metavar="json", help="print it as JSON")
    return verb


def run(options: argparse.Namespace) -> int:
    facts = {
        "nsrunner": version(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }
    if options.output == "json":
        import json

        write(json.dumps(facts, indent=2) + "\n")
    else:
        write("nsrunner {nsrunner} (Python {python}, Linux {kernel}, {machine})\n".format_map(facts))
    return exits.OK
