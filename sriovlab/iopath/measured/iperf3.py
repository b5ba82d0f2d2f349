"""iperf3's JSON (-J or --json-stream): TCP and UDP, parallel streams, reverse. Source: iperf 3.1 to 3.17, iperf_api.c."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ...errors import MeasurementError
from ..journey import Label
from .measurement import Measurement
from .reading import Item, plain

FORMAT = "iperf3"
ADVICE = "run iperf3 again with -J (--json) and give all that the client wrote"


def matches(data: Mapping[object, object]) -> bool:
    """Whether a document is iperf3's."""
    return {"start", "end"} <= data.keys() or "intervals" in data or set(data) == {"error"} or _is_event(data)


def _is_event(data: Mapping[object, object]) -> bool:
    return "event" in data and "data" in data


def from_stream(text: str, where: str) -> Item:
    """The document that a stream of events, one a line, amounts to.

    Raises:
        MeasurementError: a line is no event, or the run did not end.
    """
    document: dict[str, object] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as err:
            raise MeasurementError(
                f"{where}: line {number} is no JSON, expected one event a line; {ADVICE}"
            ) from err
        if isinstance(event, Mapping) and event.get("event") in ("start", "end", "error"):
            document[event["event"]] = event.get("data")
    return Item(where, "", document, ADVICE)


def measurement(document: Item, name: str) -> Measurement:
    """The measurement in iperf3's document. What arrived counts, as the model's throughput does.

    Raises:
        MeasurementError: iperf3 reports an error, or a field is missing or no number.
    """
    failed = document.get("error")
    if failed is not None:
        raise MeasurementError(
            f"{document.where}: error is {plain(failed.value)!r}, expected a run that ended; start the server with `iperf3 -s` and run the client again"
        )
    end, start = document.at("end"), document.get("start")
    test = None if start is None else start.get("test_start")
    protocol = "TCP" if test is None else test.at("protocol").text().upper()
    is_reverse = _flag(test, "reverse")
    notes: list[Label] = []
    if _flag(test, "bidir"):
        notes.append(Label("note.both-directions"))
    summed = _sum(end, protocol, notes)
    seconds = summed.at("seconds").number(1e-9)
    bits = summed.at("bits_per_second").number()
    if bits <= 0:
        raise summed.at("bits_per_second").wrong("more than 0; nothing arrived")
    rate = requests = size = None
    if protocol == "UDP":
        requests = _packets(summed)
        rate = requests / seconds if requests else None
        size = None if test is None or test.get("blksize") is None else test.at("blksize").whole(1)
    else:
        notes.append(Label("note.stream", {"tool": "iperf3"}))
    cpu = end.get("cpu_utilization_percent")
    cores = None if cpu is None else cpu.at("host_total").number(0, 1e6) / 100
    if cores is not None:
        notes.append(Label("note.cpu-process", {"tool": "iperf3"}))
    streams = (
        None if test is None or test.get("num_streams") is None else test.at("num_streams").whole(1, 1e6)
    )
    version = None if start is None or start.get("version") is None else start.at("version").text()[:40]
    return Measurement(
        source=FORMAT,
        name=name,
        version=version,
        kind="receive" if is_reverse else "send",
        size=size,
        jobs=streams,
        rate_per_s=rate,
        throughput_gbit_s=bits / 1e9,
        cpu_cores=cores,
        cpu_of=None if cores is None else "process",
        requests=requests or None,
        duration_s=seconds,
        notes=tuple(notes),
    )


def _flag(test: Item | None, name: str) -> bool:
    item = None if test is None else test.get(name)
    return item is not None and item.whole(0, 1) == 1


def _sum(end: Item, protocol: str, notes: list[Label]) -> Item:
    """The sum over all streams of what arrived; of what was sent where the other end said nothing."""
    received = end.get("sum_received")
    if received is not None and received.at("bits_per_second").number() > 0:
        return received
    if protocol == "UDP" and end.get("sum") is not None:
        return end.at("sum")
    sent = end.at("sum_sent")
    notes.append(Label("note.sent-only"))
    return sent


def _packets(summed: Item) -> int:
    packets, lost = summed.get("packets"), summed.get("lost_packets")
    if packets is None:
        return 0
    return max(0, packets.whole() - (0 if lost is None else lost.whole()))
