"""What KVM calls an exit, and which place on a request's way it can be.

KVM names the instruction or event, not the purpose, so most reasons stand for more than one place; the ambiguity is
part of the answer. Names: arch/x86/include/uapi/asm/vmx.h and svm.h, arch/arm64/include/asm/kvm_arm.h, and the counters
of /sys/kernel/debug/kvm (arch/x86/kvm/x86.c) of Linux 6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ..journey import ExitPlace


class Place(StrEnum):
    """Where a measured exit can belong.

    DEVICE is the model's submission and registers together, which no reason tells apart. UNNAMED are exits
    that the total counts and no counter names.
    """

    DEVICE = "device"
    DELIVERY = "delivery"
    EOI = "eoi"
    HALT = "halt"
    OTHER = "other"
    UNNAMED = "unnamed"


# The model's places behind a measured one; none for what the model does not have.
MODEL_PLACES: Mapping[Place, tuple[ExitPlace, ...]] = {
    Place.DEVICE: (ExitPlace.SUBMISSION, ExitPlace.REGISTERS),
    Place.DELIVERY: (ExitPlace.DELIVERY,),
    Place.EOI: (ExitPlace.EOI,),
    Place.HALT: (ExitPlace.HALT,),
}


@dataclass(frozen=True)
class Reason:
    """One reason: its place, what else it can be (a key of the topic `measured`), whether it counts too little."""

    place: Place
    doubt: str | None = None
    is_partial: bool = False


_FAULT = Reason(Place.DEVICE, "doubt.page-fault")
_PORT = Reason(Place.DEVICE, "doubt.port")
_HOST_INTERRUPT = Reason(Place.DELIVERY, "doubt.host-interrupt")
_WINDOW = Reason(Place.DELIVERY)
_MSR = Reason(Place.EOI, "doubt.msr")
_APIC = Reason(Place.EOI, "doubt.apic")
_HALT = Reason(Place.HALT, "doubt.idle")
_USER_ONLY = Reason(Place.DEVICE, "doubt.user-only", is_partial=True)
_OTHER = Reason(Place.OTHER)

_REASONS: Mapping[str, Reason] = {
    # Intel
    "EPT_MISCONFIG": Reason(Place.DEVICE), "EPT_VIOLATION": _FAULT, "IO_INSTRUCTION": _PORT,
    "EXTERNAL_INTERRUPT": _HOST_INTERRUPT, "INTERRUPT_WINDOW": _WINDOW, "PENDING_INTERRUPT": _WINDOW,
    "APIC_WRITE": _APIC, "APIC_ACCESS": _APIC, "EOI_INDUCED": Reason(Place.EOI), "MSR_WRITE": _MSR, "HLT": _HALT,
    # AMD, as perf prints it and as the tracepoint and its histogram do
    "NPF": _FAULT, "IO": _PORT, "IOIO": _PORT, "INTERRUPT": _HOST_INTERRUPT, "INTR": _HOST_INTERRUPT,
    "VINTR": _WINDOW, "MSR": _MSR, "AVIC_UNACCELERATED_ACCESS": _APIC,
    # arm64
    "DABT_LOW": _FAULT, "IRQ": _HOST_INTERRUPT, "WFX": _HALT, "SYS64": _MSR,
    # counters of debugfs
    "MMIO_EXITS": _USER_ONLY, "IO_EXITS": _USER_ONLY, "IRQ_EXITS": _HOST_INTERRUPT, "IRQ_WINDOW_EXITS": _WINDOW,
    "HALT_EXITS": _HALT,
}  # fmt: skip


def reason_of(name: str) -> Reason:
    """Where an exit of this name belongs; a name that is not known belongs to OTHER.

    >>> reason_of("npf").place, reason_of("EPT_MISCONFIG").doubt, reason_of("CPUID").place
    (<Place.DEVICE: 'device'>, None, <Place.OTHER: 'other'>)
    """
    return _REASONS.get(name.upper(), _OTHER)
