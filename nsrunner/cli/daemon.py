"""``nsrunner daemon``: pods that outlive the terminal, from manifests in a directory and from the API."""

from __future__ import annotations

import argparse
from typing import Final

from . import exits
from .output import say
from .parser import Parser
from .version import version

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner daemon [--config FILE]"

_DESCRIPTION: Final = """\
Serve the Kubernetes API for the pods of this machine, on a socket for root alone.

The pods do not belong to this process: it may be stopped, killed or upgraded, and the next one goes on with them where
it was. TERM and Ctrl-C end it and leave the pods.
"""

_EPILOG: Final = """\
examples:
  nsrunner daemon
  nsrunner daemon --config ./config.yaml

exit codes:
  0     ended by TERM or INT
  1     it could not start, or nsrunner failed
  2     bad usage, or a configuration that was refused
"""


def parser() -> Parser:
    verb = Parser("nsrunner daemon", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("--config", default="", metavar="FILE", help="default: /etc/nsrunner/config.yaml, if it is there")
    return verb


def run(options: argparse.Namespace) -> int:
    import asyncio
    import logging

    from nsrunner.daemon.config import load_config
    from nsrunner.daemon.main import serve
    from nsrunner.library.engine import require_root
    from nsrunner.sandbox.state import Roots

    require_root()
    config = load_config(options.config)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    roots = Roots.from_environment()
    count = asyncio.run(serve(config, roots, version=version(), ready=lambda: say("nsrunner daemon: ready")))
    if count:
        say(f"nsrunner daemon: ended; {count} {'pod goes' if count == 1 else 'pods go'} on without it")
    return exits.OK
