"""Builds the C code in one of the ways that are not the package's, each in its own directory below build/.

`cbuild.py analyze` compiles under gcc's static analyzer, `cbuild.py sanitize --test` runs the C unit tests under
AddressSanitizer and UndefinedBehaviorSanitizer, `cbuild.py plain` builds the tests as they are. meson must be on PATH.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

MISTAKEN = (
    # It cannot know that nsr_fail() never returns 0, and takes what a failed call left alone for uninitialized.
    "-Wno-analyzer-use-of-uninitialized-value",
    # gcc 13 and later: a number that dup2() was given belongs to somebody already, as standard streams do.
    "-Wno-analyzer-fd-leak",
)
"""What gcc's analyzer says of right code."""

WAYS = {
    "plain": ["-Dtests=true", "-Dbuildtype=release"],
    "analyze": ["-Dbuildtype=debugoptimized", f"-Dc_args=-fanalyzer {' '.join(MISTAKEN)}"],
    "sanitize": ["-Dtests=true", "-Dbuildtype=debugoptimized", "-Db_sanitize=address,undefined", "-Db_lundef=false"],
}


def build(way: str) -> Path:
    """Configures and compiles; returns the build directory. Raises CalledProcessError."""
    folder = CHECKOUT / "build" / way
    setup = ["meson", "setup", str(folder), str(CHECKOUT), "-Dpython=false", *WAYS[way]]
    if (folder / "build.ninja").exists():
        setup.append("--reconfigure")
    for command in (setup, ["meson", "compile", "-C", str(folder)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout + done.stderr, file=sys.stderr)
            raise subprocess.CalledProcessError(done.returncode, command)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the C code in another way than the package's.")
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--test", action="store_true", help="run the C unit tests too")
    wanted = parser.parse_args()
    try:
        folder = build(wanted.way)
    except subprocess.CalledProcessError:
        return 1
    if not wanted.test:
        return 0
    environment = os.environ | {
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:strict_string_checks=1",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    command = ["meson", "test", "-C", str(folder), "--no-rebuild", "--print-errorlogs"]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
