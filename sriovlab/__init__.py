"""Teach and draw SR-IOV: a host's topology as a graph, and the hypervisor path beside the bypass path.

>>> import sriovlab as sl
>>> host = sl.load("example:cloud")
>>> host
<Topology ...: 27 functions, 3 PFs, 12 VFs, 25 IOMMU groups, 3 VMs, ... warnings>
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Each public name and the module it lives in; imported when it is first used, so that
# `import sriovlab` stays quick.
_HOMES = {
    "Message": "iopath.request",
    "Read": "iopath.request",
    "Receive": "iopath.request",
    "Send": "iopath.request",
    "Setting": "iopath.setting",
    "SriovlabError": "errors",
    "Topology": "model.topology",
    "capture": "sources.capture",
    "chart": "render.charts",
    "charts": "scene.charts",
    "compare": "widget.player",
    "compare_with": "iopath.comparison",
    "diagram": "render.diagram",
    "examples": "sources.load",
    "figures": "render.diagram",
    "journey": "iopath.bind",
    "load": "sources.load",
    "predict": "iopath.predict",
    "read_measurement": "iopath.measured",
    "simulate": "iopath.simulate",
    "sweep": "iopath.sweep",
    "synthetic": "sources.synthetic",
    "Write": "iopath.request",
}

__all__ = [
    *sorted(_HOMES),
    "__version__",
]

if TYPE_CHECKING:
    from .errors import SriovlabError as SriovlabError
    from .iopath.bind import journey as journey
    from .iopath.comparison import compare_with as compare_with
    from .iopath.measured import read_measurement as read_measurement
    from .iopath.predict import predict as predict
    from .iopath.request import Message as Message
    from .iopath.request import Read as Read
    from .iopath.request import Receive as Receive
    from .iopath.request import Send as Send
    from .iopath.request import Write as Write
    from .iopath.setting import Setting as Setting
    from .iopath.simulate import simulate as simulate
    from .iopath.sweep import sweep as sweep
    from .model.topology import Topology as Topology
    from .render.charts import chart as chart
    from .render.diagram import diagram as diagram
    from .render.diagram import figures as figures
    from .scene.charts import charts as charts
    from .sources.capture import capture as capture
    from .sources.load import examples as examples
    from .sources.load import load as load
    from .sources.synthetic import synthetic as synthetic
    from .widget.player import compare as compare


def _show_topology(topology: Any) -> dict[str, Any]:
    """The picture of a topology in a notebook; hung here, since `model` stands below `render`."""
    from .render.diagram import topology_mimebundle

    return topology_mimebundle(topology)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sriovlab' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def _hang_picture() -> None:
    from .model import topology

    topology.display_hook = _show_topology


_hang_picture()
