"""Loading a host from anywhere; the kind of source is recognised by what it holds, not by its name."""

from __future__ import annotations

import difflib
import os
import tarfile
from importlib.resources import files
from pathlib import Path

from ..errors import SourceError
from ..model.document import SCHEMA as TOPOLOGY_SCHEMA
from ..model.topology import Topology
from . import snapshot
from .sysfs import read_topology
from .tree import archive_tree, folder_tree

KINDS = (
    "a snapshot or topology document (JSON, gzipped or not), a folder or tar archive with a host's sysfs, "
    "'live', 'example:NAME' or 'synthetic:...'"
)


def _hosts_folder() -> Path:
    """Where the bundled hosts are: inside the installed package, or in the repository beside it."""
    package = Path(str(files(__package__.rpartition(".")[0])))
    inside = package / "data" / "hosts"
    return inside if inside.is_dir() else package.parent / "data" / "hosts"


def examples() -> tuple[str, ...]:
    """The names of the bundled real hosts, for `load("example:NAME")`."""
    return tuple(sorted(f.name.removesuffix(".json.gz") for f in _hosts_folder().glob("*.json.gz")))


def load(source: str | os.PathLike[str] | Topology) -> Topology:
    """The topology of a host: a file, folder or archive, `live`, `example:cloud`, `synthetic:nic[vfs=8]`.

    Raises:
        SourceError: nothing there, or not a kind we know; says what was found and what is known.
    """
    if isinstance(source, Topology):
        return source
    place = os.fspath(source)
    if place == "live":
        from .capture import capture

        return capture()
    kind, colon, rest = place.partition(":")
    if colon and kind == "example":
        return _load_example(rest)
    if colon and kind == "synthetic":
        from .synthetic import synthetic

        return synthetic(rest)
    return _load_path(place)


def _load_example(name: str) -> Topology:
    path = _hosts_folder() / f"{name}.json.gz"
    if name not in examples():
        close = difflib.get_close_matches(name, examples(), 1)
        hint = f"did you mean example:{close[0]}? " if close else ""
        raise SourceError(f"example:{name}: no such example; {hint}there are {', '.join(examples())}")
    return _load_json(str(path))


def _load_path(path: str) -> Topology:
    if not os.path.exists(path):
        hint = f"; did you mean example:{path}?" if path in examples() else ""
        raise SourceError(f"{path}: no such file or folder{hint}; a host is {KINDS}")
    name = _stem(path)
    if os.path.isdir(path):
        return read_topology(folder_tree(path), name=_known_name(path, name))
    try:
        with open(path, "rb") as stream:
            first = stream.read(1)
    except OSError as err:
        raise SourceError(f"{path}: cannot be read ({err.strerror})") from err
    if not first:
        raise SourceError(f"{path}: the file is empty; a host is {KINDS}")
    if _is_archive(path):
        tree = archive_tree(path)
        return read_topology(tree, name=None if _has_name(tree) else name)
    return _load_json(path)


def _is_archive(path: str) -> bool:
    try:
        return tarfile.is_tarfile(path)
    except (OSError, EOFError, ValueError):
        return False


def _stem(path: str) -> str:
    name = os.path.basename(os.path.abspath(path))
    for suffix in (".gz", ".bz2", ".xz", ".tar", ".tgz", ".tbz2", ".txz"):
        name = name.removesuffix(suffix)
    return name or "host"


def _has_name(tree: object) -> bool:
    text = tree.text  # type: ignore[attr-defined]
    return bool(text("/proc/sys/kernel/hostname") or text("/etc/hostname"))


def _known_name(path: str, name: str) -> str | None:
    return None if _has_name(folder_tree(path)) else name


def _load_json(path: str) -> Topology:
    document = snapshot.read_json(path)
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith("sriovlab."):
        raise SourceError(f"{path}: JSON, but no sriovlab document (schema is {schema!r}); a host is {KINDS}")
    try:
        if schema.startswith(TOPOLOGY_SCHEMA.partition("/")[0] + "/"):
            return Topology.from_document(document)
        return snapshot.from_document(document).topology()
    except SourceError as err:
        raise type(err)(f"{path}: {err}") from err
