"""Reading what other tools wrote: files up to a limit, JSON, fields of the right type, and sentences when they are not."""

from __future__ import annotations

import json
import math
import os
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import MeasurementError

# A json+ file of fio with hundreds of jobs has some MB; more is not a measurement.
LIMIT_BYTES = 32 << 20
# No rate, time in ns or count of a run comes near; what does is damage.
HIGHEST = 1e18
_LONGEST_LINE = 1000

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,3})?")


def shown(value: object) -> str:
    """A value as an error shows it: short, whatever it is."""
    try:
        return _SHORT.repr(value)
    except ValueError:
        # Python prints no integer of more than 4,300 digits.
        return f"a {type(value).__name__} too long to print"


def plain(value: object) -> str:
    """A name or option that may be of any type, as a text that is not endless."""
    return value[:200] if isinstance(value, str) else shown(value)


@dataclass(frozen=True)
class Item:
    """A value of a document, with where it stands, so that what is wrong with it can be said.

    Args:
        where: The file, or what stands for it.
        field: The way to the value, such as `jobs[0].read.iops`.
        advice: What the reader can do when it is not as expected.
    """

    where: str
    field: str
    value: object
    advice: str

    def wrong(self, expected: str) -> MeasurementError:
        """The error that this value is not what is expected."""
        return MeasurementError(
            f"{self.where}: {self.field or 'the document'} is {shown(self.value)}, expected {expected}; {self.advice}"
        )

    def _below(self, key: str, value: object) -> Item:
        return Item(self.where, f"{self.field}.{key}" if self.field else key, value, self.advice)

    def table(self) -> Mapping[str, Any]:
        """The value as a mapping."""
        if not isinstance(self.value, Mapping):
            raise self.wrong("an object with named fields")
        return self.value

    def get(self, key: str) -> Item | None:
        """The value under a key; None where it is missing or null."""
        value = self.table().get(key)
        return None if value is None else self._below(key, value)

    def at(self, key: str) -> Item:
        """The value under a key.

        Raises:
            MeasurementError: it is missing.
        """
        found = self.get(key)
        if found is None:
            there = ", ".join(map(plain, list(self.table())[:8])) or "nothing"
            inside = f" in {self.field}" if self.field else ""
            raise MeasurementError(
                f"{self.where}: {key} is missing{inside}, expected it beside {there[:200]}; {self.advice}"
            )
        return found

    def elements(self) -> list[Item]:
        """The elements of a list."""
        if not isinstance(self.value, list | tuple):
            raise self.wrong("a list")
        return [Item(self.where, f"{self.field}[{i}]", v, self.advice) for i, v in enumerate(self.value)]

    def fields(self) -> list[tuple[str, Item]]:
        """The fields of a mapping, by name."""
        return [(plain(key), self._below(plain(key), value)) for key, value in self.table().items()]

    def number(self, low: float = 0.0, high: float = HIGHEST) -> float:
        """The value as a number from `low` to `high`; a text that is a number is one too."""
        value = self.value
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
            value = float(value)
        expected = f"a number from {low:g} to {high:g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(expected)
        try:
            found = float(value)
        except OverflowError:
            raise self.wrong(expected) from None
        if not math.isfinite(found) or not low <= found <= high:
            raise self.wrong(expected)
        return found

    def whole(self, low: int = 0, high: float = HIGHEST) -> int:
        """The value as a whole number."""
        found = self.number(low, high)
        if found != int(found):
            raise self.wrong(f"a whole number, {low} or more")
        return int(found)

    def text(self) -> str:
        """The value as a text."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        return self.value


def number_of(
    text: str, where: str, field: str, advice: str, *, low: float = 0.0, high: float = HIGHEST
) -> float:
    """A number in a text such as a column of a table."""
    return Item(where, field, text, advice).number(low, high)


def lines_of(text: str) -> list[str]:
    """The lines of a table; one that is longer than any line of a tool is empty, so that no pattern labours on it."""
    return [line if len(line) <= _LONGEST_LINE else "" for line in text.splitlines()]


def is_document(text: str) -> bool:
    """Whether a line of the text begins with a brace, as JSON after a tool's warnings does."""
    return _brace(text) is not None


def _brace(text: str) -> int | None:
    found = re.search(r"^[ \t]*\{", text, re.MULTILINE)
    return None if found is None else found.end() - 1


def decoded(text: str, where: str, advice: str) -> tuple[object, str]:
    """The first JSON document in a text, and the text before it, where tools put their warnings.

    Raises:
        MeasurementError: no JSON, cut off or nested too deep; says in which line.
    """
    start = _brace(text)
    if start is None:
        raise MeasurementError(f"{where}: no line begins with a brace, expected a JSON document; {advice}")
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as err:
        is_cut = err.pos >= len(text.rstrip()) or err.msg.startswith("Unterminated")
        what = "the JSON ends too early" if is_cut else f"no JSON: {err.msg}"
        raise MeasurementError(
            f"{where}: line {err.lineno}: {what}, expected a whole document; {advice}"
        ) from err
    except RecursionError as err:
        raise MeasurementError(
            f"{where}: the JSON is nested too deep, expected a few levels; {advice}"
        ) from err
    except ValueError as err:
        raise MeasurementError(f"{where}: no JSON: {plain(str(err))}; {advice}") from err
    return value, text[:start]


def text_of(raw: bytes, where: str) -> str:
    """Bytes as text: UTF-8, or UTF-16 where a byte order mark says so.

    Raises:
        MeasurementError: neither, or nothing in it, or too much.
    """
    if len(raw) > LIMIT_BYTES:
        raise MeasurementError(
            f"{where}: more than {LIMIT_BYTES >> 20} MiB, expected the output of one run; cut it, or leave out logs"
        )
    code = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(code)
    except UnicodeDecodeError as err:
        raise MeasurementError(
            f"{where}: byte {err.start} is no text, expected what the tool printed; give the text or JSON, not a binary file"
        ) from err
    if not text.strip():
        raise MeasurementError(
            f"{where}: empty, expected what the tool printed; check that the run ended and its output was kept"
        )
    return text


def read_text(path: Path) -> str:
    """The text of a regular file.

    Raises:
        MeasurementError: it cannot be read, is no regular file, too long, or no text.
    """
    where = str(path)
    try:
        if not path.is_file():
            what = "no such file" if not os.path.lexists(path) else "not a regular file"
            raise MeasurementError(
                f"{where}: {what}, expected a file that a tool wrote; check the name, or give the text itself"
            )
        with path.open("rb") as file:
            raw = file.read(LIMIT_BYTES + 1)
    except OSError as err:
        raise MeasurementError(
            f"{where}: {err.strerror or err}, expected a file that can be read; check the name and your rights"
        ) from err
    except ValueError as err:
        raise MeasurementError(f"{shown(where)}: {err}, expected the name of a file; check the name") from err
    return text_of(raw, where)
