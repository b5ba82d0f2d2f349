"""From a file, a text, data or a pair of them to a Measurement: the format is seen from the content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import MeasurementError
from ..request import Request
from . import fio, iperf3, kvm_counters, netperf, perf_kvm, sockperf
from .measurement import Measurement
from .reading import HIGHEST, Item, decoded, is_document, plain, read_text, shown, text_of

FORMATS = (fio.FORMAT, perf_kvm.FORMAT, kvm_counters.FORMAT, iperf3.FORMAT, sockperf.FORMAT, netperf.FORMAT)
_KNOWN = "expected fio JSON, `perf kvm stat report`, KVM counters before and after, iperf3 JSON, sockperf or netperf text"
# What tools print when they are not asked for what can be read.
_NEARLY = (
    ("fio-", "this is fio's text for people; run it with --output-format=json"),
    ("clat (", "this is fio's text for people; run it with --output-format=json"),
    ("[ ID] Interval", "this is iperf3's text for people; run it with -J"),
)


def read_measurement(
    source: object,
    *,
    request: Request | None = None,
    requests: int | None = None,
    seconds: float | None = None,
    name: str | None = None,
    job: str | None = None,
    direction: str | None = None,
) -> Measurement:
    """The measurement in what a tool wrote.

    Args:
        source: A file, the text itself, parsed JSON, or for KVM's counters a pair (before, after), each a folder, a
            file, a text or a mapping; a folder or mapping that holds `before` and `after` is such a pair.
        request: What one request was, such as Read(4096), where the tool does not say.
        requests: How many there were; turns counts of exits into exits of one request.
        seconds: How long the run took, where the tool does not say.
        name: In place of the one in the file.
        job, direction: Of fio: which job, and `read` or `write` of a mixed one.
    Raises:
        MeasurementError: a format we do not know, a file that is damaged, or a number that cannot be; says which file and
            field, what was found and expected, and what to do.

    >>> read_measurement("sockperf: ====> avg-latency=24.571 (std-dev=93.297)", name="tcp").latency_us
    24.571
    """
    _check(request, requests, seconds, name)
    found = _read(source, name, job, direction)
    changes: dict[str, Any] = {}
    if request is not None:
        changes |= {"kind": request.kind, "size": request.size}
    if requests is not None:
        changes["requests"] = requests
    if seconds is not None:
        changes["duration_s"] = float(seconds)
    if name is not None:
        changes["name"] = name
    return replace(found, **changes) if changes else found


def _check(request: object, requests: object, seconds: object, name: object) -> None:
    if request is not None and not isinstance(request, Request):
        raise MeasurementError(f"request is {shown(request)}, expected one such as Read(4096)")
    if requests is not None and (
        isinstance(requests, bool) or not isinstance(requests, int) or not 0 < requests <= HIGHEST
    ):
        raise MeasurementError(f"requests is {shown(requests)}, expected a whole number above 0")
    if seconds is not None and (
        isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= HIGHEST
    ):
        raise MeasurementError(f"seconds is {shown(seconds)}, expected a number above 0")
    if name is not None and not isinstance(name, str):
        raise MeasurementError(f"name is {shown(name)}, expected a text")


def _read(source: object, name: str | None, job: str | None, direction: str | None) -> Measurement:
    if isinstance(source, Measurement):
        return source
    if isinstance(source, tuple | list):
        if len(source) != 2:
            raise MeasurementError(
                f"found {len(source)} things, expected a pair of KVM's counters: (before, after)"
            )
        return _from_pair(source[0], source[1], name or "counters")
    if isinstance(source, Mapping):
        return _from_data(source, "the data given", name or "data", job, direction)
    if isinstance(source, bytes):
        return _from_text(
            text_of(source, "the bytes given"), "the bytes given", name or "text", job, direction
        )
    if isinstance(source, str) and _is_text(source):
        raw = source.encode("utf-8", errors="replace")
        return _from_text(text_of(raw, "the text given"), "the text given", name or "text", job, direction)
    if not isinstance(source, str | os.PathLike):
        raise MeasurementError(
            f"found {shown(source)}, expected the name of a file, its text, parsed JSON, or a pair of KVM's counters"
        )
    path = Path(source)
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as err:
        raise MeasurementError(
            f"{shown(str(path))}: {err}, expected the name of a file; check the name"
        ) from err
    if is_folder:
        before, after = path / "before", path / "after"
        if not (before.exists() and after.exists()):
            raise MeasurementError(
                f"{path}: a folder without `before` and `after`, expected KVM's counters of two moments; {kvm_counters.ADVICE}, and give both"
            )
        return _from_pair(before, after, name or path.name)
    return _from_text(read_text(path), str(path), name or path.stem, job, direction)


def _is_text(source: str) -> bool:
    """Whether a text is the thing itself and not the name of a file."""
    return (
        "\n" in source.strip()
        or source.lstrip()[:1] in ("{", "[", "")
        or len(source) > 4096
        or _tool(source) is not None
    )


def _tool(text: str) -> Any:
    return next((tool for tool in (perf_kvm, sockperf, netperf) if tool.matches(text)), None)


def _from_pair(before: object, after: object, name: str) -> Measurement:
    where = f"counters {name!r}"
    first, last = kvm_counters.counters(before, "before"), kvm_counters.counters(after, "after")
    return kvm_counters.measurement(first, last, where, name)


def _from_text(text: str, where: str, name: str, job: str | None, direction: str | None) -> Measurement:
    tool = _tool(text)
    if tool is not None and not text.lstrip().startswith("{"):
        found: Measurement = tool.measurement(text, where, name)
        return found
    if is_document(text):
        value, _ = decoded(text, where, "give the whole output of the tool")
        if not isinstance(value, Mapping):
            raise MeasurementError(f"{where}: the JSON is no object, {_KNOWN}")
        if "event" in value and "data" in value:
            return iperf3.measurement(iperf3.from_stream(text, where), name)
        return _from_data(value, where, name, job, direction)
    if kvm_counters.is_dump(text):
        raise MeasurementError(
            f"{where}: KVM's counters of one moment, expected of two; give a pair (before, after)"
        )
    hint = next((hint for part, hint in _NEARLY if part in text), "give all that the tool printed")
    raise MeasurementError(f"{where}: begins {shown(text.strip()[:60])}, {_KNOWN}; {hint}")


def _from_data(
    data: Mapping[Any, Any], where: str, name: str, job: str | None, direction: str | None
) -> Measurement:
    if fio.matches(data):
        return fio.measurement(Item(where, "", data, fio.ADVICE), job=job, direction=direction)
    if "before" in data and "after" in data:
        item = Item(where, "", data, kvm_counters.ADVICE)
        return kvm_counters.measurement(
            item.at("before").table(), item.at("after").table(), where, name, data
        )
    if iperf3.matches(data):
        return iperf3.measurement(Item(where, "", data, iperf3.ADVICE), name)
    keys = ", ".join(plain(key)[:40] for key in list(data)[:6]) or "nothing"
    inside = [
        plain(k)[:40] for k, v in data.items() if isinstance(v, Mapping) and "before" in v and "after" in v
    ][:20]
    hint = f"; give one of its runs: {', '.join(inside)}" if inside else "; give the tool's own output"
    raise MeasurementError(f"{where}: the JSON has {keys}, {_KNOWN}{hint}")
