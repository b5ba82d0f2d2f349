"""From a path's data to hops with costs: which hops apply, what each takes, and what a total leaves.

Where an end-to-end measurement exists, the hops that are known are summed and the rest is given to the
hops that say so; it is shown as not attributed. The rest is fixed in the setting of the measurement
(interrupts posted, an idle vCPU that halts) and stays the same in the others.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ..facts.book import fact
from .journey import ZERO, Actor, Certainty, CostShare, ExitPlace, Hop, Label, Span, Stream

MEDIA = {"optane": "optane_media_and_link", "nand": "nand_media_and_link"}
_MEASURED_SETTING = frozenset({"posted", "untrapped", "halted"})
_ORDER = (Certainty.MEASURED, Certainty.QUOTED, Certainty.DERIVED, Certainty.ASSUMED)


@cache
def path_data(name: str) -> dict[str, Any]:
    """The data file of a path."""
    return tomllib.loads(files(__package__).joinpath(f"paths/{name}.toml").read_text(encoding="utf-8"))


def conditions(mode: str, *, is_halted: bool, options: tuple[str, ...]) -> frozenset[str]:
    """The conditions that hold: the mode and what it implies, the vCPU's state, the back end's thread."""
    found = {mode, "halted" if is_halted else "running", "iothread" if "iothread" in options else "main-loop"}
    found.add("trapped" if mode == "trapped" else "untrapped")
    found.add("posted" if mode == "posted" else "unposted")
    return frozenset(found)


def priced_hops(
    name: str, request: str, holding: frozenset[str], media: str, slots: Mapping[str, str]
) -> tuple[Hop, ...]:
    """The hops of a path that apply to a request under the conditions that hold, with their costs."""
    data = path_data(name)
    rest = _rest_ns(data, request, holding, media)
    return tuple(_hop(name, entry, media, rest, slots) for entry in _applying(data, request, holding))


def _applying(data: dict[str, Any], request: str, holding: frozenset[str]) -> list[dict[str, Any]]:
    return [
        entry
        for entry in data["hops"]
        if entry.get("request", request) == request and holding.issuperset(entry.get("when", ()))
    ]


def _shares(entry: dict[str, Any], media: str) -> tuple[CostShare, ...]:
    shares = []
    for key, times in entry.get("costs", ()):
        number = fact(MEDIA[media] if key == "media" else key)
        low, typical, high = number.ns
        shares.append(
            CostShare(
                fact=number.id,
                times=float(times),
                ns=Span(low, typical, high) * float(times),
                certainty=Certainty(number.kind),
                source=number.citation,
            )
        )
    return tuple(shares)


def _total(entries: list[dict[str, Any]], media: str) -> float:
    waited = (e for e in entries if e.get("waited_for", True))
    return sum(share.ns.typical for e in waited for share in _shares(e, media))


def _rest_ns(data: dict[str, Any], request: str, holding: frozenset[str], media: str) -> CostShare | None:
    """What the measured overhead leaves after the hops that are known, none for a request nobody measured."""
    total = next((t for t in data.get("totals", ()) if holding.issuperset(t["when"])), None)
    if total is None or request != "read":
        return None
    overhead = fact(total["overhead"])
    setting = (holding - {"trapped", "apicv", "running", "unposted"}) | _MEASURED_SETTING
    known = _total(_applying(data, request, setting), media) - _bare_metal_ns(media)
    low, typical, high = overhead.ns
    left = max(0.0, typical - known)
    # The measured range belongs to the whole; the rest carries its width.
    span = Span(max(0.0, low - known), left, max(left, high - known))
    return CostShare(overhead.id, 1.0, span, Certainty.DERIVED, overhead.citation)


def _bare_metal_ns(media: str) -> float:
    return fact({"optane": "nvme_optane_read_qd1", "nand": "nvme_nand_read_qd1"}[media]).ns[1]


def _hop(
    path: str, entry: dict[str, Any], media: str, rest: CostShare | None, slots: Mapping[str, str]
) -> Hop:
    shares = _shares(entry, media)
    if "rest" in entry and rest is not None:
        part = float(entry["rest"])
        shares = (*shares, CostShare(rest.fact, part, rest.ns * part, rest.certainty, rest.source))
    elapsed = sum((share.ns for share in shares), ZERO)
    actor = Actor(entry["actor"])
    certainty = max((share.certainty for share in shares), key=_ORDER.index, default=Certainty.DERIVED)
    return Hop(
        id=f"{path}.{entry['id']}",
        start=entry["start"],
        end=entry["end"],
        stream=Stream(entry["stream"]),
        actor=actor,
        label=Label(f"hop.{entry['id'].removesuffix('-late')}", dict(slots)),
        elapsed_ns=elapsed,
        cpu_ns=ZERO if actor is Actor.DEVICE else elapsed * float(entry.get("cpu", 1.0)),
        via=tuple(entry.get("via", ())),
        exits={ExitPlace(place): float(count) for place, count in entry.get("exits", {}).items()},
        user_exits=float(entry.get("user_exits", 0)),
        copies=float(entry.get("copies", 0)),
        context_switches=float(entry.get("context_switches", 0)),
        interrupts=float(entry.get("interrupts", 0)),
        costs=shares,
        certainty=certainty,
        is_waited_for=bool(entry.get("waited_for", True)),
        is_shared=bool(entry.get("shared", False)),
    )
