"""Scale: 65,279 VFs in the graph and the document (asked for: under 5 s and 1.5 GB), and their picture (2 s)."""

from __future__ import annotations

import resource
from typing import Any

import sriovlab as sl


def whole() -> int:
    host = sl.synthetic("nic[vfs=65279]")
    return len(host.graph) + len(host.to_document()["functions"])


def test_65279_vfs_built_in_graph_and_document(benchmark: Any) -> None:
    benchmark.pedantic(whole, rounds=3)
    benchmark.extra_info["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def test_65279_vfs_drawn(benchmark: Any) -> None:
    host = sl.synthetic("nic[vfs=65279]")
    benchmark.pedantic(lambda: sl.diagram(host).svg(), rounds=3)
