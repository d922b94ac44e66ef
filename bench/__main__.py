"""``python -m bench [ROW ...]``: measures, prints the table, and writes it to README.md when every row was measured.

Where /run is no tmpfs, as it is on every host that boots with systemd (file-hierarchy(7)), all is measured in a mount
namespace in which it is one: nsrunner's sockets and records and the peers' lie there.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

from bench.machine import facts, file_system
from bench.peers import peers
from bench.report import report
from bench.rows import Row

ROWS = (
    "start", "whole_run", "exec", "memory", "logs", "burst", "simulate", "probes", "probe_exec", "probe_http",
    "readiness", "restarts", "idle", "daemon", "adoption", "static_pods", "commands", "crowd", "cycles",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"which rows to measure: {', '.join(ROWS)} (all)")
    chosen = parser.parse_args(argv).rows or ROWS
    if unknown := set(chosen) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))} (there are: {', '.join(ROWS)})")
    _want_tmpfs_run(list(chosen))
    found: list[Row] = []
    with peers() as made:
        for name in chosen:
            print(f"measuring {name} ...", file=sys.stderr)
            rows = importlib.import_module(f"bench.rows.{name}").measure(made)
            print(*rows, sep="\n", file=sys.stderr)
            found += rows
    text = report(found, facts())
    print(text)
    if set(chosen) == set(ROWS):
        Path(__file__).with_name("README.md").write_text(text)
    return 0


def _want_tmpfs_run(chosen: list[str]) -> None:
    """Begins again in a mount namespace of our own, unless /run is a tmpfs."""
    if file_system("/run") == "tmpfs":
        return
    script = 'mount -t tmpfs -o mode=0755 tmpfs /run && exec "$@"'
    again = [sys.executable, "-m", "bench", *chosen]
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", *again])


if __name__ == "__main__":
    sys.exit(main())
