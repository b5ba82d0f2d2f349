"""sockperf's text: ping-pong and under-load, where a latency is half a round trip. Source: sockperf 2.8 to 3.10, client.cpp."""

from __future__ import annotations

import re

from ...errors import MeasurementError
from ..journey import Label
from .measurement import Measurement
from .reading import number_of

FORMAT = "sockperf"
ADVICE = "give all that the sockperf client printed, run as ping-pong or under-load"
_NUMBER = r"\s*=?\s*([^\s,;()]+)"
_SUMMARY = re.compile(r"Summary: (Latency|Round trip) is\s+(\S+)\s+usec", re.IGNORECASE)
_AVERAGE = re.compile(r"====> avg-(lat|latency|rtt)=\s*([^\s,;()]+)")
_VALID = re.compile(
    r"\[(Valid Duration|Total Run)\] RunTime=\s*([^\s;]+) sec;.*?SentMessages=([^\s;]+); ReceivedMessages=([^\s;]+)"
)
_PERCENTILE = re.compile(r"---> percentile\s+(\S+)\s*=\s*(\S+)")
_EXTREME = re.compile(r"---> <(MIN|MAX)> observation\s*=\s*(\S+)")
_DROPPED = re.compile(r"# dropped messages = ([^\s;]+)")
_VERSION = re.compile(r"== version #(\S{1,40}) ==")
_SIZE = re.compile(r"sockperf\S*\s+(?:ping-pong|pp|under-load|ul)\b[^\n]*?(?:-m|--msg-size)[ =](\d{1,9})")
_COMMAND = re.compile(r"sockperf\S*\s+(ping-pong|pp|under-load|ul)\b")


def matches(text: str) -> bool:
    """Whether a text is sockperf's."""
    return "sockperf: " in text or "sockperf[CLIENT]" in text


def measurement(text: str, where: str, name: str) -> Measurement:
    """The measurement in sockperf's text. Latency is one way; the rate counts both.

    Raises:
        MeasurementError: no summary of latency, as of a throughput test or a run that failed, or no number.
    """
    average, summary = _AVERAGE.search(text), _SUMMARY.search(text)
    if average is None and summary is None:
        is_throughput = "Summary: Message Rate" in text
        found = "a throughput test" if is_throughput else _problem(text) or "no line with avg-latency"
        raise MeasurementError(
            f"{where}: found {found}, expected `sockperf: ====> avg-latency=` or `Summary: Latency is`; {ADVICE}"
        )
    notes = [Label("note.half-round-trip", {"tool": "sockperf"})]
    value = average[2] if average else summary[2]  # type: ignore[index]
    is_whole = (average[1] == "rtt") if average else summary[1].lower() == "round trip"  # type: ignore[index]
    share = 0.5 if is_whole else 1.0
    latency = number_of(value, where, "avg-latency", ADVICE, low=1e-6) * share
    percentiles = {
        number_of(percent, where, "percentile", ADVICE, high=100): number_of(
            us, where, f"percentile {percent[:20]}", ADVICE
        )
        * share
        for percent, us in _PERCENTILE.findall(text)
    }
    for which, us in _EXTREME.findall(text):
        percentiles[0.0 if which == "MIN" else 100.0] = (
            number_of(us, where, f"<{which}> observation", ADVICE) * share
        )
    rate = seconds = requests = None
    runs = {found[0]: found for found in _VALID.findall(text)}
    run = runs.get("Valid Duration") or runs.get("Total Run")
    if run is not None:
        seconds = number_of(run[1], where, f"[{run[0]}] RunTime", ADVICE, low=1e-9)
        # Under load only some messages are answered; each that was sent and each answer is one way.
        sent, answers = (
            number_of(text, where, f"[{run[0]}] {name}", ADVICE, low=1)
            for text, name in ((run[2], "SentMessages"), (run[3], "ReceivedMessages"))
        )
        requests = int(sent + answers)
        rate = requests / seconds
    dropped = _DROPPED.search(text)
    if dropped is not None and number_of(dropped[1], where, "dropped messages", ADVICE) > 0:
        notes.append(Label("note.dropped", {"count": dropped[1][:20]}))
    size, version, command = _SIZE.search(text), _VERSION.search(text), _COMMAND.search(text)
    is_ping_pong = command is not None and command[1] in ("ping-pong", "pp")
    return Measurement(
        source=FORMAT,
        name=name,
        version=version[1] if version else None,
        kind="message",
        size=int(size[1]) or None if size else None,
        queue_depth=1 if is_ping_pong else None,
        jobs=1 if is_ping_pong else None,
        latency_us=latency,
        percentiles_us=percentiles,
        rate_per_s=rate,
        requests=requests,
        duration_s=seconds,
        notes=tuple(notes),
    )


def _problem(text: str) -> str | None:
    found = re.search(r"sockperf: (ERROR[^\n]{0,120}|No messages were received[^\n]{0,80})", text)
    return repr(found[1]) if found else None
