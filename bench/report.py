"""The table of results, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bench.rows import Row

__all__ = ["report"]

_HEAD = """\
# Benchmarks

`make bench` measures every figure below and its peers' in one run, on one machine, and writes this page. The peers
come from Debian's packages. The ratio says how many times faster (or smaller) nsrunner is than the best of the peers.
"""


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(row: Row) -> str:
    if not row.peers:
        return ""
    best = min(row.peers.values()) if row.lower_is_better else max(row.peers.values())
    ratio = best / row.value if row.lower_is_better else row.value / best
    return f"{ratio:.1f}"


def report(rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    lines = [_HEAD, f"Measured on {datetime.now(UTC):%Y-%m-%d}.", ""]
    lines += ["| machine | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["", "| figure | nsrunner | target | peers | ratio |", "|---|---|---|---|---|"]
    for row in rows:
        peers = ", ".join(f"{name} {_number(value)} {row.unit}" for name, value in row.peers.items())
        bound = "at most" if row.lower_is_better else "at least"
        target = f"{bound} {_number(row.target)} {row.unit}{'' if row.reached else ' (missed)'}"
        figure = row.figure + (f" ({row.note})" if row.note else "")
        lines.append(f"| {figure} | {_number(row.value)} {row.unit} | {target} | {peers} | {_ratio(row)} |")
    return "\n".join(lines) + "\n"
