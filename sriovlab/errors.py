"""What can go wrong, in sentences: where, what was found, what was expected, what to do next."""

from __future__ import annotations


class SriovlabError(Exception):
    """The parent of every exception of this package; the text is one sentence a person can act on."""


class ConfigSpaceError(SriovlabError):
    """Bytes of a configuration space that contradict the PCI specifications, with the offset."""


class SourceError(SriovlabError):
    """A host that cannot be loaded: no such file, not a kind we know, damaged, or unsafe to open."""


class SnapshotError(SourceError):
    """A snapshot or topology document that cannot be used, for example of a newer schema."""


class CaptureError(SourceError):
    """A live host that cannot be captured."""


class TopologyError(SriovlabError):
    """A topology that contradicts itself, for example two functions with one routing ID."""


class PathError(SriovlabError, ValueError):
    """An I/O path, request or device that does not exist or does not fit the host."""


class MeasurementError(SriovlabError, ValueError):
    """A measurement that cannot be used: not a format we know, damaged, or a number that cannot be."""


class RenderError(SriovlabError):
    """A picture that cannot be made or written, with the missing program or package if that is why."""
