"""Reading one attribute after another: every failure becomes a warning, and the rest is still read."""

from __future__ import annotations

import errno
import posixpath
from typing import List, Optional, Tuple

from ..model.nouns import Warning_
from .tree import FileTree

_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.ENODEV, errno.ENXIO, errno.EOPNOTSUPP)


class Reader:
    """A file tree with a list of warnings; what is missing is None, what fails is told as well."""

    def __init__(self, tree: FileTree) -> None:
        self.tree = tree
        self.warnings: List[Warning_] = []

    def warn(self, where: str, what: str) -> None:
        """Keep one warning, once."""
        warning = Warning_(where, what)
        if warning not in self.warnings:
            self.warnings.append(warning)

    def data(self, path: str, where: str) -> Optional[bytes]:
        """The bytes of a file, None where there is none."""
        try:
            return self.tree.read(path)
        except OSError as err:
            if err.errno not in _ABSENT:
                self.warn(where, f"{path} could not be read: {err.strerror}")
            return None

    def text(self, path: str, where: str) -> Optional[str]:
        """The stripped text of an attribute, None where there is none, it is empty or no UTF-8."""
        data = self.data(path, where)
        if data is None:
            return None
        try:
            return data.decode("utf-8").strip("\0 \t\r\n") or None
        except UnicodeDecodeError:
            self.warn(where, f"{path} is not UTF-8 text")
            return None

    def number(self, path: str, where: str, base: int = 0) -> Optional[int]:
        """The number in an attribute: decimal or 0x by itself, else in `base`."""
        text = self.text(path, where)
        if text is None:
            return None
        try:
            return int(text, base)
        except ValueError:
            self.warn(where, f"{path} holds {text[:40]!r}, expected a number")
            return None

    def names(self, path: str, where: str) -> Tuple[str, ...]:
        """The sorted names in a folder, none where it is not there."""
        try:
            return tuple(self.tree.list(path))
        except OSError as err:
            if err.errno not in _ABSENT:
                self.warn(where, f"{path} could not be listed: {err.strerror}")
            return ()

    def link_name(self, path: str) -> Optional[str]:
        """The last part of a link's target, None where there is no link."""
        target = self.tree.link(path)
        return None if target is None else posixpath.basename(target.rstrip("/")) or None
