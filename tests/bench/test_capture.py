"""How long a live capture takes on a host of 200 functions (asked for: under 1 s)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import sriovlab as sl
from sriovlab.sources.capture import capture_snapshot
from sriovlab.sources.snapshot import record
from sriovlab.sources.tree import FolderTree


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled host's tree on disk, with its PF's VF copied until there are 200 functions."""
    folder = tmp_path_factory.mktemp("root")
    from sriovlab.sources.load import _hosts_folder
    from sriovlab.sources.snapshot import from_document, read_json

    snapshot = from_document(read_json(str(_hosts_folder() / "cloud.json.gz")))
    source = "/sys/devices/pci0000:85/0000:85:00.0/0000:86:00.2"
    copies = [(f"0000:86:{n >> 3:02x}.{n & 7}") for n in range(8, 8 + 173)]
    names = {source: [source, *(f"/sys/devices/pci0000:85/0000:85:00.0/{a}" for a in copies)]}
    for path, data in snapshot.files.items():
        for target in (
            (path.replace(source, to) for to in names[source]) if path.startswith(source) else [path]
        ):
            (folder / target[1:]).parent.mkdir(parents=True, exist_ok=True)
            (folder / target[1:]).write_bytes(data)
    for path, link in snapshot.links.items():
        for target in (
            (path.replace(source, to) for to in names[source]) if path.startswith(source) else [path]
        ):
            (folder / target[1:]).parent.mkdir(parents=True, exist_ok=True)
            os.symlink(link, folder / target[1:])
    for address in copies:
        os.symlink(
            f"../../../devices/pci0000:85/0000:85:00.0/{address}", folder / "sys/bus/pci/devices" / address
        )
    assert len(record(FolderTree(str(folder))).topology().functions) == 200
    return folder


def test_capture_of_200_functions(benchmark: Any, root: Path) -> None:
    snapshot = benchmark.pedantic(lambda: capture_snapshot(str(root)), rounds=5)
    assert len(snapshot.topology().functions) == 200


def test_load_of_the_bundled_host(benchmark: Any) -> None:
    benchmark(lambda: sl.load("example:cloud"))
