"""fio's JSON: versions 2 (microseconds, KiB) and 3 (nanoseconds, bytes), one job or several, json+ too.

A job's latency is fio's `lat`: from the submission by the application to the completion. Source: fio, HOWTO,
"Interpreting the output" and stat.c.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...errors import MeasurementError
from ..journey import Label
from .measurement import Measurement
from .reading import Item, plain, shown

FORMAT = "fio"
ADVICE = "run fio again with --output-format=json and give all that it wrote"
DIRECTIONS = ("read", "write")
# Engines that return when the request has been done, whatever depth is set.
_BLOCKING = ("sync", "psync", "vsync", "pvsync", "pvsync2", "mmap")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_PERCENTILES = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99)


def matches(data: Mapping[object, object]) -> bool:
    """Whether a document is fio's."""
    return "fio version" in data or "jobs" in data or "client_stats" in data


@dataclass(frozen=True)
class _Part:
    """One direction of one job."""

    direction: str
    requests: int
    rate: float
    gbit_s: float
    size: float | None
    mean_us: float | None
    percentiles: Mapping[float, float]
    bins: Mapping[float, float]
    seconds: float


def measurement(document: Item, *, job: str | None, direction: str | None) -> Measurement:
    """The measurement in fio's document.

    Args:
        job: Name of the job; needed where jobs ran one after the other.
        direction: `read` or `write`, to take only that of a mixed job.
    Raises:
        MeasurementError: a field is missing or no number, a job failed, or it is not said which job is meant.
    """
    if direction is not None and direction not in DIRECTIONS:
        raise MeasurementError(f"{document.where}: direction is {shown(direction)}, expected read or write")
    version = _version(document)
    chosen = _chosen(_jobs(document), job, document)
    options = [_options(document, entry) for entry in chosen]
    for entry in chosen:
        _check_success(entry)
    parts = [
        part for entry in chosen for part in _parts(entry, version[0]) if direction in (None, part.direction)
    ]
    if not parts:
        wanted = f"{direction} requests" if direction else "requests"
        raise MeasurementError(
            f"{document.where}: jobs hold no finished {wanted}, expected total_ios above 0 in read or write; check runtime and rw of the job"
        )
    notes: list[Label] = []
    kind = _kind(parts, notes)
    means = [(p.mean_us, p.requests) for p in parts if p.mean_us is not None]
    weight = sum(count for _, count in means)
    clones = [_clones(o, entry) for o, entry in zip(options, chosen, strict=True)]
    cores = _cores(chosen, clones)
    if cores is not None:
        notes.append(Label("note.cpu-process", {"tool": "fio"}))
    return Measurement(
        source=FORMAT,
        name=job or plain(chosen[0].table().get("jobname", "fio")),
        version=version[1],
        kind=kind,
        size=_size(options, kind or "read", parts),
        queue_depth=_depth(options, notes),
        jobs=sum(clones),
        latency_us=sum(mean * count for mean, count in means) / weight if weight else None,
        percentiles_us=_percentiles(parts, notes),
        rate_per_s=sum(p.rate for p in parts),
        throughput_gbit_s=sum(p.gbit_s for p in parts),
        cpu_cores=cores,
        cpu_of=None if cores is None else "process",
        requests=sum(p.requests for p in parts),
        duration_s=max(p.seconds for p in parts),
        notes=tuple(notes),
    )


def _version(document: Item) -> tuple[int, str | None]:
    given = document.get("fio version")
    if given is None:
        return 3, None
    text = given.text()
    found = re.search(r"(\d{1,3})\.(\d{1,3})", text)
    if found is None:
        raise given.wrong("a version such as fio-3.35")
    # 2.99 is the first of the third format.
    return 3 if (int(found[1]), int(found[2])) >= (2, 99) else 2, text[:40]


def _jobs(document: Item) -> list[Item]:
    clients = document.get("client_stats")
    entries = (clients or document.at("jobs")).elements()
    if not entries:
        raise (clients or document.at("jobs")).wrong("one job or more")
    for entry in entries:
        entry.table()
    whole = [entry for entry in entries if entry.table().get("jobname") == "All clients"]
    return whole or entries


def _chosen(entries: list[Item], job: str | None, document: Item) -> list[Item]:
    names = list(dict.fromkeys(plain(e.table().get("jobname")) for e in entries))
    listed = ", ".join(names[:8])
    if job is not None:
        found = [e for e in entries if e.table().get("jobname") == job]
        if not found:
            raise MeasurementError(
                f"{document.where}: no job is called {shown(job)}; there are {listed[:300]}"
            )
        entries = found
    groups = {_group(e) for e in entries}
    if len(groups) > 1:
        raise MeasurementError(
            f"{document.where}: jobs[].groupid has {len(groups)} values, so jobs ran one after another, expected one group; "
            f"say which with job=, one of {listed[:300]}, or run them apart"
        )
    return entries


def _group(entry: Item) -> int:
    given = entry.get("groupid")
    return 0 if given is None else given.whole()


def _check_success(entry: Item) -> None:
    given = entry.get("error")
    if given is None:
        return
    code = given.whole(low=-4096)
    if code:
        raise MeasurementError(
            f"{entry.where}: {given.field} is {code}, expected 0: fio stopped with this errno; repair the cause and run it again"
        )


def _options(document: Item, entry: Item) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in (document.get("global options"), entry.get("job options")):
        if table is not None:
            found |= {key: plain(item.value) for key, item in table.fields()}
    return found


def _parts(entry: Item, version: int) -> list[_Part]:
    found = []
    for name in (*DIRECTIONS, "mixed"):
        item = entry.get(name)
        if item is None:
            continue
        part = _part(item, name, version)
        if part is not None:
            found.append(part)
    return found


def _part(item: Item, direction: str, version: int) -> _Part | None:
    count = item.get("total_ios")
    rate = item.at("iops").number()
    milliseconds = item.at("runtime").number()
    # Before 2.2, fio did not write total_ios.
    requests = count.whole() if count is not None else round(rate * milliseconds / 1000)
    if not requests:
        return None
    io_bytes = item.at("io_bytes").number() * (1 if version == 3 else 1024)
    if milliseconds <= 0 or rate <= 0:
        raise item.at("runtime" if milliseconds <= 0 else "iops").wrong(
            f"more than 0, as {requests} requests were made"
        )
    mean = _mean_us(item, version)
    percentiles, bins = _distribution(item, version)
    return _Part(
        direction=direction,
        requests=requests,
        rate=rate,
        gbit_s=io_bytes * 8 / (milliseconds / 1000) / 1e9,
        size=io_bytes / requests if io_bytes else None,
        mean_us=mean,
        percentiles=percentiles,
        bins=bins,
        seconds=milliseconds / 1000,
    )


def _times(item: Item, name: str, version: int) -> tuple[Item | None, float]:
    """A latency table and what turns its unit into us; newer versions name the unit, old ones are in us."""
    nanoseconds = item.get(f"{name}_ns")
    if nanoseconds is not None:
        return nanoseconds, 1e-3
    return item.get(name), 1.0 if version == 2 else 1e-3


def _mean_us(item: Item, version: int) -> float | None:
    whole, factor = _times(item, "lat", version)
    if whole is not None and (mean := whole.at("mean").number()):
        return mean * factor
    found = 0.0
    for name in ("slat", "clat"):
        part, factor = _times(item, name, version)
        if part is not None:
            found += part.at("mean").number() * factor
    return found or None


def _distribution(item: Item, version: int) -> tuple[dict[float, float], dict[float, float]]:
    for name in ("lat", "clat"):
        times, factor = _times(item, name, version)
        table = None if times is None else times.get("percentile")
        if times is None or table is None:
            continue
        found = {}
        for key, value in table.fields():
            percent = Item(item.where, f"{table.field} (name)", key, ADVICE).number(0, 100)
            found[percent] = value.number() * factor
        bins = times.get("bins")
        counts = {} if bins is None else {
            Item(item.where, f"{bins.field} (name)", key, ADVICE).number() * factor: value.number()
            for key, value in bins.fields()
        }  # fmt: skip
        return found, counts
    return {}, {}


def _kind(parts: list[_Part], notes: list[Label]) -> str | None:
    kinds = {p.direction for p in parts}
    if len(kinds) == 1 and kinds < set(DIRECTIONS):
        return kinds.pop()
    whole = sum(p.requests for p in parts)
    reads = sum(p.requests for p in parts if p.direction == "read")
    share = f"{100 * reads / whole:.0f}" if "mixed" not in kinds else "?"
    notes.append(Label("note.mixed", {"percent": share}))
    return None


def _size(options: list[dict[str, str]], kind: str, parts: list[_Part]) -> int | None:
    """Bytes of a request: what was set where all agree and the bytes that were moved fit it, else the average moved."""
    moved = [p.size * p.requests for p in parts if p.size is not None]
    average = sum(moved) / sum(p.requests for p in parts) if moved else None
    told = {_set_size(o, kind) for o in options}
    size = told.pop() if len(told) == 1 else None
    if size is not None and (average is None or abs(average - size) <= 0.05 * size):
        return size
    return round(average) or None if average is not None else None


def _set_size(options: Mapping[str, str], kind: str) -> int | None:
    """The block size that was set: `4k`, `4096`, `4k,8k` (reads, writes); None for a range."""
    text = options.get("bs") or options.get("blocksize") or ""
    pieces = text.lower().split(",")
    piece = pieces[1] if kind == "write" and len(pieces) > 1 and pieces[1] else pieces[0]
    found = re.fullmatch(r"(\d{1,12})(k|m|g|ki|mi|gi)?b?", piece.strip())
    return int(found[1]) * _UNITS[found[2] or ""] or None if found else None


def _whole_option(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,9}", text) and int(text) else None


def _clones(options: Mapping[str, str], entry: Item) -> int:
    """Jobs behind one entry: with group_reporting an entry is the sum of its clones, else each has its own."""
    if entry.table().get("jobname") == "All clients":
        return 1
    is_grouped = options.get("group_reporting", "0") in ("", "1", "true")
    clones = _whole_option(options, "numjobs") or 1
    return clones if is_grouped else 1


def _depth(options: list[dict[str, str]], notes: list[Label]) -> int | None:
    if not any("rw" in o or "readwrite" in o or "iodepth" in o or "ioengine" in o for o in options):
        return None
    depths = {_whole_option(o, "iodepth") or 1 for o in options}
    engines = {o.get("ioengine", "psync") for o in options}
    if engines <= set(_BLOCKING):
        if depths != {1}:
            notes.append(
                Label(
                    "note.blocking-engine", {"engine": ", ".join(sorted(engines)), "depth": str(max(depths))}
                )
            )
        return 1
    return depths.pop() if len(depths) == 1 else None


def _cores(entries: list[Item], clones: list[int]) -> float | None:
    """CPU of the jobs' threads in cores; fio gives percent of a thread's run time, averaged over clones."""
    whole = 0.0
    for entry, threads in zip(entries, clones, strict=True):
        user, system = entry.get("usr_cpu"), entry.get("sys_cpu")
        if user is None or system is None:
            return None
        whole += (user.number(0, 1e6) + system.number(0, 1e6)) / 100 * threads
    return whole


def _percentiles(parts: list[_Part], notes: list[Label]) -> dict[float, float]:
    if len(parts) == 1:
        return {p: us for p, us in parts[0].percentiles.items() if us > 0}
    if all(p.bins for p in parts):
        merged: dict[float, float] = {}
        for part in parts:
            for us, count in part.bins.items():
                merged[us] = merged.get(us, 0.0) + count
        return _percentiles_of(merged)
    if any(p.percentiles for p in parts):
        notes.append(Label("note.percentiles-apart", {"parts": str(len(parts))}))
    return {}


def _percentiles_of(counts: Mapping[float, float]) -> dict[float, float]:
    whole, seen = sum(counts.values()), 0.0
    found: dict[float, float] = {}
    for us in sorted(counts):
        seen += counts[us]
        for percent in _PERCENTILES:
            if percent not in found and seen >= whole * percent / 100 and us > 0:
                found[percent] = us
    return found
