"""What an application asks for: a read from a drive, a packet to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import PathError


@dataclass(frozen=True)
class Request:
    """A request of `size` bytes."""

    size: int
    kind: ClassVar[str] = "request"
    largest: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 0 < self.size <= self.largest:
            raise PathError(
                f"{type(self).__name__}: size is {self.size!r}, expected 1 to {self.largest:,} bytes"
            )

    @property
    def text(self) -> str:
        """The request in one word, such as read:4096."""
        return f"{self.kind}:{self.size}"


@dataclass(frozen=True)
class Read(Request):
    """A blocking read of `size` bytes from a drive, past the page cache."""

    size: int = 4096
    kind: ClassVar[str] = "read"
    largest: ClassVar[int] = 4096


@dataclass(frozen=True)
class Send(Request):
    """One packet of `size` bytes sent to the network."""

    size: int = 1500
    kind: ClassVar[str] = "send"
    largest: ClassVar[int] = 1500
