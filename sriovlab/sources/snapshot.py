"""A snapshot: what was read of a host, redacted, as versioned JSON. It replays to the same topology."""

from __future__ import annotations

import base64
import datetime
import gzip
import json
import os
import tempfile
import zlib
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional

from ..errors import CaptureError, SnapshotError
from ..model.document import check_schema
from ..model.topology import Topology
from .redact import redact
from .sysfs import read_topology
from .tree import FileTree, RecordingTree, ReplayTree

SCHEMA = "sriovlab.snapshot/1"
SIZE_LIMIT = 1 << 29


@dataclass(frozen=True)
class Snapshot:
    """Files, links, folder listings and errors (errno) by absolute path; `name` is the host's, if known."""

    files: Mapping[str, bytes]
    links: Mapping[str, str]
    folders: Mapping[str, List[str]]
    errors: Mapping[str, int] = field(default_factory=dict)
    name: Optional[str] = None
    captured_at: Optional[str] = None
    is_redacted: bool = True

    def tree(self) -> FileTree:
        """The file tree that plays this snapshot back."""
        return ReplayTree(
            dict(self.files),
            dict(self.links),
            dict(self.folders),
            dict(self.errors),
            origin=self.name or "snapshot",
        )

    def topology(self) -> Topology:
        """The topology of the host at the time of the capture."""
        return read_topology(self.tree(), name=self.name, captured_at=self.captured_at)

    def to_json(self) -> str:
        """The JSON text, the same for the same content."""
        document = {
            "schema": SCHEMA,
            "captured_at": self.captured_at,
            "name": self.name,
            "redacted": self.is_redacted,
            "files": {path: _encode(self.files[path]) for path in sorted(self.files)},
            "links": {path: self.links[path] for path in sorted(self.links)},
            "folders": {path: list(self.folders[path]) for path in sorted(self.folders)},
            "errors": {path: self.errors[path] for path in sorted(self.errors)},
        }
        return json.dumps(document, ensure_ascii=True, indent=0, separators=(",", ": ")) + "\n"

    def save(self, path: str) -> None:
        """Write it to a file, gzipped when the name ends in .gz; the file appears whole or not at all.

        Raises:
            CaptureError: the file cannot be written.
        """
        data = self.to_json().encode("ascii")
        if path.endswith(".gz"):
            data = gzip.compress(data, mtime=0)
        write_whole(path, data)


def write_whole(path: str, data: bytes) -> None:
    """Write a file through a temporary one beside it.

    Raises:
        CaptureError: the folder is not there or cannot be written.
    """
    folder = os.path.dirname(os.path.abspath(path))
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".sriovlab-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except OSError as err:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
        raise CaptureError(f"{path} cannot be written: {err.strerror}; choose another place") from err


def _encode(data: bytes) -> Dict[str, str]:
    try:
        text = data.decode("utf-8")
        if all(c.isprintable() or c in "\n\t\0" for c in text):
            return {"text": text}
    except UnicodeDecodeError:
        pass
    return {"base64": base64.b64encode(data).decode("ascii")}


def record(tree: FileTree, *, keep_identity: bool = False, name: Optional[str] = None) -> Snapshot:
    """Read a host's topology through a recorder and return the snapshot of what was read.

    Raises:
        SourceError: the tree holds no PCI devices.
    """
    recorder = RecordingTree(tree)
    read_topology(recorder, name=name)
    if keep_identity:
        files, links, folders, errors = recorder.files, recorder.links, recorder.folders, recorder.errors
    else:
        files, links, folders, errors = redact(recorder, host_name=name)
        name = None
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0).isoformat()
    return Snapshot(files, links, folders, errors, name=name, captured_at=now, is_redacted=not keep_identity)


def read_json(path: str) -> Any:
    """The JSON value in a file, gzipped or not.

    Raises:
        SnapshotError: it cannot be read, is damaged, or is no JSON; says where.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(SIZE_LIMIT + 1)
        if data[:2] == b"\x1f\x8b":
            unpacker = zlib.decompressobj(31)
            data = unpacker.decompress(data, SIZE_LIMIT + 1)
            if not unpacker.eof and len(data) <= SIZE_LIMIT:
                raise SnapshotError(f"{path}: the gzip file ends early; is it whole?")
    except (OSError, zlib.error) as err:
        raise SnapshotError(f"{path} cannot be read: {err}") from err
    if len(data) > SIZE_LIMIT:
        raise SnapshotError(f"{path}: more than {SIZE_LIMIT >> 20} MiB; a snapshot of a host is far smaller")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as err:
        raise SnapshotError(f"{path}: not a JSON document ({err})") from err


def from_document(document: Mapping[str, Any]) -> Snapshot:
    """The snapshot that a JSON document holds.

    Raises:
        SnapshotError: another or a newer schema, a missing key or a wrong type; says where.
    """
    check_schema(document.get("schema"), SCHEMA)
    files = {path: _decode(path, value) for path, value in _table(document, "files", dict).items()}
    links = _table(document, "links", str)
    folders = _table(document, "folders", list)
    for path, names in folders.items():
        if not all(isinstance(n, str) for n in names):
            raise SnapshotError(f"folders[{path!r}]: expected a list of names")
    errors = _table(document, "errors", int)
    name, captured_at = document.get("name"), document.get("captured_at")
    for key, value in (("name", name), ("captured_at", captured_at)):
        if value is not None and not isinstance(value, str):
            raise SnapshotError(f"{key}: found {value!r}, expected a text or null")
    return Snapshot(files, links, folders, errors, name, captured_at, bool(document.get("redacted", True)))


def _table(document: Mapping[str, Any], key: str, kind: type) -> Dict[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise SnapshotError(f"{key}: found {type(table).__name__}, expected an object of paths")
    for path, value in table.items():
        if not path.startswith("/") or "/../" in path + "/":
            raise SnapshotError(f"{key}: {path!r} is not an absolute path without ..")
        if not isinstance(value, kind):
            raise SnapshotError(f"{key}[{path!r}]: found {type(value).__name__}, expected {kind.__name__}")
    return table


def _decode(path: str, value: Any) -> bytes:
    if isinstance(value.get("text"), str):
        return str(value["text"]).encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (KeyError, TypeError, ValueError):
        raise SnapshotError(f"files[{path!r}]: expected a text or base64") from None
