"""One file a figure. Each has ``measure(peers) -> list[Row]``."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Row"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured figure beside its peers', all from the same run."""

    figure: str
    value: float
    unit: str
    target: float
    lower_is_better: bool = True
    peers: dict[str, float] = field(default_factory=dict)
    note: str = ""

    @property
    def reached(self) -> bool:
        return self.value <= self.target if self.lower_is_better else self.value >= self.target
