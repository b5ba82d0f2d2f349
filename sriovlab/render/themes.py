"""Roles get their colours here: fill, stroke, text, in a light and a dark theme, WCAG AA in both."""

from __future__ import annotations

from dataclasses import dataclass

FONTS = (
    "system-ui, 'Noto Sans', 'Noto Sans CJK SC', 'Noto Sans SC', 'Microsoft YaHei', 'PingFang SC', sans-serif"
)


@dataclass(frozen=True)
class Paint:
    """How a role looks. `dash` is an SVG dash pattern; `width` is that of the stroke in px."""

    fill: str
    stroke: str
    ink: str
    width: float = 1.5
    dash: str = ""


@dataclass(frozen=True)
class Theme:
    """The paints of all roles, and the paper they stand on."""

    name: str
    paper: str
    ink: str
    dim: str
    paints: dict[str, Paint]

    def paint(self, role: str) -> Paint:
        """The paint of a role; a plain one where the role has none of its own."""
        return self.paints.get(role) or Paint(self.paper, self.dim, self.ink)


def _theme(name: str, c: dict[str, str]) -> Theme:
    def p(fill: str, stroke: str, ink: str = "ink", width: float = 1.5, dash: str = "") -> Paint:
        return Paint(c.get(fill, fill), c.get(stroke, stroke), c[ink], width, dash)

    paints = {
        "band": p("band", "none"),
        "band-vmm": p("vmm-bg", "none"),
        "band-host": p("host-bg", "none"),
        "band-bypassed": p("url(#hatch)", "none"),
        "band-none": p("paper", "wire", width=1.2, dash="2 5"),
        "station": p("paper", "box"),
        "station-vmm": p("paper", "vmm", width=2),
        "station-host": p("paper", "host", width=2),
        "station-memory": p("paper", "data", width=2.5),
        "station-iommu": p("paper", "irq", width=2),
        "caption": p("cap-bg", "none", "cap-ink"),
        "wire": p("none", "wire", width=1.3),
        "bracket": p("none", "vmm", width=3),
        "axis": p("none", "wire", width=1),
        "break": p("none", "paper", width=3),
        "bar-guest": p("guest-bar", "box", width=1),
        "bar-vmm": p("vmm", "vmm", "on-dark", width=1),
        "bar-host-kernel": p("host", "host", "on-dark", width=1),
        "bar-device": p("device-bar", "box", width=1),
        "bar-shared": p("url(#shared)", "box", width=1),
        "command": p("none", "cmd", width=3),
        "data": p("none", "data", width=6),
        "interrupt": p("none", "irq", width=3, dash="7 4"),
        "vm": p("vm-bg", "vm", width=2),
        "pf": p("pf-bg", "cmd", width=2.5),
        "vf": p("paper", "data", width=2),
        "vf-held": p("vf-bg", "data", width=2.5),
        "endpoint": p("paper", "wire", width=1.2),
        "root-port": p("band", "box"),
        "bridge": p("band", "box"),
        "host-bridge": p("band", "box"),
        "upstream-port": p("band", "box"),
        "downstream-port": p("band", "box"),
        "iommu": p("paper", "irq", width=2),
        "group": p("none", "irq", width=1.5, dash="5 3"),
        "numa": p("none", "wire", width=1.2, dash="2 3"),
        "bus": p("none", "box", width=1.8),
        "holds": p("none", "data", width=3),
        "tag": p("none", "none"),
        "paper": p("paper", "none"),
        "what-if": p("vmm-bg", "vmm"),
        "through": p("none", "none", "vmm"),
        "past": p("none", "none", "data"),
        "bypassed": p("none", "none", "vmm"),
    }
    return Theme(name, c["paper"], c["ink"], c["dim"], paints)


LIGHT = _theme(
    "light",
    {
        "paper": "#ffffff", "ink": "#16202b", "dim": "#4d5b69", "band": "#f1f4f7", "box": "#5b6875", "wire": "#7d8995",
        "vmm": "#b8470f", "vmm-bg": "#fbe3d6", "host": "#6b4a00", "host-bg": "#f6e3b4", "cmd": "#1f6fb5", "data": "#0b6e58",
        "irq": "#8a2f8f", "cap-bg": "#16202b", "cap-ink": "#ffffff", "on-dark": "#ffffff", "guest-bar": "#dfe7ef",
        "device-bar": "#c3d0dc", "vm": "#3f5a9c", "vm-bg": "#e6ecf8", "pf-bg": "#e0eefa", "vf-bg": "#dcf1ea",
    },
)  # fmt: skip
DARK = _theme(
    "dark",
    {
        "paper": "#12171d", "ink": "#e8edf2", "dim": "#a9b5c1", "band": "#1c242d", "box": "#93a1af", "wire": "#76828e",
        "vmm": "#ff9a63", "vmm-bg": "#46240f", "host": "#e0b34a", "host-bg": "#3d2f08", "cmd": "#6bb3f2", "data": "#4cc9a8",
        "irq": "#d98ade", "cap-bg": "#e8edf2", "cap-ink": "#12171d", "on-dark": "#12171d", "guest-bar": "#33414f",
        "device-bar": "#4a5a6a", "vm": "#9db4ee", "vm-bg": "#1d2741", "pf-bg": "#12304a", "vf-bg": "#0f3a30",
    },
)  # fmt: skip
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_named(name: str) -> Theme:
    """The theme of that name.

    Raises:
        ValueError: no such theme; lists those there are.
    """
    if name not in THEMES:
        raise ValueError(f"theme {name!r}: expected one of {', '.join(THEMES)}")
    return THEMES[name]


def style_sheet(theme: Theme, scope: str = "") -> str:
    """CSS rules that paint every role by class, nested under the selector `scope`."""
    rules = [f"& svg.sl{{background:{theme.paper}}}", f"& svg.sl text{{fill:{theme.ink}}}"]
    rules.append(f"& svg.sl .r-dim,& svg.sl .r-tag{{fill:{theme.dim}}}")
    for role, paint in theme.paints.items():
        rules.append(f"& svg.sl .s-{role}{{fill:{paint.fill};stroke:{paint.stroke}}}")
        if paint.ink != theme.ink:
            rules.append(f"& svg.sl .r-{role}{{fill:{paint.ink}}}")
    hatch = theme.paints["band-vmm"].fill
    rules.append(f"& svg.sl .hatch-a{{fill:{theme.paper}}}")
    rules.append(f"& svg.sl .hatch-b{{fill:{hatch}}}")
    rules.append(f"& svg.sl .shared-a{{fill:{theme.paints['bar-device'].fill}}}")
    return f"{scope}{{\n" + "\n".join(rules) + "\n}"
