"""`perf kvm stat report`: VM exits by reason, as a table. Source: tools/perf/builtin-kvm.c, Linux 3.9 to 6.12."""

from __future__ import annotations

import re

from ...errors import MeasurementError
from ..journey import Label
from .measurement import Measurement
from .reading import lines_of, number_of

FORMAT = "perf-kvm"
ADVICE = "give the whole output of `perf kvm stat report --event=vmexit`"
_HEAD = re.compile(r"^[ \t]*(VM-EXIT|MMIO Access|IO Port Access)[ \t]+Samples[ \t]+Samples%", re.MULTILINE)
_ROW = re.compile(r"^\s*(\S+)\s+(\S+)\s+(\S+)%\s+(\S+)%\s+(\S+)us\s+(\S+)us\s+(\S+)us\b")
_TOTAL = re.compile(r"Total Samples:\s*([^,\s]+)")
_WHOM = re.compile(r"Analyze events for (.+?):")
# Intel has 75 exit reasons, AMD about 140.
_MOST_ROWS = 1000


def matches(text: str) -> bool:
    """Whether a text is a report of perf kvm."""
    return _HEAD.search(text) is not None or "Analyze events for " in text


def measurement(text: str, where: str, name: str) -> Measurement:
    """The exits in a report; several reports one after another, as `perf kvm stat live` prints them, are summed.

    Raises:
        MeasurementError: no table of VM exits, a column that is no number, or a table that was cut.
    """
    heads = _HEAD.findall(text)
    if "VM-EXIT" not in heads:
        found = f"a table of {heads[0]}" if heads else "no table"
        raise MeasurementError(f"{where}: {found}, expected one with the column VM-EXIT; {ADVICE}")
    notes: list[Label] = []
    reasons: dict[str, float] = {}
    is_table = False
    for number, line in enumerate(lines_of(text), start=1):
        head = _HEAD.match(line)
        if head:
            is_table = head[1] == "VM-EXIT"
            continue
        row = _ROW.match(line)
        if row and is_table:
            field = f"line {number}, {row[1][:40]}, Samples"
            reasons[row[1][:60]] = reasons.get(row[1][:60], 0.0) + number_of(row[2], where, field, ADVICE)
            if len(reasons) > _MOST_ROWS:
                raise MeasurementError(
                    f"{where}: more than {_MOST_ROWS} exit reasons, expected some tens; {ADVICE}"
                )
        elif is_table and "%" in line and "us" in line:
            raise MeasurementError(
                f"{where}: line {number} is {line.strip()[:80]!r}, expected name, Samples, Samples%, Time%, Min, Max and Avg time; {ADVICE}"
            )
    if not reasons:
        raise MeasurementError(
            f"{where}: the table VM-EXIT has no rows, expected one for each exit reason; {ADVICE}"
        )
    totals = [number_of(value, where, "Total Samples", ADVICE) for value in _TOTAL.findall(text)]
    whole = sum(reasons.values())
    if not totals:
        notes.append(Label("note.no-total"))
    elif sum(totals) < whole:
        raise MeasurementError(
            f"{where}: Total Samples is {sum(totals):.0f}, expected at least {whole:.0f}, the sum of the rows; {ADVICE}"
        )
    if heads.count("VM-EXIT") > 1:
        notes.append(Label("note.summed", {"tables": str(heads.count("VM-EXIT"))}))
    whom = _WHOM.search(text)
    if whom and "all VMs" in whom[1]:
        notes.append(Label("note.all-vms"))
    return Measurement(
        source=FORMAT,
        name=name,
        exits=max(whole, sum(totals)),
        exits_by_reason=reasons,
        notes=tuple(notes),
    )
