"""Capturing a host, here or with one file carried to it."""

from __future__ import annotations

import os
import sys
from importlib.resources import files

from ..errors import CaptureError
from ..model.topology import Topology
from .snapshot import Snapshot, record
from .tree import FolderTree

# In the order in which they are loaded: each needs only those before it.
_CARRIED = (
    "errors",
    "pci.capability_names",
    "pci.capability_sizes",
    "pci.address",
    "pci.config_space",
    "pci.header",
    "pci.express",
    "pci.msix",
    "pci.acs",
    "pci.ari",
    "pci.sriov",
    "model.nouns",
    "model.topology",
    "model.document",
    "sources.tree",
    "sources.reader",
    "sources.functions",
    "sources.processes",
    "sources.sysfs",
    "sources.redact",
    "sources.snapshot",
)


def capture_snapshot(root: str = "/", *, keep_identity: bool = False) -> Snapshot:
    """What is read of the live host, or of the tree below `root`: redacted, unless told otherwise.

    Reads only, needs no root, and says in the topology's warnings what it could not read.

    Raises:
        CaptureError: there is no Linux sysfs with PCI devices here.
    """
    if not os.path.isdir(os.path.join(root, "sys/bus/pci/devices")):
        raise CaptureError(
            f"{os.path.join(root, 'sys/bus/pci/devices')} is not there: a live capture needs Linux with PCI; "
            "elsewhere load a snapshot, or sriovlab.load('example:cloud')"
        )
    return record(FolderTree(root), keep_identity=keep_identity)


def capture(root: str = "/", *, keep_identity: bool = False) -> Topology:
    """The topology of the live host, from a redacted snapshot of it.

    Raises:
        CaptureError: there is no Linux sysfs with PCI devices here.
    """
    return capture_snapshot(root, keep_identity=keep_identity).topology()


def capture_script() -> str:
    """One Python file, standard library only, Python 3.8 or newer, that makes the snapshot of a host.

    It carries the modules that `capture_snapshot` runs, as they are, so that both read alike.
    """
    package = files(__package__.rpartition(".")[0])
    parts = []
    for name in _CARRIED:
        source = package.joinpath(name.replace(".", "/") + ".py")
        parts.append(f"_MODULES[{name!r}] = r'''\n{_quoted(name, source.read_text(encoding='utf-8'))}'''\n")
    return _HEAD + "\n".join(parts) + _TAIL


def _quoted(name: str, source: str) -> str:
    if "'''" in source:
        raise CaptureError(f"module {name} holds ''' and cannot be carried in the script")
    return source


def write_snapshot(snapshot: Snapshot, path: str | None) -> None:
    """Write a snapshot to a file, or to standard output where there is no path or it is `-`."""
    if path in (None, "-"):
        sys.stdout.write(snapshot.to_json())
    else:
        snapshot.save(str(path))


_HEAD = '''#!/usr/bin/env python3
"""Capture the PCI, SR-IOV and IOMMU topology of this Linux host as a sriovlab snapshot.

    python3 capture.py > host.json            python3 capture.py -o host.json.gz

Needs Python 3.8 or newer and nothing else. Reads only. MAC addresses, serial numbers, UUIDs, host
and VM names are replaced by pseudonyms unless --keep-identity is given. As an ordinary user it
sees less; the snapshot says what. BSD-3-Clause, https://pypi.org/project/sriovlab
"""

import sys
from importlib.machinery import ModuleSpec

_MODULES = {}

'''

_TAIL = '''

class _Carried(object):
    """Imports the modules above under their own names."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] != "sriovlab":
            return None
        short = name[len("sriovlab.") :]
        is_package = not short or any(m.startswith(short + ".") for m in _MODULES)
        if not is_package and short not in _MODULES:
            return None
        return ModuleSpec(name, _Carried, is_package=is_package)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        source = _MODULES.get(module.__name__[len("sriovlab.") :])
        if source is not None:
            exec(compile(source, "<carried %s>" % module.__name__, "exec"), module.__dict__)


def main():
    import argparse
    import os

    parser = argparse.ArgumentParser(description="Capture this host as a sriovlab snapshot.")
    parser.add_argument("-o", "--output", help="file to write, .gz for gzip; standard output by default")
    parser.add_argument("--keep-identity", action="store_true", help="keep MACs, serials, host and VM names")
    parser.add_argument("--root", default="/", help="folder that holds sys/ and proc/; / by default")
    options = parser.parse_args()
    sys.meta_path.insert(0, _Carried)
    from sriovlab.errors import SriovlabError
    from sriovlab.sources.snapshot import record
    from sriovlab.sources.tree import FolderTree

    try:
        snapshot = record(FolderTree(options.root), keep_identity=options.keep_identity)
        if options.output in (None, "-"):
            sys.stdout.write(snapshot.to_json())
        else:
            snapshot.save(options.output)
    except SriovlabError as err:
        sys.stderr.write("capture: %s\\n" % err)
        return 2
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''
