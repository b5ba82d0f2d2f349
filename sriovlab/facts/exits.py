"""VM exits of one read as KVM counted them, by exit reason: counts of a real kernel, not times."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_NOT_REASONS = ("path", "total", "mmio", "user_mmio")


@dataclass(frozen=True)
class ExitCount:
    """Exits per 4 KiB read at queue depth 1: all, those of device registers, those that reach user space for them.

    `reasons` counts by the name that KVM gives an exit.
    """

    id: str
    path: str
    total: float
    mmio: float
    user_mmio: float
    reasons: Mapping[str, float]


@cache
def exit_counts() -> tuple[ExitCount, ...]:
    """What was counted, path by path."""
    table = tomllib.loads(files(__package__).joinpath("exits.toml").read_text(encoding="utf-8"))
    return tuple(
        ExitCount(
            key,
            entry["path"],
            entry["total"],
            entry["mmio"],
            entry["user_mmio"],
            {reason: count for reason, count in entry.items() if reason not in _NOT_REASONS},
        )
        for key, entry in table.items()
    )
