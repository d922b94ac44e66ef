"""``nsrunner cp``: files between this host and containers, through tar in the container."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import threading
from typing import Final, NamedTuple

from ..errors import HostError, UsageError
from . import exits
from .cp_extract import extract
from .output import escape, say
from .parser import Misuse, Parser

__all__ = ["parser", "run"]

_USAGE: Final = "nsrunner cp SOURCE TARGET [-c CONTAINER]"

_DESCRIPTION: Final = """\
Copy files and directories to or from a container; one of the two is [NAMESPACE/]POD:PATH. The container must have tar.

What comes out of a container is not trusted: nothing is written outside of the target, and links are left out.
"""

_EPILOG: Final = """\
examples:
  nsrunner cp site web:/srv/www
  nsrunner cp team/web:/var/log/app.log ./app.log
  nsrunner cp web:/etc/conf conf -c nginx

exit codes:
  0  copied
  1  no such file, pod or container, or tar failed
  2  bad usage
"""


class _Place(NamedTuple):
    pod: str
    """Empty: on this host."""
    namespace: str
    path: str


def parser() -> Parser:
    verb = Parser("nsrunner cp", usage=_USAGE, description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("source", metavar="SOURCE", help="a file or directory here, or [NAMESPACE/]POD:PATH")
    verb.add_argument("target", metavar="TARGET", help="the same")
    verb.add_argument("-c", "--container", default="", metavar="CONTAINER", help="default: the pod's first one")
    verb.add_argument("-n", "--namespace", default="", metavar="NAMESPACE", help="the pod's")
    verb.add_argument("--no-preserve", action="store_true", help="without owners and modes")
    verb.add_argument("--retries", type=int, default=0, metavar="N", help="accepted: nothing here is lost on a network")
    return verb


def run(options: argparse.Namespace) -> int:
    source, target = _place(options.source, options.namespace), _place(options.target, options.namespace)
    if bool(source.pod) == bool(target.pod):
        raise Misuse("one of src or dest must be a local file specification, the other in a pod")
    if not source.path or not target.path:
        raise Misuse("filepath can not be empty")
    if target.pod:
        return _into(source.path, target, options)
    return _out_of(source, target.path, options)


def _place(text: str, namespace: str) -> _Place:
    """As kubectl tells them apart: ``./a:b`` and ``/a:b`` are files. Raises Misuse."""
    before, colon, path = text.partition(":")
    if not colon or before.startswith(("/", ".")):
        return _Place("", "", text)
    if not before:
        raise Misuse("filespec must match the canonical format: [[namespace/]pod:]file/path")
    parts = before.split("/")
    if len(parts) > 2:
        raise Misuse("filespec must match the canonical format: [[namespace/]pod:]file/path")
    return _Place(parts[-1], parts[0] if len(parts) == 2 else namespace, path)


def _exec(place: _Place, options: argparse.Namespace, *command: str) -> list[str]:
    """The command line of an exec in the container."""
    words = [sys.executable, "-m", "nsrunner", "exec", "-i", place.pod]
    if place.namespace:
        words += ["-n", place.namespace]
    if options.container:
        words += ["-c", options.container]
    return [*words, "--", *command]


# --- into a container -------------------------------------------------------------------------------------------------


def _into(source: str, target: _Place, options: argparse.Namespace) -> int:
    if not os.path.lexists(source):
        raise UsageError(f"{source} doesn't exist in local filesystem")
    path = target.path.rstrip("/") or "/"
    there = subprocess.run(
        _exec(target, options, "test", "-d", path), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    name = os.path.basename(os.path.abspath(source))
    if there.returncode == 0:
        directory = path
    else:
        directory, name = os.path.dirname(path) or ".", os.path.basename(path)
    flags = ["--no-same-permissions", "--no-same-owner"] if options.no_preserve else []
    command = _exec(target, options, "tar", *flags, "-xmf", "-", "-C", directory)
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            with tarfile.open(fileobj=process.stdin, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                archive.add(source, arcname=name)
            process.stdin.close()
        except BrokenPipeError:  # it ended before, and has said why
            pass
        code = process.wait()
    return exits.OK if code == 0 else _failed(code)


# --- out of a container -----------------------------------------------------------------------------------------------


def _out_of(source: _Place, target: str, options: argparse.Namespace) -> int:
    path = os.path.normpath(source.path)
    base = os.path.basename(path) or "."
    directory = os.path.dirname(path) or "."
    command = _exec(source, options, "tar", "cf", "-", "-C", directory, "--", base)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        errors: list[bytes] = []
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read(1 << 16) if process.stderr else b""))
        reader.start()
        try:
            count = extract(process.stdout, base, target, lambda text: say(f"warning: {escape(text)}"))
            while process.stdout.read(1 << 16):  # tar pads its archive
                pass
        except (tarfile.ReadError, EOFError):
            count = 0
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdout.close()
            code = process.wait()
            reader.join()
    told = b"".join(errors).decode(errors="replace").strip()
    if told:
        say("\n".join(escape(line) for line in told.split("\n")))
    if code:
        return _failed(code)
    if not count:
        raise HostError(f"{source.pod}:{source.path}: nothing was copied")
    return exits.OK


def _failed(code: int) -> int:
    if code in (exits.NOT_FOUND, exits.NOT_EXECUTABLE):
        say("nsrunner cp: the container needs tar for this")
    return exits.INTERRUPTED if code == exits.INTERRUPTED else exits.FAILED
