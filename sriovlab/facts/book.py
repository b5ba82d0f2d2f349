"""The numbers, typed: `fact("exit_kernel_kvm_x86").ns` is a range in nanoseconds, with its source.

Where a source gives no range, one is taken that follows from how the number is known: 20 % for one
the authors measured, 30 % for one that a third party quotes or that is derived, 50 % for an assumed one.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import SriovlabError

SPREAD = {"measured": 0.2, "quoted": 0.3, "derived": 0.3, "assumed": 0.5}
_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6}
_FILES = ("costs.toml", "observations.toml", "model.toml")
# Cycles of a source that names no machine are turned into time at this clock.
DEFAULT_GHZ = 2.6


@dataclass(frozen=True)
class Fact:
    """One number: `value` with `low` and `high` in `unit`, how it is known, and where it stands."""

    id: str
    value: float
    unit: str
    low: float
    high: float
    kind: str
    applies: str
    source: str | None = None
    locator: str | None = None
    testbed: str | None = None
    derived_from: tuple[str, ...] = ()

    @property
    def ns(self) -> tuple[float, float, float]:
        """Low, typical and high in nanoseconds.

        Raises:
            SriovlabError: the unit is no time.
        """
        if self.unit == "cycles":
            factor = 1.0 / _clock_ghz(self.testbed)
        elif self.unit in _NS:
            factor = _NS[self.unit]
        else:
            raise SriovlabError(f"fact {self.id}: {self.unit!r} is no time; expected cycles, ns, us or ms")
        return self.low * factor, self.value * factor, self.high * factor

    @property
    def citation(self) -> str | None:
        """The source as one writes it in a list of references, with the place in it."""
        if self.source is None:
            parts = dict.fromkeys(facts()[key].citation for key in self.derived_from if key in facts())
            return "; ".join(part for part in parts if part) or None
        cite = str(_table("sources.toml")[self.source]["cite"])
        return f"{cite}, {self.locator}" if self.locator else cite


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def _clock_ghz(testbed: str | None) -> float:
    return float(_table("testbeds.toml")[testbed]["ghz"]) if testbed else DEFAULT_GHZ


@cache
def facts() -> dict[str, Fact]:
    """All facts by id.

    Raises:
        SriovlabError: an entry without value, unit or kind, or with a source nobody knows; says which.
    """
    found = {}
    for name in _FILES:
        for key, entry in _table(name).items():
            found[key] = _fact(name, key, entry)
    return found


def _fact(file: str, key: str, entry: dict[str, Any]) -> Fact:
    for needed in ("value", "unit", "kind"):
        if needed not in entry:
            raise SriovlabError(f"facts/{file}, [{key}]: {needed} is missing")
    kind, value = entry["kind"], float(entry["value"])
    if kind not in SPREAD:
        raise SriovlabError(f"facts/{file}, [{key}]: kind is {kind!r}, expected one of {', '.join(SPREAD)}")
    if entry.get("source") is None and kind in ("measured", "quoted") and "certainty" not in entry:
        raise SriovlabError(f"facts/{file}, [{key}]: a {kind} number needs a source")
    if entry.get("source") is not None and entry["source"] not in _table("sources.toml"):
        raise SriovlabError(f"facts/{file}, [{key}]: source {entry['source']!r} is not in sources.toml")
    spread = abs(value) * SPREAD[kind]
    return Fact(
        id=key,
        value=value,
        unit=entry["unit"],
        low=float(entry.get("low", value - spread)),
        high=float(entry.get("high", value + spread)),
        kind=kind,
        applies=entry.get("applies", ""),
        source=entry.get("source"),
        locator=entry.get("locator"),
        testbed=entry.get("testbed"),
        derived_from=tuple(entry.get("from", ())),
    )


def fact(key: str) -> Fact:
    """The fact with this id.

    Raises:
        SriovlabError: no such fact.
    """
    try:
        return facts()[key]
    except KeyError:
        raise SriovlabError(f"no fact is called {key!r}; see facts/*.toml for those there are") from None
