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
        usage="nsrunner version [-o json] [--client]",
        description="Print the version of nsrunner, of Python and of the kernel, and of the daemon, if one runs.",
    )
    verb.add_argument("-o", "--output", choices=["json"], metavar="json", help="print it as JSON")
    verb.add_argument("--client", action="store_true", help="ask no daemon")
    return verb


def run(options: argparse.Namespace) -> int:
    facts = {
        "nsrunner": version(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "machine": platform.machine(),
    }
    server = "" if options.client else _server()
    if options.output == "json":
        import json

        if server:
            facts["daemon"] = server
        write(json.dumps(facts, indent=2) + "\n")
    else:
        write("nsrunner {nsrunner} (Python {python}, Linux {kernel}, {machine})\n".format_map(facts))
        if server:
            write(f"daemon: Kubernetes {server}\n")
    return exits.OK


def _server() -> str:
    """What the daemon says of itself; empty when none can be asked."""
    from ..errors import HostError, UsageError
    from .resources import connect

    try:
        with connect() as client:
            return str(client.call("GET", "/version").get("gitVersion") or "")
    except (HostError, UsageError):
        return ""
