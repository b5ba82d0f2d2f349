"""netperf's text: the classic tables of TCP_RR, UDP_RR and TCP_STREAM, and the omni output, -k KEY=value or -o as CSV.

A request/response test counts round trips; a message of the model is one way. Source: netperf 2.4 to 2.7,
nettest_bsd.c and nettest_omni.c.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from itertools import pairwise

from ...errors import MeasurementError
from ..journey import Label
from .measurement import Measurement
from .reading import Item, lines_of, number_of

FORMAT = "netperf"
ADVICE = "give all that netperf printed, with its headers (without -P 0)"
_BANNER = re.compile(
    r"^\"?(?:MIGRATED )?(TCP|UDP|SCTP|OMNI)[ /](?:REQUEST/RESPONSE|STREAM|MAERTS|Send|RR|Receive|Connect)[^\n]*",
    re.MULTILINE | re.IGNORECASE,
)
_BURST = re.compile(r"first burst (\d{1,9})")
_KEY = re.compile(r"^([A-Z][A-Z0-9_]{2,40})=(.*)$", re.MULTILINE)
_GBIT_S = {
    "10^3bits": 1e-6, "10^6bits": 1e-3, "10^9bits": 1.0, "kbytes": 1024 * 8 / 1e9, "mbytes": (1 << 20) * 8 / 1e9,
    "gbytes": (1 << 30) * 8 / 1e9, "bytes": 8 / 1e9,
}  # fmt: skip
# What -o writes above its columns, as the name that -k has.
_COLUMNS = {
    "throughput": "THROUGHPUT", "throughput units": "THROUGHPUT_UNITS", "elapsed time (sec)": "ELAPSED_TIME",
    "protocol": "PROTOCOL", "direction": "DIRECTION", "request size bytes": "REQUEST_SIZE",
    "mean latency microseconds": "MEAN_LATENCY", "minimum latency microseconds": "MIN_LATENCY",
    "maximum latency microseconds": "MAX_LATENCY", "50th percentile latency microseconds": "P50_LATENCY",
    "90th percentile latency microseconds": "P90_LATENCY", "99th percentile latency microseconds": "P99_LATENCY",
    "round trip latency usec/tran": "RT_LATENCY", "transaction rate tran/s": "TRANSACTION_RATE",
    "local cpu util %": "LOCAL_CPU_UTIL", "local send size": "LOCAL_SEND_SIZE", "initial burst requests": "BURST_SIZE",
}  # fmt: skip
_PERCENTILES = {
    "MIN_LATENCY": 0.0,
    "P50_LATENCY": 50.0,
    "P90_LATENCY": 90.0,
    "P99_LATENCY": 99.0,
    "MAX_LATENCY": 100.0,
}


def matches(text: str) -> bool:
    """Whether a text is netperf's."""
    return _BANNER.search(text) is not None or re.search(r"^THROUGHPUT=", text, re.MULTILINE) is not None


def measurement(text: str, where: str, name: str) -> Measurement:
    """The measurement in netperf's text.

    Raises:
        MeasurementError: no table and no keys, a column that is no number, or a unit that is not known.
    """
    banner = _BANNER.search(text)
    line = banner[0] if banner else ""
    burst = _BURST.search(line)
    depth = int(burst[1]) + 1 if burst else None
    keys = dict(_KEY.findall(text)) if "THROUGHPUT" in text else {}
    if "THROUGHPUT" not in keys:
        keys = _from_csv(text) or keys
    if "THROUGHPUT" in keys:
        return _from_keys({k: v.strip().strip('"') for k, v in keys.items()}, line, depth, where, name)
    if "REQUEST/RESPONSE" in line.upper():
        return _from_round_trips(text, depth, where, name)
    if " STREAM" in line.upper() or "MAERTS" in line.upper():
        return _from_stream(text, line, where, name)
    raise MeasurementError(
        f"{where}: found {line[:60]!r}, expected a TCP_RR, UDP_RR or TCP_STREAM test, or -k output with THROUGHPUT; {ADVICE}"
    )


def _rows(text: str, least: int) -> list[list[str]]:
    """The rows of numbers in a table."""
    rows = [line.split() for line in lines_of(text) if re.fullmatch(r"\s*[\d.+-][^A-Za-z]*\s*", line)]
    return [row for row in rows if len(row) >= least]


def _from_round_trips(text: str, depth: int | None, where: str, name: str) -> Measurement:
    rows = _rows(text, 6)
    if not rows or "Trans." not in text:
        raise MeasurementError(
            f"{where}: no row under `Socket Size Request Resp. Elapsed Trans.`, expected six numbers or more; {ADVICE}"
        )
    row = rows[0]
    size = number_of(row[2], where, "Request Size", ADVICE, high=1 << 30)
    seconds = number_of(row[4], where, "Elapsed Time", ADVICE, low=1e-6)
    rate = number_of(row[5], where, "Trans. Rate", ADVICE, low=1e-9)
    notes = [Label("note.half-round-trip", {"tool": "netperf"})]
    if len(row) > 6:
        notes.append(
            Label(
                "note.cpu-of-all", {"percent": f"{number_of(row[6], where, 'CPU local', ADVICE, high=100):g}"}
            )
        )
    flying = depth or 1
    return _message(
        name,
        size,
        rate,
        flying / rate * 1e6,
        seconds=seconds,
        depth=flying,
        percentiles={},
        cores=None,
        notes=notes,
    )


def _message(
    name: str, size: float | None, rate: float, round_trip_us: float, *, seconds: float | None, depth: int,
    percentiles: Mapping[float, float], cores: float | None, notes: list[Label],
) -> Measurement:  # fmt: skip
    return Measurement(
        source=FORMAT,
        name=name,
        kind="message",
        size=int(size) or None if size else None,
        queue_depth=depth,
        jobs=1,
        latency_us=round_trip_us / 2,
        percentiles_us=percentiles,
        rate_per_s=2 * rate,
        cpu_cores=cores,
        cpu_of=None if cores is None else "system",
        requests=max(1, round(2 * rate * seconds)) if seconds else None,
        duration_s=seconds,
        notes=tuple(notes),
    )


def _factor(text: str, where: str) -> float:
    """Gbit/s of one of a unit: 10^6bits/sec, MBytes /sec."""
    unit = re.sub(r"\s*/\s*s(ec)?\b", "", text.strip().lower()).strip()
    if unit not in _GBIT_S:
        raise MeasurementError(
            f"{where}: the unit of Throughput is {text[:40]!r}, expected one of {', '.join(_GBIT_S)} a second; {ADVICE}"
        )
    return _GBIT_S[unit]


def _from_stream(text: str, banner: str, where: str, name: str) -> Measurement:
    unit = re.search(r"^[ \t]*bytes[ \t]+bytes?\b.*?((?:10\^\d|[KMG]B)\S*(?: */s\S*)?)", text, re.MULTILINE)
    if unit is None:
        raise MeasurementError(
            f"{where}: no header line with the unit of Throughput, expected 10^6bits/sec; {ADVICE}"
        )
    is_udp = banner.upper().lstrip('"').removeprefix("MIGRATED ").startswith("UDP")
    rows = _rows(text, 3 if is_udp else 5)
    # The row of what was sent over UDP has sizes, time, messages, errors and throughput.
    least = 6 if is_udp else 5
    begin = next((at for at, row in enumerate(rows) if len(row) >= least), None)
    if begin is None:
        raise MeasurementError(
            f"{where}: no row of numbers under Throughput, expected {'six' if is_udp else 'five'} or more; {ADVICE}"
        )
    rows = rows[begin:]
    notes = [Label("note.stream", {"tool": "netperf"})] if not is_udp else []
    # UDP: as sent; then, shorter, as it arrived.
    row = rows[0]
    sent = row
    if is_udp:
        arrived = next((r for r in rows[1:] if len(r) == 4), None)
        row = arrived or row
        if arrived is None:
            notes.append(Label("note.sent-only"))
    speed = number_of(row[-1] if is_udp else row[4], where, "Throughput", ADVICE, low=1e-12) * _factor(
        unit[1], where
    )
    at_time = row[1] if is_udp and len(row) == 4 else row[2] if is_udp else row[3]
    seconds = number_of(at_time, where, "Elapsed Time", ADVICE, low=1e-6)
    requests = (
        int(number_of(row[2] if len(row) == 4 else row[3], where, "Messages Okay", ADVICE))
        if is_udp
        else None
    )
    size = int(number_of(sent[1], where, "Message Size", ADVICE, high=1 << 30)) or None if is_udp else None
    if not is_udp and len(row) > 5:
        notes.append(
            Label(
                "note.cpu-of-all",
                {"percent": f"{number_of(row[5], where, 'Utilization local', ADVICE, high=100):g}"},
            )
        )
    return Measurement(
        source=FORMAT,
        name=name,
        kind="receive" if "MAERTS" in banner.upper() else "send",
        size=size,
        jobs=1,
        rate_per_s=requests / seconds if requests else None,
        throughput_gbit_s=speed,
        requests=requests or None,
        duration_s=seconds,
        notes=tuple(notes),
    )


def _from_csv(text: str) -> dict[str, str]:
    """The row of values under the row of names that -o writes."""
    try:
        rows = [row for row in csv.reader(lines_of(text)) if row]
    except csv.Error:
        return {}
    for head, values in pairwise(rows):
        names = [_COLUMNS.get(cell.strip().lower(), "") for cell in head]
        if "THROUGHPUT" in names and len(values) == len(head):
            return {key: value for key, value in zip(names, values, strict=True) if key}
    return {}


def _from_keys(keys: Mapping[str, str], banner: str, depth: int | None, where: str, name: str) -> Measurement:
    def number(key: str, low: float = 0.0) -> float | None:
        # netperf writes -1 for what it did not measure.
        if keys.get(key, "") in ("", "-1", "-1.00", "-1.000"):
            return None
        return number_of(keys[key], where, key, ADVICE, low=low)

    whole = Item(where, "THROUGHPUT", keys["THROUGHPUT"], ADVICE).number(1e-12)
    unit = keys.get("THROUGHPUT_UNITS") or (
        "Trans/s" if "REQUEST/RESPONSE" in banner.upper() else "10^6bits/s"
    )
    seconds = number("ELAPSED_TIME", 1e-6)
    used, count = number("LOCAL_CPU_UTIL"), number("LOCAL_CPU_COUNT", 1)
    cores = None if used is None or count is None else used / 100 * count
    notes = []
    if used is not None and count is None:
        notes.append(Label("note.cpu-of-all", {"percent": f"{used:g}"}))
    if unit.lower().startswith("trans"):
        more = number("BURST_SIZE")
        flying = depth or (int(more) + 1 if more is not None else 1)
        mean = number("MEAN_LATENCY", 1e-6) or number("RT_LATENCY", 1e-6) or flying / whole * 1e6
        notes.append(Label("note.half-round-trip", {"tool": "netperf"}))
        percentiles = {
            percent: us / 2 for key, percent in _PERCENTILES.items() if (us := number(key)) is not None
        }
        return _message(
            name, number("REQUEST_SIZE"), whole, mean, seconds=seconds, depth=flying, percentiles=percentiles,
            cores=cores, notes=notes,
        )  # fmt: skip
    direction = keys.get("DIRECTION", "").lower()
    is_receive = "MAERTS" in banner.upper() or direction in ("receive", "recv")
    return Measurement(
        source=FORMAT,
        name=name,
        kind="receive" if is_receive else "send",
        jobs=1,
        throughput_gbit_s=whole * _factor(unit, where),
        cpu_cores=cores,
        cpu_of=None if cores is None else "system",
        duration_s=seconds,
        notes=(*notes, Label("note.stream", {"tool": "netperf"})),
    )
