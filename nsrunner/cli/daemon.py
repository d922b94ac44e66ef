"""``nsrunner daemon``: pods that outlive the terminal, from manifests in a directory and from the API."""

from __future__ import annotations

import argparse
import logging
import os
import select
from typing import TYPE_CHECKING, Final

from . import exits
from .output import say
from .parser import Parser
from .version import version

if TYPE_CHECKING:
    from ..daemon.config import Config
    from ..daemon.main import Outcome
    from ..sandbox.state import Roots

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner daemon [--config FILE] [--drain]"

_DESCRIPTION: Final = """\
Serve the Kubernetes API for the pods of this machine, on a socket for root alone.

The pods do not belong to this process: it may be stopped, killed or upgraded, and the next one goes on with them where
it was. TERM and Ctrl-C end it and leave the pods; --drain ends the pods, and the daemon with them.
"""

_EPILOG: Final = """\
examples:
  nsrunner daemon
  nsrunner daemon --config ./config.yaml
  nsrunner daemon --manifest-url https://example.com/pods.yaml
  nsrunner daemon --drain

exit codes:
  0     ended by TERM or INT, or drained
  1     it could not start, or nsrunner failed
  2     bad usage, or a configuration that was refused
"""


def parser() -> Parser:
    verb = Parser("nsrunner daemon", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("--config", default="", metavar="FILE", help="default: /etc/nsrunner/config.yaml, if it is there")
    verb.add_argument("--manifest-url", default="", metavar="URL", help="instead of the configuration's staticPodURL")
    verb.add_argument(
        "--pod-manifest-path", default="", metavar="PATH", help="deprecated: set staticPodPath in the configuration"
    )
    verb.add_argument(
        "--drain", action="store_true", help="end all pods, then the daemon: the one that runs, or this one"
    )
    return verb


def run(options: argparse.Namespace) -> int:
    from ..daemon.config import load_config
    from ..library.engine import require_root
    from ..sandbox.state import Roots

    require_root()
    config = load_config(options.config, static_pod_path=options.pod_manifest_path, static_pod_url=options.manifest_url)
    if options.pod_manifest_path:
        say("nsrunner daemon: --pod-manifest-path is deprecated: set staticPodPath in the configuration")
    roots = Roots.from_environment()
    if options.drain and _drained_by_another(roots):
        return exits.OK
    return _serve(config, roots, draining=options.drain)


def _drained_by_another(roots: Roots) -> bool:
    """Whether a daemon was there to do it."""
    from ..daemon.instance import drain_other

    pidfd = drain_other(roots)
    if pidfd is None:
        return False
    try:
        say("nsrunner daemon: the daemon ends its pods")
        select.select([pidfd], [], [])
    finally:
        os.close(pidfd)
    return True


def _serve(config: Config, roots: Roots, *, draining: bool) -> int:
    import asyncio
    import gc

    gc.disable()  # what is imported and taken over until it is ready is no garbage: a third of the time to look for it
    from ..daemon.main import serve

    gc.freeze()  # and of what is imported nothing ever will be
    _log(config.log_level)

    def ready() -> None:
        gc.enable()
        if not draining:
            say("nsrunner daemon: ready")

    try:
        outcome = asyncio.run(serve(config, roots, version=version(), ready=ready, draining=draining))
    finally:
        gc.enable()
    say(f"nsrunner daemon: {_told(outcome)}")
    return exits.OK


def _told(outcome: Outcome) -> str:
    count = outcome.left
    pods = f"{count} {'pod goes' if count == 1 else 'pods go'} on without it"
    if outcome.how == "drained" and not count:
        return "ended, and no pod is left"
    return f"ended; {pods}" if count else "ended"


def _log(level: str) -> None:
    """To standard error; for the journal with its priorities (sd-daemon(3)) instead of words."""
    logging.basicConfig(level=level.upper(), format="%(levelname)s %(name)s: %(message)s")
    if "JOURNAL_STREAM" in os.environ:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_JournalFormatter("%(name)s: %(message)s"))


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = next((rank for least, rank in _PRIORITIES if record.levelno >= least), 7)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).split("\n"))


_PRIORITIES: Final = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
