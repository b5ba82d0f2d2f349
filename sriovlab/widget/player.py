"""The animated comparison in a notebook: a widget, a fallback where nothing runs, and files."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RenderError
from ..i18n import check_language, text
from ..iopath.bind import journey
from ..iopath.journey import Actor, ExitPlace, Journey
from ..iopath.request import Request
from ..iopath.setting import Setting, setting_of
from ..render.diagram import SUFFIXES, save_svg, write_file
from ..render.movie import gif_bytes
from ..render.page import player_page, stage_module, stage_state, stage_style
from ..render.still import animated_svg, still_svg
from ..render.tables import aligned
from ..scene.phrases import microseconds
from ..scene.player import player_scene
from ..sources.load import load

if TYPE_CHECKING:
    import anywidget


def compare(
    host: Any,
    *paths: str,
    vm: str | None = None,
    function: str | None = None,
    request: Request | None = None,
    queue_depth: int = 1,
    language: str = "en",
    theme: str = "light",
    predict: bool = False,
    **knobs: object,
) -> Player:
    """Two paths, or up to four, of the same request side by side, played.

    Args:
        host: A Topology, or anything `load` takes.
        paths: Two to four paths, `virtio` and `sriov` unless given.
        vm, function: As for `journey`.
        queue_depth: Requests that each VM keeps in flight; above 1 the guest is busy and its vCPU does not halt.
        knobs: Others of `Setting`: `vms=3` plays the requests of three VMs, `media="nand"` another drive.
        theme: Of saved pictures; the widget follows the notebook.
        predict: Play waits for a guess at the VM exits of the last lane, and shows it beside the result.
    Raises:
        PathError: an unknown path, VM or function, or not two to four paths.
        SourceError: the host cannot be loaded.
    """
    topology = load(host)
    check_language(language)
    setting = setting_of(None, {"queue_depth": queue_depth, **knobs})
    if setting.vcpu is None and setting.depths is not None:
        setting = setting_of(setting, {"vcpu": "halted" if max(setting.depths) == 1 else "running"})
    journeys = tuple(
        journey(topology, path, request, vm=vm, function=function, setting=setting)
        for path in (paths or ("virtio", "sriov"))
    )
    name = ", ".join(h.name for h in topology.hosts[:2])
    return Player(journeys, host_name=name, setting=setting, language=language, theme=theme, predict=predict)


class Player:
    """A comparison: shows itself in a notebook, saves itself as HTML, SVG, PNG, PDF or GIF.

    `journeys` hold the numbers; `widget` is the anywidget once it has been shown.
    """

    def __init__(
        self,
        journeys: Sequence[Journey],
        *,
        host_name: str,
        setting: Setting | None = None,
        language: str = "en",
        theme: str = "light",
        predict: bool = False,
    ) -> None:
        self.journeys = tuple(journeys)
        self.host_name, self.setting = host_name, Setting() if setting is None else setting
        self.language, self.theme, self.predict = language, theme, predict
        self.scene = player_scene(self.journeys, setting=self.setting, host_name=host_name)
        self._widget: anywidget.AnyWidget | None = None

    @property
    def widget(self) -> anywidget.AnyWidget:
        """The widget, made when it is first asked for."""
        if self._widget is None:
            self._widget = _make_widget(stage_state(self.scene, self.language, predict=self.predict))
        return self._widget

    def summary(self) -> str:
        """The numbers of both paths as a table of plain text."""
        return summary(self.journeys, self.language)

    def save(
        self, path: str | os.PathLike[str], *, at_ns: float | None = None, is_animated: bool = True
    ) -> Path:
        """Write the comparison; .html is the page that plays with no network, .svg and .gif move.

        Args:
            at_ns: The moment that a still shows, in ns after the request; the end unless given.
            is_animated: False for an SVG that stands still.
        Raises:
            RenderError: an unknown suffix, a missing package, or a place that cannot be written.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in (".html", ".htm"):
            return write_file(
                target, player_page(self.scene, language=self.language, predict=self.predict).encode("utf-8")
            )
        if suffix == ".gif":
            return write_file(target, gif_bytes(self.scene, theme=self.theme, language=self.language))
        if suffix not in SUFFIXES:
            known = ", ".join((".html", *SUFFIXES, ".gif"))
            raise RenderError(f"{target}: {suffix or 'no suffix'} is no format we write; expected {known}")
        if suffix == ".svg" and is_animated and at_ns is None:
            svg = animated_svg(self.scene, theme=self.theme, language=self.language)
        else:
            svg = still_svg(self.scene, at_ns, theme=self.theme, language=self.language)
        return save_svg(svg, target)

    def __repr__(self) -> str:
        parts = "; ".join(
            f"{j.path}: {j.exits():g} exits, {microseconds(j.latency_ns.typical)} us"
            + (" (what if)" if j.is_what_if else "")
            for j in self.journeys
        )
        return (
            f"<Player {self.host_name}, {self.journeys[0].request}, queue depth {self.setting.queue_depth_text or 1}"
            f"{f', {self.setting.vms} VMs' if self.setting.vms > 1 else ''}: {parts}>"
        )

    def _repr_mimebundle_(self, **options: Any) -> Any:
        image = animated_svg(self.scene, theme=self.theme, language=self.language).encode("utf-8")
        source = base64.b64encode(image).decode("ascii")
        title = self.scene.title.in_language(self.language)
        fallback = {
            "text/plain": repr(self),
            "text/html": f'<img alt="{_attribute(title)}" style="max-width:100%" src="data:image/svg+xml;base64,{source}">',
        }
        try:
            made = self.widget._repr_mimebundle_(**options)
        except ImportError:
            return fallback
        bundle, metadata = made if isinstance(made, tuple) else (made, {})
        return {**(bundle or {}), **fallback}, metadata


def _attribute(title: str) -> str:
    return title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _make_widget(state: dict[str, Any]) -> anywidget.AnyWidget:
    import anywidget
    import traitlets

    class PlayerWidget(anywidget.AnyWidget):  # type: ignore[misc,unused-ignore]
        """The stage in a notebook; its traits are the keys that stage.mjs names."""

        _esm = stage_module()
        _css = stage_style()
        svg = traitlets.Unicode().tag(sync=True)
        timeline = traitlets.Dict().tag(sync=True)
        texts = traitlets.Dict().tag(sync=True)
        language = traitlets.Unicode("en").tag(sync=True)
        theme = traitlets.Unicode("auto").tag(sync=True)
        selection = traitlets.Unicode("").tag(sync=True)
        at = traitlets.Float(0).tag(sync=True)
        predict = traitlets.Bool(False).tag(sync=True)
        prediction = traitlets.Int(-1).tag(sync=True)

    return PlayerWidget(**state)


_ROWS: tuple[tuple[str, Any], ...] = (
    *((f"exits-{place.value}", lambda j, p=place: f"{j.exits(p):g}") for place in ExitPlace),
    ("exits", lambda j: f"{j.exits():g}"),
    *(
        (f"cpu-{actor.value}", lambda j, a=actor: _span(j.cpu_ns(a)))
        for actor in (Actor.GUEST, Actor.VMM, Actor.HOST_KERNEL)
    ),
    ("copies", lambda j: f"{j.total('copies'):g}"),
    ("switches", lambda j: f"{j.total('context_switches'):g}"),
    ("latency", lambda j: _span(j.latency_ns)),
)


def _span(span: Any) -> str:
    return f"{microseconds(span.typical)} ({microseconds(span.low)}-{microseconds(span.high)})"


def summary_rows(journeys: Sequence[Journey], language: str = "en") -> list[list[str]]:
    """The numbers of some journeys: a head row with the paths, then one row a quantity."""
    head = ["", *(j.path + (" *" if j.is_what_if else "") for j in journeys)]
    return [
        head,
        *([text(f"widget.row.{key}", language=language), *map(show, journeys)] for key, show in _ROWS),
    ]


def summary(journeys: Sequence[Journey], language: str = "en") -> str:
    """The numbers of some journeys as a table of plain text; doubts stand below it."""
    rows = summary_rows(journeys, language)
    lines = [aligned(rows)]
    for j in journeys:
        reasons = [text(f"iopath.{d.label.key}", language=language, **d.label.slots) for d in j.doubts]
        if reasons:
            lines.append(text("widget.what-if", language=language, path=j.path, reasons="; ".join(reasons)))
    return "\n".join(lines)
