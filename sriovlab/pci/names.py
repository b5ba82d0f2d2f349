"""Human names of vendors, devices and classes, from the pci.ids file of the system.

The file is looked for where distributions keep it; without one every name is None, and callers show
the numbers. It is read once, when the first name is asked for, and searched rather than parsed, so
that the first name takes a few milliseconds.
"""

from __future__ import annotations

import gzip
import os
import re
from typing import Dict, Iterable, Optional, Tuple, Union

ENVIRONMENT_VARIABLE = "SRIOVLAB_PCI_IDS"

PLACES = (
    "/usr/share/misc/pci.ids",
    "/usr/share/hwdata/pci.ids",
    "/usr/share/pci.ids",
    "/var/lib/pciutils/pci.ids",
    "/usr/local/share/pci.ids",
    "/usr/local/share/hwdata/pci.ids",
)

Number = Union[int, str]


class PciNames:
    """The names in a text of the form of pci.ids. Numbers are ints, or hexadecimal texts without 0x.

    >>> names = PciNames(chr(10).join(["8086  Intel Corporation", chr(9) + "10c9  82576 Gigabit"]))
    >>> names.vendor_name("8086"), names.device_name(0x8086, 0x10c9), names.vendor_name("1234")
    ('Intel Corporation', '82576 Gigabit', None)
    """

    def __init__(self, text: str = "") -> None:
        self._text = "\n" + text.replace("\r\n", "\n") + "\n"
        self._known: Dict[Tuple[str, ...], Optional[str]] = {}

    def vendor_name(self, vendor: Number) -> Optional[str]:
        """The name of a vendor ID."""
        return self._find(_hex(vendor, 4))

    def device_name(self, vendor: Number, device: Number) -> Optional[str]:
        """The name of a device ID of a vendor. A VF has a device ID of its own, see `vf_device_id`."""
        return self._find(_hex(vendor, 4), _hex(device, 4))

    def subsystem_name(
        self, vendor: Number, device: Number, subsystem_vendor: Number, subsystem_device: Number
    ) -> Optional[str]:
        """The name of the board that carries a device."""
        subsystem = f"{_hex(subsystem_vendor, 4)} {_hex(subsystem_device, 4)}"
        return self._find(_hex(vendor, 4), _hex(device, 4), subsystem)

    def class_name(self, class_code: Number) -> Optional[str]:
        """The name of a 24-bit class code: of its subclass, or of its base class where that has no name."""
        code = _hex(class_code, 6)
        return self._find(f"C {code[:2]}", code[2:4]) or self._find(f"C {code[:2]}")

    def programming_interface_name(self, class_code: Number) -> Optional[str]:
        """The name of the programming interface of a 24-bit class code, such as NVM Express."""
        code = _hex(class_code, 6)
        return self._find(f"C {code[:2]}", code[2:4], code[4:])

    def _find(self, *keys: str) -> Optional[str]:
        if keys not in self._known:
            self._known[keys] = self._search(keys)
        return self._known[keys]

    def _search(self, keys: Tuple[str, ...]) -> Optional[str]:
        start, end = 0, len(self._text)
        for depth, key in enumerate(keys):
            start = self._text.find("\n" + "\t" * depth + key + "  ", start, end)
            if start < 0:
                return None
            following = _NEXT[depth].search(self._text, start + 1, end)
            end = following.start() if following else end
        # After the key come two spaces and the name, to the end of the line.
        begin = start + 1 + len(keys) - 1 + len(keys[-1])
        return self._text[begin : self._text.index("\n", begin)].strip() or None


# A block of depth n ends at the next line that is indented by n tabs or fewer; comments do not count.
_NEXT = tuple(re.compile(r"\n\t{0,%d}[^\t#\n]" % depth) for depth in range(3))


def _hex(number: Number, digits: int) -> str:
    if isinstance(number, int):
        return f"{number:0{digits}x}"
    return number.lower().zfill(digits)


def read_names(places: Iterable[str] = PLACES) -> PciNames:
    """Return the names of the first pci.ids file that can be read, plain or with .gz; empty if there is none.

    The environment variable SRIOVLAB_PCI_IDS names a file to try before the others.
    """
    override = os.environ.get(ENVIRONMENT_VARIABLE)
    for place in [override, *places] if override else places:
        for path in (place, place + ".gz"):
            try:
                with open(path, "rb") as file:
                    data = file.read()
                if data[:2] == b"\x1f\x8b":
                    data = gzip.decompress(data)
            except (OSError, EOFError):
                continue
            return PciNames(data.decode("utf-8", errors="replace"))
    return PciNames()


_system: Optional[PciNames] = None


def system_names() -> PciNames:
    """Return the names of this system's pci.ids, read once."""
    global _system
    if _system is None:
        _system = read_names()
    return _system


def vendor_name(vendor: Number) -> Optional[str]:
    """The name of a vendor ID on this system, or None."""
    return system_names().vendor_name(vendor)


def device_name(vendor: Number, device: Number) -> Optional[str]:
    """The name of a device ID on this system, or None."""
    return system_names().device_name(vendor, device)


def subsystem_name(
    vendor: Number, device: Number, subsystem_vendor: Number, subsystem_device: Number
) -> Optional[str]:
    """The name of the board that carries a device on this system, or None."""
    return system_names().subsystem_name(vendor, device, subsystem_vendor, subsystem_device)


def class_name(class_code: Number) -> Optional[str]:
    """The name of a 24-bit class code on this system, or None."""
    return system_names().class_name(class_code)
