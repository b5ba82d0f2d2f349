"""A path is NAME[:DEVICE][+OPTION...]: `virtio`, `virtio+iothread`, `emulated:ahci`, `sriov+posted`.

Which paths there are, and what each takes, stands in the files of paths/: adding a path is adding a file.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from ..errors import PathError

MODES = ("trapped", "apicv", "posted")
ALIASES = {
    "sriov_legacy": "sriov+trapped",
    "sriov_posted": "sriov+posted",
    "virtio_qemu": "virtio",
    "virtio_qemu_iothread": "virtio+iothread",
    "virtio_qemu_userspace_nvme": "virtio+nvme-userspace",
    "vhost_kernel": "vhost",
    "vhost_net": "vhost",
    "vhost_kernel_scsi": "vhost",
    "vhost_user_poll": "vhost-user",
    "vhost_user_blk": "vhost-user",
    "vhost_user_scsi": "vhost-user",
    "nvme_vfio_pi": "sriov+posted",
    "nvme_vfio_pi_haltpoll": "sriov+posted+haltpoll",
    "microvm_userspace": "emulated:microvm",
}
# The order in which people know them, from the ground up; files that are not named here follow.
_ORDER = ("native", "emulated:ahci", "emulated:nvme", "emulated:e1000", "emulated:microvm", "virtio", "vhost",
          "vhost-user", "sriov")  # fmt: skip


@cache
def path_names() -> tuple[str, ...]:
    """The paths there are, without options."""
    found = [
        f.name.removesuffix(".toml").replace("emulated-", "emulated:", 1)
        for f in files(__package__).joinpath("paths").iterdir()
        if f.name.endswith(".toml")
    ]
    return tuple(sorted(found, key=lambda n: (_ORDER.index(n) if n in _ORDER else len(_ORDER), n)))


@cache
def path_data(name: str) -> dict[str, Any]:
    """The data file of a path."""
    file = files(__package__).joinpath(f"paths/{name.replace(':', '-')}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Path:
    """A parsed path; `mode` is how interrupts are delivered, None where the host decides."""

    name: str
    mode: str | None = None
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "+".join((self.name, *self.options, *([self.mode] if self.mode else [])))

    @property
    def route(self) -> str:
        """How it goes: native, mediated (through the hypervisor) or bypass."""
        return str(path_data(self.name)["route"])


def parse_path(text: str) -> Path:
    """The path that a text means.

    Raises:
        PathError: an unknown name or option; lists those there are.

    >>> str(parse_path("sriov+posted"))
    'sriov+posted'
    >>> str(parse_path("vhost_net"))
    'vhost'
    """
    if not isinstance(text, str):
        raise PathError(f"path is {text!r}, expected a text such as 'virtio' or 'sriov+posted'")
    base, *wanted = text.strip().split("+")
    name, *options = (*ALIASES.get(base, base).split("+"), *wanted)
    names = path_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise PathError(f"path {text!r}: no path is called {name!r}; there are {', '.join(names)}{hint}")
    data = path_data(name)
    modes = [o for o in options if o in MODES]
    others = tuple(sorted({o for o in options if o not in MODES}))
    for option in others:
        if option not in data["options"]:
            known = ", ".join((*MODES, *data["options"])) if name != "native" else ", ".join(data["options"])
            raise PathError(f"path {text!r}: {name} has no option {option!r}; it takes {known}")
    if modes and name == "native":
        raise PathError(f"path {text!r}: on bare metal no interrupt is {modes[0]}; leave it out")
    if len(set(modes)) > 1:
        raise PathError(f"path {text!r}: {' and '.join(modes)} exclude each other; take one")
    for pair in (
        *data.get("excludes", ()),
        ["poll", "userspace"],
        ["haltpoll", "poll"],
        ["haltpoll", "userspace"],
    ):
        if set(pair) <= set(others):
            raise PathError(f"path {text!r}: {' and '.join(pair)} exclude each other; take one")
    return Path(name, modes[0] if modes else None, others)


def requests_of(name: str) -> tuple[str, ...]:
    """The kinds of request that a path carries."""
    kinds = tuple(path_data(name)["hops"])
    return (*kinds, "message") if {"send", "receive"} <= set(kinds) else kinds
