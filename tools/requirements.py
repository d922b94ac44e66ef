"""Prints requirements from pyproject.toml, one a line: the package's own and the daemon's, or those of the extras that
are named."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def main(extras: list[str]) -> None:
    project = tomllib.loads((Path(__file__).resolve().parent.parent / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    wanted = (
        [line for name in extras for line in optional[name]]
        if extras
        else [*project["dependencies"], *optional["daemon"]]
    )
    print(*wanted, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
