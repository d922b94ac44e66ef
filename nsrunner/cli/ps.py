"""``nsrunner ps``: the running pods of this host, as ``kubectl get pods`` would show them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from . import exits
from .output import Column, say, table, terminal_width, write
from .parser import Parser

if TYPE_CHECKING:
    from .pods import RunningPod

__all__ = ["parser", "run"]

_DESCRIPTION: Final = """\
List the pods that run on this host, whatever started them: 'nsrunner run', a Python program or the daemon.
"""

_EPILOG: Final = """\
examples:
  nsrunner ps
  nsrunner ps -o json | jq -r '.items[].status.podIP'
  nsrunner ps -n test -o name

exit codes:
  0  the list was printed, also when it is empty
  1  it could not be made (not root)
  2  bad usage
"""


def parser() -> Parser:
    verb = Parser("nsrunner ps", usage="nsrunner ps [options]", description=_DESCRIPTION, epilog=_EPILOG)
    verb.add_argument("-n", "--namespace", metavar="NAMESPACE", help="only pods of this namespace")
    verb.add_argument(
        "-o",
        "--output",
        choices=["wide", "json", "name"],
        metavar="FORMAT",
        help="wide: with address and uid; json: the whole objects, in a List; name: only pod/NAME",
    )
    verb.add_argument("--no-headers", action="store_true", help="without the line of titles")
    return verb


def run(options: argparse.Namespace) -> int:
    from .pods import running_pods

    pods = running_pods(options.namespace)
    if options.output == "json":
        import json

        items = [pod.object for pod in pods]
        write(json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}, indent=4) + "\n")
    elif not pods:
        say(
            "No pods are running."
            if options.namespace is None
            else f"No pods are running in namespace {options.namespace}."
        )
    elif options.output == "name":
        write("".join(f"pod/{pod.name}\n" for pod in pods))
    else:
        write(_table(pods, wide=options.output == "wide", headers=not options.no_headers))
    return exits.OK


def _table(pods: Sequence[RunningPod], *, wide: bool, headers: bool) -> str:
    from nsrunner.model.printing.columns import pod_cells

    now = time.time()
    columns = [
        Column(title="NAMESPACE", keep=1),
        Column(title="NAME"),
        Column(title="READY"),
        Column(title="STATUS"),
        Column(title="RESTARTS", keep=2),
        Column(title="AGE", keep=3),
        Column(title="OWNER", keep=4),
    ]
    if wide:
        columns += [Column(title="IP"), Column(title="UID")]
    rows = []
    for pod in pods:
        cells = pod_cells(pod.object, now)
        row = [pod.namespace, pod.name, cells.ready, cells.status, cells.restarts, cells.age, pod.owner]
        if wide:
            row += [(pod.object.get("status") or {}).get("podIP") or "<none>", pod.record.uid]
        rows.append(row)
    text = table(columns, rows, width=None if wide else terminal_width(sys.stdout))
    return text if headers else text.partition("\n")[2]
