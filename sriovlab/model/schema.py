"""The JSON Schema of the topology document, made from the dataclasses, so that both cannot differ."""

from __future__ import annotations

import json
import typing
from dataclasses import MISSING, fields
from enum import Enum
from importlib.resources import files
from typing import Any

from .document import SCHEMA, SECTIONS

_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
_PATTERNS = {
    "address": r"^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$",
    "vendor_id": "^[0-9a-f]{4}$",
    "device_id": "^[0-9a-f]{4}$",
    "vf_device_id": "^[0-9a-f]{4}$",
    "class_code": "^[0-9a-f]{6}$",
}


def _of(hint: Any, name: str, known: dict[str, Any]) -> dict[str, Any]:
    arguments = typing.get_args(hint)
    if type(None) in arguments:
        inner = _of(next(a for a in arguments if a is not type(None)), name, known)
        return {"anyOf": [inner, {"type": "null"}]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _of(arguments[0], name, known)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    if hint in _PLAIN:
        pattern = {"pattern": _PATTERNS[name]} if hint is str and name in _PATTERNS else {}
        return {"type": _PLAIN[hint], **pattern}
    return _reference(hint, known)


def _reference(cls: type, known: dict[str, Any]) -> dict[str, Any]:
    name = cls.__name__.rstrip("_")
    if name not in known:
        known[name] = {}
        hints = typing.get_type_hints(cls)
        known[name].update(
            {
                "type": "object",
                "description": " ".join((cls.__doc__ or "").split("\n\n")[0].split()),
                "required": [
                    f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING
                ],
                "properties": {f.name: _of(hints[f.name], f.name, known) for f in fields(cls)},
            }
        )
    return {"$ref": f"#/$defs/{name}"}


def make_schema() -> dict[str, Any]:
    """The schema: all keys with type and nullability; further keys may be there."""
    known: dict[str, Any] = {}
    properties: dict[str, Any] = {"schema": {"const": SCHEMA}}
    for section, cls in SECTIONS:
        properties[section] = {"type": "array", "items": _reference(cls, known)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:sriovlab:topology:1",
        "title": "sriovlab topology document",
        "type": "object",
        "required": ["schema", *(section for section, _ in SECTIONS if section != "numa_nodes")],
        "properties": properties,
        "$defs": known,
    }


def topology_schema() -> dict[str, Any]:
    """The published schema, as the package carries it."""
    text = files(__package__).joinpath("topology.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
