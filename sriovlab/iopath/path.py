"""A path is NAME[:DEVICE][+OPTION...]: `virtio`, `virtio+iothread`, `sriov+posted`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from ..errors import PathError

# What can be played, with the options each takes beside the interrupt modes.
NAMES: dict[str, tuple[str, ...]] = {"virtio": ("iothread",), "sriov": ()}
MODES = ("trapped", "apicv", "posted")
ALIASES = {
    "sriov_legacy": "sriov+trapped",
    "sriov_posted": "sriov+posted",
    "virtio_qemu": "virtio",
    "virtio_qemu_iothread": "virtio+iothread",
    "nvme_vfio_pi": "sriov+posted",
}


@dataclass(frozen=True)
class Path:
    """A parsed path; `mode` is how interrupts are delivered, None where the host decides."""

    name: str
    mode: str | None = None
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join((self.name, *self.options, *([self.mode] if self.mode else [])))


def parse_path(text: str) -> Path:
    """The path that a text means.

    Raises:
        PathError: an unknown name or option; lists those there are.

    >>> str(parse_path("sriov+posted"))
    'sriov+posted'
    """
    name, *options = ALIASES.get(text.strip(), text.strip()).split("+")
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise PathError(f"path {text!r}: no path is called {name!r}; there are {', '.join(NAMES)}{hint}")
    modes = [o for o in options if o in MODES]
    others = tuple(sorted({o for o in options if o not in MODES}))
    for option in others:
        if option not in NAMES[name]:
            known = ", ".join((*MODES, *NAMES[name]))
            raise PathError(f"path {text!r}: {name} has no option {option!r}; it takes {known}")
    if len(set(modes)) > 1:
        raise PathError(f"path {text!r}: {' and '.join(modes)} exclude each other; take one")
    return Path(name, modes[0] if modes else None, others)
