"""The numbers, typed: `fact("exit_kernel_kvm_x86").ns` is a range in nanoseconds, with its source.

Where a source gives no range, one is taken that follows from how the number is known: 20 % for one
the authors measured, 30 % for one that a third party quotes or that is derived, 50 % for an assumed one.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
    # A user's own source is the text itself, not a key of sources.toml.
    cite: str | None = None

    @property
    def ghz(self) -> float:
        """The clock of the machine it was measured on, or the usual one where that is not known."""
        return _clock_ghz(self.testbed)

    @property
    def ns(self) -> tuple[float, float, float]:
        """Low, typical and high in nanoseconds.

        Raises:
            SriovlabError: the unit is no time.
        """
        if self.unit in ("cycles", "cycles/IO"):
            factor = 1.0 / _clock_ghz(self.testbed)
        elif self.unit in _NS:
            factor = _NS[self.unit]
        else:
            raise SriovlabError(f"fact {self.id}: {self.unit!r} is no time; expected cycles, ns, us or ms")
        return self.low * factor, self.value * factor, self.high * factor

    @property
    def citation(self) -> str | None:
        """The source as one writes it in a list of references, with the place in it."""
        if self.cite is not None:
            return f"{self.cite}, {self.locator}" if self.locator else self.cite
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


@dataclass(frozen=True, eq=False)
class Book:
    """The facts that a calculation uses: the ones that come with the library, some replaced."""

    replaced: Mapping[str, Fact] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Fact:
        return self.replaced.get(key) or fact(key)

    def replacing(self, found: Iterable[Fact]) -> Book:
        """The same book with some facts replaced."""
        return Book({**self.replaced, **{f.id: f for f in found}})


STANDARD = Book()


def read_costs(path: str | os.PathLike[str]) -> Book:
    """The book with the costs of a TOML file of one's own in place of ours.

    Each entry is named as ours is and has value, unit, kind, source and, if known, low, high, locator:

        [context_switch]
        value = 1.9
        unit = "us"
        kind = "measured"
        source = "our lab, perf bench sched pipe, 2026"

    Raises:
        SriovlabError: a file that cannot be read or is no TOML, a name that nothing uses, an entry without
            value, unit, kind or source, or one whose range does not hold its value; says which.
    """
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except OSError as err:
        raise SriovlabError(f"{path}: {err.strerror}; expected a TOML file with costs") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise SriovlabError(f"{path}: no TOML: {err}") from err
    return STANDARD.replacing(_own(os.fspath(path), key, entry) for key, entry in table.items())


def _own(path: str, key: str, entry: Any) -> Fact:
    where = f"{path}, [{key}]"
    if key not in facts():
        close = difflib.get_close_matches(key, facts(), 1)
        hint = f"; did you mean {close[0]}?" if close else "; sriovlab costs lists them"
        raise SriovlabError(f"{where}: no cost has this name{hint}")
    if not isinstance(entry, dict):
        raise SriovlabError(f"{where}: found {entry!r}, expected a table with value, unit, kind and source")
    for needed in ("value", "unit", "kind", "source"):
        if needed not in entry:
            raise SriovlabError(f"{where}: {needed} is missing; every cost has value, unit, kind and source")
    numbers = {name: entry[name] for name in ("value", "low", "high") if name in entry}
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise SriovlabError(f"{where}: {name} is {number!r}, expected a number")
    if not isinstance(entry["source"], str) or not entry["source"].strip():
        raise SriovlabError(f"{where}: source is {entry['source']!r}, expected where the number is from")
    if entry["kind"] not in SPREAD:
        raise SriovlabError(f"{where}: kind is {entry['kind']!r}, expected one of {', '.join(SPREAD)}")
    ours = facts()[key]
    accepted = {"cycles", *_NS} if ours.unit in ("cycles", *_NS) else {ours.unit}
    if entry["unit"] not in accepted:
        raise SriovlabError(f"{where}: unit is {entry['unit']!r}, expected {' or '.join(sorted(accepted))}")
    spread = abs(entry["value"]) * SPREAD[entry["kind"]]
    low, high = (
        float(entry.get(n, entry["value"] + sign * spread)) for n, sign in (("low", -1), ("high", 1))
    )
    if not low <= entry["value"] <= high:
        raise SriovlabError(f"{where}: value {entry['value']} is not between low {low:g} and high {high:g}")
    return Fact(
        id=key,
        value=float(entry["value"]),
        unit=entry["unit"],
        low=low,
        high=high,
        kind=entry["kind"],
        applies=str(entry.get("applies", ours.applies)),
        locator=entry.get("locator"),
        testbed=None,
        cite=entry["source"].strip(),
    )
