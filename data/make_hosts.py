"""Make the bundled hosts of `data/hosts/` from a folder of captured archives.

    python data/make_hosts.py CAPTURES_FOLDER

The machines were made for this project, in QEMU, so their names and addresses stay.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from sriovlab.sources.snapshot import record
from sriovlab.sources.tree import archive_tree

HOSTS = {
    "cloud": "qemu-cloud-host",
    "nvme-8vf": "qemu-nvme-8vf-intel",
    "nvme-0vf": "qemu-nvme-0vf-intel",
    "nvme-noiommu": "qemu-nvme-4vf-noiommu",
}
CAPTURED_AT = "2026-11-23T09:33:00+00:00"


def main(captures: Path) -> None:
    folder = Path(__file__).parent / "hosts"
    for name, archive in HOSTS.items():
        snapshot = record(archive_tree(str(captures / f"{archive}.tar.gz")), keep_identity=True, name=name)
        replace(snapshot, captured_at=CAPTURED_AT).save(str(folder / f"{name}.json.gz"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
