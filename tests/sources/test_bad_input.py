"""Hosts that are damaged, hostile or half there: a clear error, or a warning and the rest."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import sriovlab as sl
from sriovlab.errors import SnapshotError, SourceError
from sriovlab.sources.capture import capture_script, capture_snapshot
from sriovlab.sources.sysfs import read_topology
from sriovlab.sources.tree import MemoryTree

BASE = "/sys/devices/pci0000:00/0000:00:03.0"


def small_tree(**changes: bytes) -> MemoryTree:
    files = {
        f"{BASE}/vendor": b"0x8086\n",
        f"{BASE}/device": b"0x1580\n",
        f"{BASE}/class": b"0x020000\n",
    }
    files |= {f"{BASE}/{name}": data for name, data in changes.items()}
    return MemoryTree(
        files, {"/sys/bus/pci/devices/0000:00:03.0": "../../../devices/pci0000:00/0000:00:03.0"}
    )


def archive(path: Path, members: list[tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as out:
        for member in members:
            out.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def member(name: str, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    if link:
        info.type, info.linkname = tarfile.SYMTYPE, link
    else:
        info.size = 1
    return info


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no sys/bus/pci/devices in this folder"):
        sl.load(tmp_path)


def test_nothing_there_says_so() -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        sl.load("no-such-host")


def test_a_misspelt_example_is_guessed() -> None:
    with pytest.raises(SourceError, match="did you mean example:cloud"):
        sl.load("example:clod")


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside"])
def test_an_archive_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="leads out of the archive"):
        sl.load(archive(tmp_path / "x.tar", [member(name)]))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.tar"]


def test_a_link_that_leads_out_ends_inside(tmp_path: Path) -> None:
    device = "sys/devices/pci0000:00/0000:00:03.0"
    path = archive(
        tmp_path / "x.tar",
        [member(f"{device}/vendor"), member(f"{device}/device", "../../../../../../../../etc/hostname"),
         member("sys/bus/pci/devices/0000:00:03.0", "../../../devices/pci0000:00/0000:00:03.0")],
    )  # fmt: skip
    assert sl.load(path).functions[0].device_id is None


def test_a_link_that_turns_in_a_circle_ends(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar", [member("sys/bus/pci/devices/0000:00:03.0", "0000:00:04.0"),
                                        member("sys/bus/pci/devices/0000:00:04.0", "0000:00:03.0")])  # fmt: skip
    assert sl.load(path).warnings


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b\x08\x00half", b"{", b"[1]", b'{"schema": 3}', b"\xff\xfe", b"lspci output"]
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "host.json"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="host.json"):
        sl.load(path)


@pytest.mark.parametrize("schema", ["sriovlab.snapshot/2", "sriovlab.topology/9"])
def test_a_newer_schema_is_named_as_such(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "host.json"
    path.write_text(json.dumps({"schema": schema}))
    with pytest.raises(SnapshotError, match="is newer than .*upgrade sriovlab"):
        sl.load(path)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d["functions"][0].pop("address"), r"functions\[0\]: the key 'address' is missing"),
        (
            lambda d: d["functions"][0].update(kind="tree"),
            r"functions\[0\].kind: found 'tree', expected one of host-bridge",
        ),
        (
            lambda d: d["functions"][0].update(numa_node="one"),
            r"functions\[0\].numa_node: found 'one', expected int",
        ),
        (lambda d: d.update(functions=3), "functions: found 3, expected a list"),
    ],
)
def test_a_wrong_document_says_where(tmp_path: Path, change: Callable[[dict], object], where: str) -> None:
    document = sl.load("example:nvme-0vf").to_document()
    change(document)
    path = tmp_path / "t.json"
    path.write_text(json.dumps(document))
    with pytest.raises(SnapshotError, match=where):
        sl.load(path)


def test_a_truncated_configuration_space_is_a_warning_and_no_guess() -> None:
    host = read_topology(small_tree(config=bytes(64), sriov_totalvfs=b"63\n"))
    (function,) = host.functions
    assert function.sriov is not None
    assert (function.sriov.driver_max_vfs, function.sriov.total_vfs) == (63, None)
    assert any("stops at 64 bytes" in w.what for w in host.warnings)


def test_a_capability_list_that_loops_is_a_warning() -> None:
    data = bytearray(256)
    data[6], data[0x34], data[0x40:0x42] = 0x10, 0x40, bytes([0x11, 0x40])
    host = read_topology(small_tree(config=bytes(data)))
    assert any("0x40" in w.what for w in host.warnings)


def test_an_attribute_that_is_no_utf_8_is_a_warning() -> None:
    host = read_topology(small_tree(numa_node=b"\xff\xfe", driver_override=b"\xe9t\xe9"))
    assert host.functions[0].numa_node is None
    assert sum("not UTF-8" in w.what for w in host.warnings) == 2


def test_a_permission_error_is_a_warning_and_the_rest_is_read() -> None:
    tree = small_tree(numa_node=b"1\n")
    tree._errors[f"{BASE}/numa_node"] = errno.EACCES
    host = read_topology(tree)
    assert host.functions[0].vendor_id == "8086"
    assert any("numa_node could not be read: Permission denied" in w.what for w in host.warnings)


def test_a_device_that_vanishes_is_a_warning() -> None:
    tree = small_tree()
    tree._links["/sys/bus/pci/devices/0000:00:04.0"] = "../../../devices/pci0000:00/0000:00:04.0"
    tree._children["/sys/bus/pci/devices"].add("0000:00:04.0")
    host = read_topology(tree)
    assert any(w.where == "pci:0000:00:04.0" and "vanished" in w.what for w in host.warnings)


def test_a_vf_whose_pf_is_gone_is_kept_with_a_warning() -> None:
    tree = small_tree()
    tree._links[f"{BASE}/physfn"] = "../0000:00:02.0"
    host = read_topology(tree)
    assert host.functions[0].kind.value == "vf"
    assert host.functions[0].physical_function is None


def test_the_carried_script_captures_what_the_library_captures(tmp_path: Path) -> None:
    root = tmp_path / "root"
    tree = small_tree(numa_node=b"0\n", config=bytes(64))
    for path, data in tree._files.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_bytes(data)
    (root / "sys/bus/pci/devices").mkdir(parents=True)
    os.symlink("../../../devices/pci0000:00/0000:00:03.0", root / "sys/bus/pci/devices/0000:00:03.0")
    script = tmp_path / "capture.py"
    script.write_text(capture_script())

    ran = subprocess.run(
        [sys.executable, "-I", str(script), "--root", str(root)], capture_output=True, text=True, check=True
    )
    theirs, ours = json.loads(ran.stdout), json.loads(capture_snapshot(str(root)).to_json())
    theirs.pop("captured_at"), ours.pop("captured_at")
    assert theirs == ours
    assert ours["files"]


def test_the_carried_modules_need_python_3_8_only(tmp_path: Path) -> None:
    from sriovlab.sources import capture

    package = Path(sl.__file__).parent
    files = [str(package / (name.replace(".", "/") + ".py")) for name in capture._CARRIED]
    script = tmp_path / "capture.py"
    script.write_text(capture_script())
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "vermin"), "-q", "-t=3.8-", "--no-tips", "--eval-annotations", *files, str(script)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
