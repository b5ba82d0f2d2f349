"""KVM's counters in /sys/kernel/debug/kvm/<vm>/, before and after a run: folders of files, dumps, or mappings.

Source: arch/x86/kvm/x86.c, kvm_vcpu_stats_desc, Linux 6.1. `mmio_exits` counts only those that go on to the VMM; a kick
that KVM answers itself (ioeventfd) and a write to an MSR are in `exits` and nowhere else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...errors import MeasurementError
from ..journey import Label
from .measurement import Measurement
from .reading import Item, lines_of, read_text, shown

FORMAT = "kvm-counters"
ADVICE = "copy /sys/kernel/debug/kvm/<vm>/ before and after the run, as root"
# Counters that are each an exit of their own; the rest of `exits` has no counter.
_NAMED = (
    "mmio_exits",
    "io_exits",
    "irq_exits",
    "irq_window_exits",
    "halt_exits",
    "nmi_window_exits",
    "hypercalls",
)
_USER = ("mmio_exits", "io_exits")
_READ = ("exits", "irq_injections", *_NAMED)
_LINE = re.compile(r"(?:\S*/)?([a-z][a-z0-9_]{1,60})(?:\s*[:=]\s*|\s+)(\S+)")
_FILE_LIMIT, _FILES = 4096, 1000

Source = Mapping[Any, Any] | str | bytes | os.PathLike[str]


def is_dump(text: str) -> bool:
    """Whether a text is one dump of the counters."""
    return any(
        found and found[1] == "exits"
        for found in (_LINE.fullmatch(line.strip()) for line in lines_of(text)[:500])
    )


def measurement(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    where: str,
    name: str,
    extra: Mapping[str, Any] | None = None,
) -> Measurement:
    """What the counters rose by.

    Args:
        before, after: Counters by name.
        extra: `exit_reasons` (a count by reason, from a histogram of the tracepoint), `requests` or `reads`,
            `elapsed_us`, where they are known.
    Raises:
        MeasurementError: `exits` is missing, a counter is no whole number or fell.
    """
    first, last = Item(where, "before", before, ADVICE), Item(where, "after", after, ADVICE)
    rise: dict[str, int] = {}
    for key in _READ:
        old, new = first.get(key), last.get(key)
        if key == "exits":
            old, new = first.at(key), last.at(key)
        if old is None or new is None:
            continue
        start, end = old.whole(), new.whole()
        if end < start:
            raise MeasurementError(
                f"{where}: {key} fell from {start} to {end}, expected it to rise; is the pair swapped, or of two VMs?"
            )
        rise[key] = end - start
    known = Item(where, "", extra or {}, ADVICE)
    reasons: dict[str, float] = {key: rise[key] for key in _NAMED if rise.get(key)}
    notes = [Label("note.user-exits-only")]
    histogram = known.get("exit_reasons")
    if histogram is not None:
        reasons = {key[:60]: item.number() for key, item in histogram.fields()}
        notes = []
    count = known.get("requests") or known.get("reads")
    elapsed = known.get("elapsed_us")
    user = [rise[key] for key in _USER if key in rise]
    return Measurement(
        source=FORMAT,
        name=name,
        interrupts=rise.get("irq_injections"),
        exits=max(float(rise["exits"]), sum(reasons.values())),
        exits_by_reason=reasons,
        user_exits=sum(user) if user else None,
        requests=None if count is None else count.whole(1),
        duration_s=None if elapsed is None else elapsed.number(1e-9) / 1e6,
        notes=tuple(notes),
    )


def counters(source: object, which: str) -> Mapping[str, Any]:
    """Counters from a mapping, a folder of files, a file with a dump, or the text of a dump.

    Raises:
        MeasurementError: none of these, or nothing in it that is a counter.
    """
    if isinstance(source, Mapping):
        return source
    if isinstance(source, bytes):
        source = source.decode("utf-8", errors="replace")
    if isinstance(source, str) and ("\n" in source.strip() or is_dump(source)):
        return _from_lines(lines_of(source), which)
    if not isinstance(source, str | os.PathLike):
        raise MeasurementError(
            f"{which}: found {shown(source)}, expected counters: a mapping, a folder, a file or the text of a dump; {ADVICE}"
        )
    path = Path(source)
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as err:
        raise MeasurementError(f"{which}: {shown(str(path))} is no name of a file: {err}; {ADVICE}") from err
    return _from_folder(path) if is_folder else _from_lines(lines_of(read_text(path)), str(path))


def _from_lines(lines: Iterable[str], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, line in enumerate(lines, start=1):
        row = _LINE.fullmatch(line.strip())
        if row is None or row[1] not in _READ:
            continue
        if row[1] in found:
            raise MeasurementError(
                f"{where}: line {number}: {row[1]} stands twice, expected the counters of one VM; {ADVICE}"
            )
        found[row[1]] = row[2]
    if "exits" not in found:
        raise MeasurementError(f"{where}: no line is `exits NUMBER`, expected a counter a line; {ADVICE}")
    return found


def _from_folder(folder: Path) -> dict[str, Any]:
    try:
        names = sorted(os.listdir(folder))[:_FILES]
        if "exits" not in names:
            inside = [name for name in names if (folder / name / "exits").is_file()]
            if len(inside) == 1:
                return _from_folder(folder / inside[0])
            found = f"{len(inside)} VMs ({', '.join(inside[:5])})" if inside else "no file `exits`"
            raise MeasurementError(
                f"{folder}: found {found}, expected the folder of one VM with a file `exits`; {ADVICE}"
            )
        counted: dict[str, Any] = {}
        for name in _READ:
            if name in names and (folder / name).is_file():
                with (folder / name).open("rb") as file:
                    counted[name] = file.read(_FILE_LIMIT).decode("utf-8", errors="replace").strip()
        return counted
    except OSError as err:
        raise MeasurementError(
            f"{err.filename or folder}: {err.strerror or err}, expected a file to read; {ADVICE}"
        ) from err
