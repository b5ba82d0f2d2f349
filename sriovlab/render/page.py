"""A page that stands alone: the stage, its style and the scene in one file that loads nothing."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from ..i18n import LANGUAGES, topic_keys
from ..scene.shapes import Scene
from .svg import clean, render_svg
from .themes import DARK, LIGHT, Theme, style_sheet

_STAGE_TEXTS = "player"


def stage_module() -> str:
    """The source of the stage, one ES module."""
    return files(__package__).joinpath("stage/stage.mjs").read_text(encoding="utf-8")


def _variables(theme: Theme) -> str:
    paint = theme.paint
    values = {
        "ink": theme.ink,
        "paper": theme.paper,
        "dim": theme.dim,
        "band": paint("band").fill,
        "box": paint("station").stroke,
        "cmd": paint("command").stroke,
        "data": paint("data").stroke,
        "irq": paint("interrupt").stroke,
    }
    return "".join(f"--sl-{name}:{value};" for name, value in values.items())


def stage_style() -> str:
    """The style of the stage in both themes; `data-theme` chooses, `auto` follows the reader's system."""
    css = files(__package__).joinpath("stage/stage.css").read_text(encoding="utf-8")
    stage = ".sl-stage"
    auto = f'{stage}[data-theme="auto"]'
    # JupyterLab and VS Code say on the body which theme they wear; that beats the system's.
    chosen = (
        f':is({stage}[data-theme="dark"],body[data-jp-theme-light="false"] {auto},'
        f'body[data-vscode-theme-kind*="dark"] {auto})'
    )
    system = f'body:not([data-jp-theme-light="true"]) {auto}'
    return "\n".join(
        [
            css,
            f"{stage}{{{_variables(LIGHT)}}}",
            style_sheet(LIGHT, stage),
            f"{chosen}{{{_variables(DARK)}}}",
            style_sheet(DARK, chosen),
            "@media (prefers-color-scheme: dark){",
            f"{system}{{{_variables(DARK)}}}",
            style_sheet(DARK, system),
            "}",
        ]
    )


def stage_state(scene: Scene, language: str, *, predict: bool = False) -> dict[str, Any]:
    """What the stage's model holds for a scene."""
    return {
        "svg": render_svg(scene, language=language, is_bilingual=True),
        "timeline": scene.timeline,
        "texts": {name: topic_keys(_STAGE_TEXTS, name) for name in LANGUAGES},
        "language": language,
        "theme": "auto",
        "selection": "",
        "at": 0,
        "predict": predict,
        "prediction": -1,
    }


_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>
body{{margin:0;background:#fff}}
@media (prefers-color-scheme: dark){{body{{background:#12171d}}}}
#stage{{padding:2px 8px}}
{style}
</style></head><body><main id="stage"></main>
<script type="application/json" id="state">{state}</script>
<script type="module">
{module}
const state = JSON.parse(document.getElementById("state").textContent);
const model = {{ get: (k) => state[k], set: (k, v) => {{ state[k] = v; }}, on() {{}}, off() {{}}, save_changes() {{}}, send() {{}} }};
mount({{ model, el: document.getElementById("stage") }});
</script></body></html>
"""


def player_page(scene: Scene, *, language: str = "en", predict: bool = False) -> str:
    """A standalone HTML page that plays a scene; both languages are inside."""
    state = json.dumps(
        stage_state(scene, language, predict=predict), ensure_ascii=False, separators=(",", ":")
    )
    return _PAGE.format(
        language=language,
        title=clean(scene.title.in_language(language)),
        style=stage_style(),
        # "</script" and "<!--" inside a string must not end or confuse the element that holds it.
        state=state.replace("<", "\\u003c"),
        module=stage_module().replace("export default", "const stage =").replace("export const", "const"),
    )
