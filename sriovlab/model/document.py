"""The topology document: versioned JSON that all sources end in and all pictures begin from.

The keys are those of the dataclasses in `nouns`; the JSON Schema is `topology.schema.json` beside
this file. Keys stay from version to version, more may be added, unknown is null.
"""

from __future__ import annotations

import typing
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, Callable, Dict, List, Mapping, Tuple, Type

from ..errors import SnapshotError
from . import nouns
from .topology import Topology

SCHEMA = "sriovlab.topology/1"

SECTIONS: Tuple[Tuple[str, Type[Any]], ...] = (
    ("hosts", nouns.Host),
    ("functions", nouns.Function),
    ("iommus", nouns.Iommu),
    ("iommu_groups", nouns.IommuGroup),
    ("numa_nodes", nouns.NumaNode),
    ("virtual_machines", nouns.VirtualMachine),
    ("warnings", nouns.Warning_),
)

_NESTED: Dict[str, Type[Any]] = {
    "sriov": nouns.SriovState,
    "vf_bars": nouns.VfBar,
    "link": nouns.LinkState,
    "acs": nouns.AcsState,
    "network_interfaces": nouns.NetworkInterface,
    "nvme_controllers": nouns.NvmeController,
    "namespaces": nouns.NvmeNamespace,
    "devices": nouns.VmDevice,
}

_NAMES: Dict[Type[Any], Tuple[str, ...]] = {
    cls: tuple(f.name for f in fields(cls)) for cls in {*dict(SECTIONS).values(), *_NESTED.values()}
}


_PLAIN = frozenset((str, int, float, bool, type(None)))


def _encode(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    names = _NAMES.get(type(value))
    if names is not None:
        return {name: _encode(getattr(value, name)) for name in names}
    if isinstance(value, tuple):
        return [_encode(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value


def to_document(topology: Topology) -> Dict[str, Any]:
    """The document of a topology: plain dicts, lists, texts, numbers, booleans and None."""
    document: Dict[str, Any] = {"schema": SCHEMA}
    for section, _ in SECTIONS:
        document[section] = [_encode(thing) for thing in getattr(topology, section)]
    return document


def _checks(cls: Type[Any]) -> Dict[str, Callable[[str, Any], Any]]:
    hints = typing.get_type_hints(cls)
    return {f.name: _decoder(f.name, hints[f.name]) for f in fields(cls)}


def _decoder(name: str, hint: Any) -> Callable[[str, Any], Any]:
    arguments = typing.get_args(hint)
    if type(None) in arguments:
        inner = _decoder(name, next(a for a in arguments if a is not type(None)))
        return lambda where, value: None if value is None else inner(where, value)
    if typing.get_origin(hint) is tuple:
        item = _decoder(name, arguments[0])

        def decode_list(where: str, value: Any) -> Any:
            if not isinstance(value, list):
                raise SnapshotError(f"{where}: found {_short(value)}, expected a list")
            return tuple(item(f"{where}[{i}]", v) for i, v in enumerate(value))

        return decode_list
    if hint in _NAMES:
        return lambda where, value: _decode(hint, where, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return lambda where, value: _decode_enum(hint, where, value)

    def decode_plain(where: str, value: Any) -> Any:
        right = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
        if hint is float and type(value) is int:
            return float(value)
        if not right:
            raise SnapshotError(f"{where}: found {_short(value)}, expected {hint.__name__}")
        return value

    return decode_plain


def _decode_enum(hint: Type[Enum], where: str, value: Any) -> Any:
    try:
        return hint(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in hint)
        raise SnapshotError(f"{where}: found {_short(value)}, expected one of {known}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


_DECODERS: Dict[Type[Any], Dict[str, Callable[[str, Any], Any]]] = {}


def _decode(cls: Type[Any], where: str, value: Any) -> Any:
    if not isinstance(value, dict):
        raise SnapshotError(f"{where}: found {_short(value)}, expected an object")
    decoders = _DECODERS.get(cls)
    if decoders is None:
        decoders = _DECODERS[cls] = _checks(cls)
    arguments = {
        name: decoders[name](f"{where}.{name}", item) for name, item in value.items() if name in decoders
    }
    missing: List[str] = [
        f.name
        for f in fields(cls)
        if f.default is MISSING and f.default_factory is MISSING and f.name not in arguments
    ]
    if missing:
        raise SnapshotError(f"{where}: the key {missing[0]!r} is missing")
    return cls(**arguments)


def from_document(document: Mapping[str, Any]) -> Topology:
    """The topology of a document. Keys this version does not know are passed over.

    Raises:
        SnapshotError: another or a newer schema, a missing key or a wrong type; says where.
    """
    if not isinstance(document, Mapping):
        raise SnapshotError(f"topology document: found {_short(document)}, expected an object")
    check_schema(document.get("schema"), SCHEMA)
    sections: Dict[str, Any] = {}
    for section, cls in SECTIONS:
        things = document.get(section, [])
        if not isinstance(things, list):
            raise SnapshotError(f"{section}: found {_short(things)}, expected a list")
        sections[section] = tuple(_decode(cls, f"{section}[{i}]", thing) for i, thing in enumerate(things))
    return Topology(**sections)


def check_schema(found: Any, expected: str) -> None:
    """Pass when `found` is the schema this version reads.

    Raises:
        SnapshotError: it is something else; a newer version is named as such.
    """
    if found == expected:
        return
    family, _, version = expected.rpartition("/")
    if isinstance(found, str) and found.startswith(family + "/"):
        tail = found[len(family) + 1 :]
        if tail.isdigit() and int(tail) > int(version):
            raise SnapshotError(
                f"schema {found} is newer than {expected}, the newest this version reads: upgrade sriovlab"
            )
    raise SnapshotError(f"schema is {_short(found)}, expected {expected!r}")
