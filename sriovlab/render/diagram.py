"""A figure of a host as a value: shown in a notebook, saved as SVG, PNG or PDF."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CaptureError, RenderError
from ..i18n import Words, check_language, text, words
from ..model.topology import Topology
from ..scene.shapes import Scene
from ..scene.topology import topology_scene
from ..sources.load import load
from ..sources.snapshot import write_whole
from .svg import render_svg
from .themes import theme_named

_FIGURES = {"topology": topology_scene}
SUFFIXES = (".svg", ".png", ".pdf")


def figures(language: str = "en") -> dict[str, str]:
    """The figures there are, by name, each with one sentence."""
    return {name: text(f"topology.figure.{name}", language=language) for name in _FIGURES}


@dataclass(frozen=True)
class Diagram:
    """One figure of one host in a language and a theme."""

    scene: Scene
    figure: str
    language: str = "en"
    theme: str = "light"
    hidden_views: tuple[str, ...] = ("many",)

    def svg(self) -> str:
        """The figure as an SVG document."""
        return render_svg(
            self.scene, theme=self.theme, language=self.language, hidden_views=self.hidden_views
        )

    def save(self, path: str | os.PathLike[str], *, scale: float = 2.0) -> Path:
        """Write the figure; the suffix says the format. The file appears whole or not at all.

        Args:
            scale: Pixels of a PNG for one of the figure.
        Raises:
            RenderError: an unknown suffix, a missing package, or a place that cannot be written.
        """
        return save_svg(self.svg(), path, scale=scale)

    def __repr__(self) -> str:
        return f"<Diagram {self.figure}: {self.scene.title.in_language(self.language)}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}


def diagram(host: Any, figure: str = "topology", *, language: str = "en", theme: str = "light") -> Diagram:
    """A figure of a host: a Topology, or anything `load` takes.

    Raises:
        ValueError: an unknown figure, language or theme; lists those there are.
        SourceError: the host cannot be loaded.
    """
    if figure not in _FIGURES:
        raise ValueError(f"figure {figure!r}: expected one of {', '.join(_FIGURES)}")
    check_language(language)
    theme_named(theme)
    return Diagram(_FIGURES[figure](load(host)), figure, language, theme)


def save_svg(svg: str, path: str | os.PathLike[str], *, scale: float = 2.0) -> Path:
    """Write an SVG document as the format that the suffix of `path` names.

    Raises:
        RenderError: as `Diagram.save`.
    """
    target = Path(path)
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise RenderError(
            f"{target}: {suffix or 'no suffix'} is no format we write; expected {', '.join(SUFFIXES)}"
        )
    return write_file(target, svg.encode("utf-8") if suffix == ".svg" else converted_svg(svg, suffix, scale))


def png_bytes(svg: str, *, scale: float = 2.0) -> bytes:
    """An SVG document as a PNG.

    Raises:
        RenderError: cairosvg is missing.
    """
    return converted_svg(svg, ".png", scale)


def converted_svg(svg: str, suffix: str, scale: float) -> bytes:
    """An SVG document as the bytes of a PNG or PDF.

    Raises:
        RenderError: cairosvg, or the library it stands on, is missing.
    """
    try:
        import cairosvg
    except (ImportError, OSError) as err:
        raise RenderError(
            f"{suffix} needs cairosvg and the cairo library: pip install 'sriovlab[export]', and libcairo2 of the system"
        ) from err
    convert = cairosvg.svg2png if suffix == ".png" else cairosvg.svg2pdf
    # cairosvg takes the first family of the list; the CJK one has Latin letters too.
    named = svg.replace("system-ui, ", "").replace("'Noto Sans', 'Noto Sans CJK SC'", "'Noto Sans CJK SC'")
    data: bytes = convert(bytestring=named.encode("utf-8"), **({"scale": scale} if suffix == ".png" else {}))
    return data


def write_file(target: Path, data: bytes) -> Path:
    """Write bytes through a temporary file beside the target.

    Raises:
        RenderError: the place cannot be written.
    """
    try:
        write_whole(str(target), data)
    except CaptureError as err:
        raise RenderError(str(err)) from err
    return target


def counts(topology: Topology) -> Words:
    """One line that counts what a host has."""
    return words(
        "topology.counts",
        host=", ".join(host.name for host in topology.hosts[:3]),
        pfs=len(topology.physical_functions),
        vfs=len(topology.virtual_functions),
        groups=len(topology.iommu_groups),
        vms=len(topology.virtual_machines),
        warnings=len(topology.warnings),
    )


def topology_mimebundle(topology: Topology) -> dict[str, Any]:
    """How a notebook shows a topology: its picture."""
    return {"image/svg+xml": Diagram(topology_scene(topology), "topology").svg()}
