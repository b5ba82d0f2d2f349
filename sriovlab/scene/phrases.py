"""What the player says of journeys, in a few words: times, titles, sentences of the iopath floor."""

from __future__ import annotations

from collections.abc import Sequence

from ..i18n import Words, words
from ..iopath.journey import Actor, Journey, Label, Tier
from .measure import fit

HYPERVISOR = (Actor.VMM, Actor.HOST_KERNEL)


def microseconds(ns: float) -> str:
    """A time with no more digits than it is worth: two significant ones, whole from 10 us on."""
    us = ns / 1000
    return f"{us:.0f}" if us >= 10 else f"{us:.1f}"


def spell(label: Label) -> Words:
    """The words of a label of the iopath floor."""
    return words(f"iopath.{label.key}", **label.slots)


def lane_title(journey: Journey) -> Words:
    """The headline of a lane: through or past the hypervisor, and which path."""
    base, *options = journey.path.split("+")
    found = words(f"player.lane.{base.replace(':', '-')}", options=" + ".join(options))
    return Words(found.en.rstrip(" +"), found.zh.rstrip(" +"))


def lane_title_within(journey: Journey, width: float, size: float) -> Words:
    """The headline of a lane, shorter where that is too wide: at last the path alone, as it is typed."""
    path = short_title(journey, ())
    for title in (lane_title(journey), words(f"player.brief.{journey.route}", path=path), path):
        if fit(title, width, size, is_bold=True) == title:
            return title
    return fit(Words.plain(journey.path), width, size, is_bold=True)


def short_title(journey: Journey, among: Sequence[Journey]) -> Words:
    """The path in few words; with its options where another of `among` is the same path, or `among` is empty."""
    base, *options = journey.path.split("+")
    name = words(f"player.short.{base.replace(':', '-')}")
    alike = [other for other in among if other.path.partition("+")[0] == base]
    if not options or (among and len(alike) < 2):
        return name
    # Options that all of them have tell nothing.
    told = "".join(f" + {option}" for option in (_own_options(journey, among) if among else options))
    return Words(name.en + told, name.zh + told)


def row_title(journey: Journey, among: Sequence[Journey], width: float, size: float) -> Words:
    """What a row is called beside those of others: by its route, or where some share one, by its path."""
    key = {"native": "native", "bypass": "past"}.get(journey.route, "through")
    if len({other.route for other in among}) == len(among):
        return words(f"player.row.{key}")
    title = short_title(journey, among)
    device = journey.path.partition("+")[0].partition(":")[2]
    own = _own_options(journey, among)
    brief = [*([device] if device else []), *(f"+ {option}" for option in own), *own]
    for shorter in (title, *map(Words.plain, brief)):
        if fit(shorter, width, size, is_bold=True) == shorter:
            return shorter
    return fit(title, width, size, is_bold=True)


def _own_options(journey: Journey, among: Sequence[Journey]) -> list[str]:
    """The options of a path that others of the same name do not all have."""
    base, *options = journey.path.split("+")
    alike = [other.path.split("+")[1:] for other in among if other.path.partition("+")[0] == base]
    shared = set(options).intersection(*alike)
    return [option for option in options if option not in shared]


def is_past(journey: Journey) -> bool:
    """Whether the hypervisor has no part in the request: it goes past it, or there is none."""
    return journey.route != "mediated"


def has_tier(journey: Journey, tier: Tier) -> bool:
    """Whether the request stops at a station of this tier."""
    return any(station.tier is tier for station in journey.stations)
