"""Judges a client, and what is behind it, by the cases: ``python tests/conformance --client 'kubectl -n e2e'``."""

from __future__ import annotations

import argparse
import fnmatch
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conformance.cases import load_all
from conformance.clients import CommandClient
from conformance.run import run
from conformance.watcher import Pace


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", help="names or globs; all by default")
    parser.add_argument("--client", default="nsrunner", help="the command with its options (default: nsrunner)")
    parser.add_argument("--category", action="append", help="only this one; may be repeated")
    parser.add_argument("--scale", type=float, default=1.0, help="of how long something is awaited (default: 1)")
    parser.add_argument("--slack", type=float, default=0.0, help="seconds added to upper bounds (default: 0)")
    parser.add_argument("--list", action="store_true", help="only name them")
    options = parser.parse_args()
    chosen = [
        case
        for case in load_all()
        if (not options.cases or any(fnmatch.fnmatch(case.name, pattern) for pattern in options.cases))
        and (not options.category or case.expect["category"] in options.category)
    ]
    failed = 0
    for case in chosen:
        if options.list:
            print(f"{case.name:30} {case.expect['category']:12} {case.expect['title']}")
            continue
        outcome = run(case, CommandClient(shlex.split(options.client)), Pace(scale=options.scale, slack=options.slack))
        print(outcome, flush=True)
        failed += bool(outcome.error)
    print(f"{len(chosen)} cases, {failed} failed")
    return 1 if failed or not chosen else 0


sys.exit(main())
