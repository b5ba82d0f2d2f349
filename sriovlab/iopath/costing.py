"""From a path's data to hops with costs: which hops apply, what each takes, and what a total leaves.

Where an end-to-end measurement exists, the hops that are known are summed and the rest is given to the
hops that say so; it is shown as not attributed. The rest is fixed in the setting of the measurement
(interrupts posted, an idle vCPU that halts) and stays the same in the others.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from ..errors import PathError
from ..facts.book import STANDARD, Book
from .journey import ZERO, Actor, Certainty, CostShare, ExitPlace, Hop, Label, Per, Server, Span, Stream
from .path import Path, path_data, requests_of
from .request import PAGE, Read, Request
from .setting import Setting

_MEDIA = {
    ("optane", "read"): "optane_media_and_link",
    ("nand", "read"): "nand_media_and_link",
    ("optane", "write"): "optane_write_media_and_link",
    ("nand", "write"): "nand_write_media_and_link",
}
_ORDER = (Certainty.MEASURED, Certainty.QUOTED, Certainty.DERIVED, Certainty.ASSUMED)
# Ethernet header, FCS, preamble and gap; then IP and TCP with time stamps.
_FRAME, _GAP, _LEAST, _TCP_IP = 18, 20, 64, 52
_STORAGE_NEEDS = frozenset({"posted", "untrapped", "halted", "interrupts", "no-haltpoll"})


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def hop_library() -> dict[str, Any]:
    """Every hop there is, by id, as hops.toml writes it."""
    return _table("hops.toml")


# -- which hops apply -----------------------------------------------------------------------------


def conditions(path: Path, mode: str, vcpu: str) -> frozenset[str]:
    """The conditions that hold: the mode and what it implies, the vCPU's state, the options there and not there."""
    known = path_data(path.name)["options"]
    found = {
        mode,
        "trapped" if mode == "trapped" else "untrapped",
        "posted" if mode == "posted" else "unposted",
    }
    found |= {
        option if option in path.options else f"no-{option}" for option in (*known, "poll", "userspace")
    }
    is_polling = bool({"poll", "userspace"} & set(path.options))
    if not is_polling:
        found.add("interrupts")
    if "haltpoll" in path.options or is_polling:
        vcpu = "running" if vcpu == "halted" else vcpu
    found.add(vcpu)
    found.add("polling-thread" if {"iothread", "nvme-userspace"} & set(path.options) else "main-loop")
    return frozenset(found)


def applying(name: str, kind: str, holding: frozenset[str]) -> tuple[dict[str, Any], ...]:
    """The hops of a path that apply to a kind of request under the conditions that hold, as data.

    A message is sent and then received; the wire is passed once.
    """
    if kind == "message":
        sent = [h for h in applying(name, "send", holding - {"halted"} | {"running"}) if not h["late"]]
        received = [h for h in applying(name, "receive", holding) if h["hop"] != "wire-in"]
        return (*sent, *received)
    hops = path_data(name)["hops"]
    return tuple(h for h in _expanded(hops[kind], {}) if holding.issuperset(h["when"]))


def _expanded(entries: Iterable[Any], outer: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        own = {"hop": entry} if isinstance(entry, str) else dict(entry)
        merged = {**outer, **own, "when": (*outer.get("when", ()), *own.get("when", ()))}
        if "sequence" in own:
            merged.pop("sequence")
            yield from _expanded(_table("sequences.toml")[own["sequence"]], merged)
        else:
            yield {"late": False, **_library_entry(own["hop"]), **merged}


def _library_entry(hop: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = hop_library()[hop]
    except KeyError:
        raise PathError(f"a path names the hop {hop!r}, which is not in hops.toml") from None
    return found


# -- what they cost -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pricing:
    """What of setting and request the price of a hop depends on."""

    kind: str
    size: int
    media: str
    media_us: float | None
    clock_ghz: float | None
    line_rate_gbit_s: float
    mtu: int
    segment_bytes: int
    iommu_reads: float
    nested_reads: float
    syscalls: float | None
    book: Book

    @property
    def frames(self) -> int:
        """Frames on the line."""
        return 1 if self.size <= self.mtu else math.ceil(self.size / (self.mtu - _TCP_IP))

    @property
    def wire_bytes(self) -> int:
        """Bytes on the line, with headers, preamble and gap."""
        if self.size <= self.mtu:
            return max(self.size + _FRAME, _LEAST) + _GAP
        return self.size + self.frames * (_TCP_IP + _FRAME + _GAP)


def pricing(request: Request, setting: Setting) -> Pricing:
    """The pricing of a request in a setting.

    Raises:
        PathError: `bare_metal_us` is less than the software of the native path takes.
    """
    found = Pricing(
        kind=request.kind,
        size=request.size,
        media=setting.media,
        media_us=setting.media_us,
        clock_ghz=setting.clock_ghz,
        line_rate_gbit_s=setting.line_rate_gbit_s,
        mtu=setting.mtu,
        segment_bytes=setting.segment_bytes,
        iommu_reads=setting.iommu_reads,
        nested_reads=0.0
        if setting.iommu_misses_per_page is not None
        else setting.book["iommu_reads_nested"].value,
        syscalls=setting.syscalls_per_message,
        book=setting.book,
    )
    if setting.bare_metal_us is None:
        return found
    if not request.is_storage:
        raise PathError(f"bare_metal_us is for reads and writes; {request.text} has no media")
    bare = replace(found, media_us=0.0, iommu_reads=0.0)
    software = sum(
        h.elapsed_ns.typical for h in priced("native", native_conditions(), bare) if h.is_waited_for
    )
    own = setting.bare_metal_us * 1000 - software
    if own <= 0:
        raise PathError(
            f"bare_metal_us is {setting.bare_metal_us:g}, expected more than {software / 1000:.2f}, what the software and "
            "transfers of a bare-metal request take"
        )
    return replace(found, media_us=own / 1000)


def native_conditions() -> frozenset[str]:
    """The conditions of a bare-metal request that ends with an interrupt."""
    return conditions(Path("native"), "posted", "running")


@lru_cache(maxsize=4096)
def priced(name: str, holding: frozenset[str], price: Pricing) -> tuple[Hop, ...]:
    """The hops of a path with their costs; labels have no slots yet."""
    if price.kind not in requests_of(name):
        raise PathError(f"{name} carries no {price.kind}; it carries {', '.join(requests_of(name))}")
    rest = _rest(name, holding, price)
    seen: dict[str, int] = {}
    hops = []
    for entry in applying(name, price.kind, holding):
        times = seen[entry["hop"]] = seen.get(entry["hop"], 0) + 1
        hops.append(_hop(name, entry, price, rest, times))
    return tuple(hops)


def _shares(name: str, entry: Mapping[str, Any], price: Pricing) -> tuple[CostShare, ...]:
    # Software goes with the clock; the device, the line and the media do not.
    is_software = entry["actor"] != "device"
    return tuple(_share(name, key, times, price, is_software) for key, times in entry.get("costs", ()))


def _share(name: str, key: str, times: Any, price: Pricing, is_software: bool) -> CostShare:
    if key == "media":
        return _media(price)
    if key == "line":
        return _line(price)
    number = price.book[key]
    count = _times(name, times, price)
    low, typical, high = number.ns
    if price.clock_ghz is not None and is_software:
        count_at_clock = number.ghz / price.clock_ghz
        low, typical, high = low * count_at_clock, typical * count_at_clock, high * count_at_clock
    return CostShare(
        number.id, count, Span(low, typical, high) * count, Certainty(number.kind), number.citation
    )


def _times(name: str, times: Any, price: Pricing) -> float:
    match times:
        case int() | float():
            return float(times)
        case "bytes":
            return float(price.size)
        case "pages":
            return max(price.size, 64) / PAGE
        case "segments":
            return float(math.ceil(price.size / price.segment_bytes))
        case "beyond-64":
            return float(max(0, min(price.size, 1500) - 64))
        case "beyond-1500":
            return float(max(0, price.size - 1500))
        case "iommu-reads":
            return price.iommu_reads * -(-price.size // PAGE)
        case "iommu_reads_nested":
            return price.nested_reads * -(-price.size // PAGE)
        case "syscalls":
            # Counted for one message received and one sent, so half of them belong to either.
            known = price.syscalls
            return (price.book[path_data(name)["syscalls"]].value if known is None else known) / 2
    raise PathError(f"{name}: a cost counts {times!r} times; see the head of hops.toml for what there is")


def _media(price: Pricing) -> CostShare:
    if price.media_us is not None:
        ns = price.media_us * 1000
        return CostShare("media_us", 1.0, Span(ns, ns, ns), Certainty.MEASURED, "the number given")
    number = price.book[_MEDIA[price.media, price.kind]]
    return CostShare(number.id, 1.0, Span(*number.ns), Certainty(number.kind), number.citation)


def _line(price: Pricing) -> CostShare:
    ns = price.wire_bytes * 8 / price.line_rate_gbit_s
    return CostShare("wire_1500", price.size / 1500, Span(ns, ns, ns), Certainty.DERIVED, None)


def _waited_ns(name: str, kind: str, holding: frozenset[str], price: Pricing) -> float:
    return sum(
        share.ns.typical
        for entry in applying(name, kind, holding)
        if not entry["late"]
        for share in _shares(name, entry, price)
    )


def _rest(name: str, holding: frozenset[str], price: Pricing) -> CostShare | None:
    """What the measured overhead leaves after the hops that are known; none for what nobody measured."""
    kinds = ("send", "receive") if price.kind == "message" else (price.kind,)
    totals = path_data(name).get("totals", ())
    total = next((t for t in totals if kinds[0] in t["requests"] and holding.issuperset(t["when"])), None)
    if total is None:
        return None
    overhead = price.book[total["overhead"]]
    # What the hops took where it was measured, so that a cost of one's own does change the sum.
    # The setting of the measurement: posted, halted, and no option but those the total names.
    options = {o if o in total["when"] else f"no-{o}" for o in path_data(name)["options"]}
    loops = {"iothread", "nvme-userspace"} & set(total["when"])
    setting = _STORAGE_NEEDS | options | {"no-poll", "no-userspace"} | set(total["when"])
    setting |= {"polling-thread" if loops else "main-loop"}
    measured = "read" if "read" in total["requests"] else "message"
    at = replace(
        price, kind=measured, size=Read().size if measured == "read" else 64, media="optane", media_us=None, clock_ghz=None,
        iommu_reads=0.0, book=STANDARD, mtu=1500, segment_bytes=65536, line_rate_gbit_s=25.0, syscalls=None,
    )  # fmt: skip
    known = _waited_ns(name, measured, frozenset(setting), at) - _waited_ns(
        "native", measured, native_conditions(), at
    )
    low, typical, high = overhead.ns
    left = max(0.0, typical - known)
    if measured == "read" and price.kind in ("send", "receive", "message"):
        # Measured with a drive, on another machine: whether a packet waits as long is not known.
        return CostShare(overhead.id, 1.0, Span(0.0, left / 2, left), Certainty.ASSUMED, overhead.citation)
    # The measured range belongs to the whole; the rest carries its width.
    span = Span(max(0.0, min(left, low - known)), left, max(left, high - known))
    return CostShare(overhead.id, 1.0, span, Certainty.DERIVED, overhead.citation)


def _hop(name: str, entry: Mapping[str, Any], price: Pricing, rest: CostShare | None, times: int) -> Hop:
    shares = _shares(name, entry, price)
    if "rest" in entry and rest is not None:
        part = float(entry["rest"])
        shares = (*shares, CostShare(rest.fact, part, rest.ns * part, rest.certainty, rest.source))
    elapsed = sum((share.ns for share in shares), ZERO)
    actor = Actor(entry["actor"])
    certainty = max((share.certainty for share in shares), key=_ORDER.index, default=Certainty.DERIVED)
    prefix = name.replace(":", "-")
    return Hop(
        id=f"{prefix}.{entry['hop']}" + (f"-{times}" if times > 1 else ""),
        start=entry["start"],
        end=entry["end"],
        stream=Stream(entry["stream"]),
        actor=actor,
        label=Label(f"hop.{entry.get('label', entry['hop'])}"),
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
        is_waited_for=not entry["late"],
        is_shared=bool(entry.get("shared", False)),
        server=_server(entry, actor),
        per=Per(entry.get("per", "request")),
        is_delivery=bool(entry.get("delivery", False)),
        passes=tuple(entry.get("passes", ())),
    )


def _server(entry: Mapping[str, Any], actor: Actor) -> Server:
    if "on" in entry:
        return Server(entry["on"])
    return {Actor.GUEST: Server.VCPU, Actor.DEVICE: Server.DEVICE}.get(actor, Server.BACKEND)
