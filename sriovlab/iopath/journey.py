"""The journey of one request: stations, hops between them, and what each hop costs, on a given host.

A `Journey` is computed, never drawn: `scene` turns it into a picture, `stage` plays that. Words are
keys of the i18n topic `iopath`, with named slots, so that this floor speaks no language.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Tier(StrEnum):
    """The bands of the picture, top to bottom."""

    APPLICATION = "application"
    GUEST_KERNEL = "guest-kernel"
    VMM = "vmm"
    HOST_KERNEL = "host-kernel"
    PCIE = "pcie"
    DEVICE = "device"
    MEDIA = "media"


HYPERVISOR_TIERS = (Tier.VMM, Tier.HOST_KERNEL)


class Stream(StrEnum):
    """What a hop carries. Memory, DMA and interrupts are what SR-IOV gives a VM of its own."""

    COMMAND = "command"
    DATA = "data"
    INTERRUPT = "interrupt"


class Actor(StrEnum):
    """Who does the work of a hop: whose CPU pays, or the device, which costs no CPU.

    On bare metal, GUEST is the one system there is.
    """

    GUEST = "guest"
    VMM = "vmm"
    HOST_KERNEL = "host-kernel"
    DEVICE = "device"


class ExitPlace(StrEnum):
    """The places where a VM exit can happen on a request's way.

    REGISTERS are those of the device that the guest's handler reads and writes, once the request is done: none
    of a VF or of virtio, the head doorbell of an emulated NVMe controller, five of an AHCI controller.
    """

    SUBMISSION = "submission"
    REGISTERS = "registers"
    DELIVERY = "delivery"
    EOI = "eoi"
    HALT = "halt"


class Server(StrEnum):
    """What is busy during a hop, and can be waited for.

    VCPU: one of the VM's; BACKEND: the thread or core that serves the VM; HOST: any core of the host, which is never
    waited for; DEVICE: the device, which works on all requests at once.
    """

    VCPU = "vcpu"
    BACKEND = "backend"
    HOST = "host"
    DEVICE = "device"


class Per(StrEnum):
    """What a hop happens once per: each request, or what several requests can share."""

    REQUEST = "request"
    KICK = "kick"
    WAKE = "wake"
    INTERRUPT = "interrupt"


class Evidence(StrEnum):
    """How a station is known: read on the host, described by a person, or assumed for a what-if."""

    SEEN = "seen"
    DESCRIBED = "described"
    ASSUMED = "assumed"


class Certainty(StrEnum):
    """How a number is known."""

    MEASURED = "measured"
    QUOTED = "quoted"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True)
class Span:
    """A number with its range: low, typical, high, in the unit its name says."""

    low: float
    typical: float
    high: float

    def __add__(self, other: Span) -> Span:
        return Span(self.low + other.low, self.typical + other.typical, self.high + other.high)

    def __mul__(self, factor: float) -> Span:
        return Span(self.low * factor, self.typical * factor, self.high * factor)


ZERO = Span(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class CostShare:
    """One number behind a hop: the key in `facts`, how often it counts, and what came of it in ns."""

    fact: str
    times: float
    ns: Span
    certainty: Certainty
    source: str | None = None


@dataclass(frozen=True)
class Label:
    """A sentence by key of the i18n topic `iopath`, with its slots."""

    key: str
    slots: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Station:
    """A place on the way: a box of the lane.

    `role` is one of application, guest-driver, guest-memory, vmm-thread, vhost-worker, kvm, host-driver,
    port, iommu, function, media; `thing` is the id in the topology where there is one.
    """

    id: str
    tier: Tier
    role: str
    label: Label
    evidence: Evidence
    thing: str | None = None


@dataclass(frozen=True)
class Hop:
    """One step from a station to another.

    Args:
        start, end: Station ids; the same for work done in place (media, a handler).
        via: Station ids passed on the way without a stop, such as the IOMMU that checks a DMA.
        elapsed_ns: What the hop adds to the request's latency; zero when `is_waited_for` is False.
        cpu_ns: CPU time that `actor` spends; differs from elapsed time, as a wait costs none.
        exits: Average VM exits by place; `user_exits` of them go on to the VMM's user space.
        is_waited_for: Whether the application waits for it (the completion doorbell comes after).
        is_shared: True on hops that every path has alike, such as the media.
        server: What is busy for `cpu_ns`; `per`: what the hop happens once per.
        is_delivery: Part of an interrupt's way from the device to the guest's handler.
        passes: Limits that it meets: media, line, pcie, iommu, vf.
    """

    id: str
    start: str
    end: str
    stream: Stream
    actor: Actor
    label: Label
    elapsed_ns: Span = ZERO
    cpu_ns: Span = ZERO
    via: tuple[str, ...] = ()
    exits: Mapping[ExitPlace, float] = field(default_factory=dict)
    user_exits: float = 0.0
    copies: float = 0.0
    context_switches: float = 0.0
    interrupts: float = 0.0
    costs: tuple[CostShare, ...] = ()
    certainty: Certainty = Certainty.DERIVED
    is_waited_for: bool = True
    is_shared: bool = False
    server: Server = Server.DEVICE
    per: Per = Per.REQUEST
    is_delivery: bool = False
    passes: tuple[str, ...] = ()


def hop_times(hops: Sequence[Hop]) -> list[tuple[float, float]]:
    """Start and end of each hop in ns after the request, at typical costs, with nothing to wait for."""
    times, now, aside, was_late = [], 0.0, 0.0, False
    for hop in hops:
        start = now if hop.is_waited_for or not was_late else aside
        end = start + hop.elapsed_ns.typical
        times.append((start, end))
        if hop.is_waited_for:
            now = end
        else:
            aside = end
        was_late = not hop.is_waited_for
    return times


@dataclass(frozen=True)
class Doubt:
    """Why a path plays as "what if" on this host: a sentence, and the thing it is about."""

    label: Label
    thing: str | None = None


@dataclass(frozen=True)
class Journey:
    """One request's way over one path on one host.

    `path` is the canonical text (`virtio`, `sriov+posted`); `doubts` is empty where the host can
    take the path as it stands. `vm`, `function` are topology ids or None where assumed.
    """

    path: str
    request: str
    stations: tuple[Station, ...]
    hops: tuple[Hop, ...]
    doubts: tuple[Doubt, ...] = ()
    vm: str | None = None
    function: str | None = None
    route: str = "mediated"

    @property
    def is_what_if(self) -> bool:
        """Whether something of this path is not there on the host."""
        return bool(self.doubts)

    def station(self, station_id: str) -> Station:
        """The station with this id."""
        return next(s for s in self.stations if s.id == station_id)

    @cached_property
    def starts_ns(self) -> tuple[float, ...]:
        """When each hop begins, in ns after the request, at typical costs; hops follow one another.

        A hop nobody waits for begins when the hop before it ends, be that waited for or not, and delays nothing.
        """
        return tuple(start for start, _ in hop_times(self.hops))

    @cached_property
    def latency_ns(self) -> Span:
        """From the application's call to its return."""
        return sum((h.elapsed_ns for h in self.hops if h.is_waited_for), ZERO)

    def cpu_ns(self, *actors: Actor) -> Span:
        """CPU time spent by these actors, or by all but the device."""
        chosen = actors or (Actor.GUEST, Actor.VMM, Actor.HOST_KERNEL)
        return sum((h.cpu_ns for h in self.hops if h.actor in chosen), ZERO)

    def exits(self, *places: ExitPlace) -> float:
        """VM exits at these places, or at all four."""
        return sum(h.exits.get(place, 0.0) for h in self.hops for place in (places or tuple(ExitPlace)))

    def total(self, name: str) -> float:
        """The sum of a count over the hops: user_exits, copies, context_switches or interrupts."""
        return float(sum(getattr(h, name) for h in self.hops))
