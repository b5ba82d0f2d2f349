"""What an application asks for: a read or a write of a drive, a packet sent or received, a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import PathError

PAGE = 4096


@dataclass(frozen=True)
class Request:
    """A request of `size` bytes."""

    size: int
    kind: ClassVar[str] = "request"
    largest: ClassVar[int] = 1 << 20
    is_storage: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 0 < self.size <= self.largest:
            raise PathError(
                f"{type(self).__name__}: size is {self.size!r}, expected 1 to {self.largest:,} bytes"
            )

    @property
    def text(self) -> str:
        """The request in one word, such as read:4096."""
        return f"{self.kind}:{self.size}"

    @property
    def pages(self) -> int:
        """4 KiB pages that the payload fills."""
        return -(-self.size // PAGE)


@dataclass(frozen=True)
class Read(Request):
    """A blocking read of `size` bytes from a drive, past the page cache."""

    size: int = 4096
    kind: ClassVar[str] = "read"


@dataclass(frozen=True)
class Write(Request):
    """A blocking write of `size` bytes to a drive, past the page cache."""

    size: int = 4096
    kind: ClassVar[str] = "write"


@dataclass(frozen=True)
class Send(Request):
    """A packet of `size` bytes sent, or above the MTU a piece of a TCP stream that the device cuts in frames."""

    size: int = 1500
    kind: ClassVar[str] = "send"
    is_storage: ClassVar[bool] = False


@dataclass(frozen=True)
class Receive(Request):
    """A packet of `size` bytes received, or above the MTU a piece of a TCP stream that is merged from frames."""

    size: int = 1500
    kind: ClassVar[str] = "receive"
    is_storage: ClassVar[bool] = False


@dataclass(frozen=True)
class Message(Request):
    """The one-way trip of a message: sent at one end, received at another that takes the same path.

    Half of what a ping-pong (sockperf, netperf TCP_RR) calls a round trip.
    """

    size: int = 64
    kind: ClassVar[str] = "message"
    is_storage: ClassVar[bool] = False


KINDS: dict[str, type[Request]] = {kind.kind: kind for kind in (Read, Write, Send, Receive, Message)}
