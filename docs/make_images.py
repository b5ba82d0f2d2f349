"""Make the pictures of the README from the bundled host."""

from __future__ import annotations

from pathlib import Path

import sriovlab as sl

FOLDER = Path(__file__).parent / "images"

for language in ("en", "zh"):
    player = sl.compare("example:cloud", "virtio", "sriov", vm="db0", language=language)
    player.save(FOLDER / f"compare.{language}.svg")
    sl.diagram("example:cloud", language=language).save(FOLDER / f"topology.{language}.svg")
