"""What the player says of journeys, in a few words: times, titles, sentences of the iopath floor."""

from __future__ import annotations

from ..i18n import Words, words
from ..iopath.journey import Actor, Journey, Label, Tier

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
    key = f"player.lane.{base.replace(':', '-')}"
    return words(key, options=" + ".join(options)) if options else Words(*map(_without_options, _both(key)))


def _both(key: str) -> tuple[str, str]:
    found = words(key, options="")
    return found.en, found.zh


def _without_options(title: str) -> str:
    return title.rstrip(" +")


def is_past(journey: Journey) -> bool:
    """Whether the hypervisor has no part in the request: it goes past it, or there is none."""
    return journey.route != "mediated"


def has_tier(journey: Journey, tier: Tier) -> bool:
    """Whether the request stops at a station of this tier."""
    return any(station.tier is tier for station in journey.stations)
