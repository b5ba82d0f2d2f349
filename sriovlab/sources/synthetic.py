"""Made-up hosts in one line: `synthetic("nic[vfs=8] nvme[vfs=4]", vms=3)`."""

from __future__ import annotations

import re

from ..model.topology import Topology
from .builder import HostBuilder
from .device import Device

__all__ = ["Device", "HostBuilder", "parse_devices", "synthetic"]

REACHABLE_VFS = 65_279  # 2^16 less bus 0 and PF 01:00.0
_NUMBERS = ("vfs", "total", "offset", "stride", "ports", "numa")
_DEVICE = re.compile(r"\s*([a-z]+)(?:\[([^\]]*)\])?")


def parse_devices(text: str) -> tuple[Device, ...]:
    """The devices that a text such as `nic[vfs=8,ports=2] nvme` names.

    Raises:
        ValueError: an unknown device or option, or no number; says at which character.
    """
    devices = []
    at = 0
    while text[at:].strip():
        match = _DEVICE.match(text, at)
        if match is None:
            raise ValueError(
                f"synthetic host, character {at + 1}: found {text[at:].strip()[:20]!r}, expected a device such as nic[vfs=8]"
            )
        options: dict[str, int | str | None] = {}
        for part in filter(None, (match.group(2) or "").split(",")):
            name, _, value = (word.strip() for word in part.partition("="))
            where = f"synthetic host, character {match.start() + 1}, {match.group(1)}[{part}]"
            if name == "driver":
                options[name] = value or None
            elif name not in _NUMBERS:
                raise ValueError(f"{where}: no such option; expected {', '.join((*_NUMBERS, 'driver'))}")
            elif not value.replace("_", "").isdigit():
                raise ValueError(f"{where}: {value!r} is no number")
            else:
                options[name] = int(value)
        try:
            devices.append(Device(match.group(1), **options))  # type: ignore[arg-type]
        except ValueError as err:
            raise ValueError(f"synthetic host, character {match.start() + 1}: {err}") from None
        at = match.end()
    return tuple(devices)


def synthetic(text: str = "nic[vfs=8] nvme[vfs=4]", *, vms: int = 0, name: str = "synthetic") -> Topology:
    """A made-up host with these devices and VMs; VFs go to the VMs in turn, one of each device.

    The host has an IOMMU that remaps and posts interrupts. For anything else, see `HostBuilder`.

    Raises:
        ValueError: the text cannot be read, or `vms` is negative.
        TopologyError: routing IDs wrap or collide.
    """
    builder = HostBuilder(name)
    for device in parse_devices(text):
        builder.add(device)
    builder.add_machines(vms)
    return builder.build()
