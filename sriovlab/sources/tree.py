"""File trees: the live machine, an archive, memory, and a recorder around another tree.

A path is absolute inside the tree ("/sys/bus/pci/devices"). Symbolic links are followed inside the
tree only. Carried to hosts with Python 3.8, so standard library only.
"""

from __future__ import annotations

import errno
import os
import posixpath
import stat
import tarfile
from typing import Any, Dict, List, Optional, Set, Tuple

from ..errors import SourceError

READ_LIMIT = 1 << 20
LINK_LIMIT = 40
MEMBER_LIMIT = 2_000_000
ARCHIVE_BYTES_LIMIT = 1 << 30

MARK = "sys/bus/pci/devices"


class FileTree:
    """What a reader of a host needs: read a file, read a link, list a folder.

    Subclasses give `_read`, `_link` and `_list` for a path whose parent folders hold no link; each
    raises OSError as the system would. `origin` names the tree in messages.
    """

    origin = ""

    def _read(self, path: str) -> bytes:
        raise NotImplementedError

    def _link(self, path: str) -> Optional[str]:
        """The target of a link, None where the path is no link or is not there."""
        raise NotImplementedError

    def _list(self, path: str) -> List[str]:
        raise NotImplementedError

    def __init__(self) -> None:
        self._resolved: Dict[str, str] = {"/": "/"}

    def resolve(self, path: str) -> str:
        """The path with every link followed; a tail that does not exist stays as it is.

        Raises:
            OSError: ELOOP, when more than 40 links follow one another.
        """
        return self._resolve(path, [0])

    def _resolve(self, path: str, count: List[int]) -> str:
        known = self._resolved.get(path)
        if known is not None:
            return known
        parent, name = posixpath.split(posixpath.normpath(path))
        folder = self._resolve(parent, count)
        place = posixpath.join(folder, name)
        target = self._link(place)
        if target is None:
            found = place
        else:
            count[0] += 1
            if count[0] > LINK_LIMIT:
                raise OSError(errno.ELOOP, "too many symbolic links", path)
            # normpath keeps "/.." inside the tree: a link cannot lead out of it.
            found = self._resolve("/" + posixpath.normpath(posixpath.join(folder, target)).lstrip("/"), count)
        self._resolved[path] = found
        return found

    def read(self, path: str) -> bytes:
        """At most 1 MiB of a file. Raises OSError, as the system would."""
        return self._read(self.resolve(path))

    def link(self, path: str) -> Optional[str]:
        """The raw target of a link, None where there is none."""
        folder, name = posixpath.split(path)
        try:
            return self._link(posixpath.join(self.resolve(folder), name))
        except OSError:
            return None

    def list(self, path: str) -> List[str]:
        """The sorted names in a folder. Raises OSError, as the system would."""
        return sorted(self._list(self.resolve(path)))

    def names(self, path: str) -> List[str]:
        """The sorted names in a folder, none where it is not there or not readable."""
        try:
            return self.list(path)
        except OSError:
            return []

    def text(self, path: str) -> Optional[str]:
        """The stripped text of a file, None where it is not there or not readable.

        Raises:
            UnicodeDecodeError: the bytes are no UTF-8.
        """
        try:
            return self.read(path).decode("utf-8").strip()
        except OSError:
            return None


class FolderTree(FileTree):
    """A folder of the machine as a tree; `/` itself is the live host. Nothing is ever written."""

    def __init__(self, root: str = "/") -> None:
        super().__init__()
        self.root = os.path.abspath(root)
        self.origin = self.root
        self._prefix = "" if self.root == "/" else self.root

    def _read(self, path: str) -> bytes:
        place = self._prefix + path
        descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            parts: List[bytes] = []
            size = 0
            while size < READ_LIMIT:
                part = os.read(descriptor, 65536)
                if not part:
                    break
                parts.append(part)
                size += len(part)
            return b"".join(parts)[:READ_LIMIT]
        finally:
            os.close(descriptor)

    def _link(self, path: str) -> Optional[str]:
        try:
            return os.readlink(self._prefix + path)
        except OSError:
            return None

    def _list(self, path: str) -> List[str]:
        return os.listdir(self._prefix + path or "/")


class MemoryTree(FileTree):
    """A tree held in memory: bytes by path, link targets by path; folders follow from the paths.

    `errors` maps a path to the errno that reading or listing it gives; `folders` adds empty ones.
    """

    def __init__(
        self,
        files: Dict[str, bytes],
        links: Optional[Dict[str, str]] = None,
        *,
        folders: Tuple[str, ...] = (),
        errors: Optional[Dict[str, int]] = None,
        origin: str = "memory",
    ) -> None:
        super().__init__()
        self.origin = origin
        self._files = files
        self._links = links or {}
        self._errors = errors or {}
        children: Dict[str, Set[str]] = {"/": set()}
        for path in (*files, *self._links, *folders, *self._errors):
            while path != "/":
                parent, name = posixpath.split(path)
                known = children.setdefault(parent, set())
                if name in known:
                    break
                known.add(name)
                path = parent
        for path in folders:
            children.setdefault(path, set())
        self._children = children

    def _check(self, path: str) -> None:
        code = self._errors.get(path)
        if code is not None:
            raise OSError(code, os.strerror(code), path)

    def _read(self, path: str) -> bytes:
        self._check(path)
        try:
            return self._files[path][:READ_LIMIT]
        except KeyError:
            code = errno.EISDIR if path in self._children else errno.ENOENT
            raise OSError(code, os.strerror(code), path) from None

    def _link(self, path: str) -> Optional[str]:
        return self._links.get(path)

    def _list(self, path: str) -> List[str]:
        self._check(path)
        try:
            return list(self._children[path])
        except KeyError:
            code = errno.ENOTDIR if path in self._files else errno.ENOENT
            raise OSError(code, os.strerror(code), path) from None


class RecordingTree(FileTree):
    """A tree around another that keeps what was read: files, links, folder listings and errors."""

    def __init__(self, tree: FileTree) -> None:
        super().__init__()
        self.origin = tree.origin
        self._tree = tree
        self.files: Dict[str, bytes] = {}
        self.links: Dict[str, str] = {}
        self.folders: Dict[str, List[str]] = {}
        self.errors: Dict[str, int] = {}

    def _read(self, path: str) -> bytes:
        try:
            data = self._tree._read(path)
        except OSError as err:
            self._keep_error(path, err)
            raise
        self.files[path] = data
        return data

    def _link(self, path: str) -> Optional[str]:
        target = self._tree._link(path)
        if target is not None:
            self.links[path] = target
        return target

    def _list(self, path: str) -> List[str]:
        try:
            names = self._tree._list(path)
        except OSError as err:
            self._keep_error(path, err)
            raise
        self.folders[path] = sorted(names)
        return names

    def _keep_error(self, path: str, err: OSError) -> None:
        # What is not there is left out; what could not be read has to fail again on replay.
        if err.errno not in (errno.ENOENT, errno.ENOTDIR, None):
            self.errors[path] = err.errno


class ReplayTree(MemoryTree):
    """A recording played back: folders list what they listed when they were recorded."""

    def __init__(
        self,
        files: Dict[str, bytes],
        links: Dict[str, str],
        folders: Dict[str, List[str]],
        errors: Dict[str, int],
        *,
        origin: str,
    ) -> None:
        super().__init__(files, links, errors=errors, folders=tuple(folders), origin=origin)
        self._listings = folders

    def _list(self, path: str) -> List[str]:
        self._check(path)
        listing = self._listings.get(path)
        return list(listing) if listing is not None else super()._list(path)


def archive_tree(path: str) -> FileTree:
    """The tree in a tar archive, read whole into memory; nothing is unpacked to disk.

    Raises:
        SourceError: no tar archive, damaged, too large, or a member whose name leads out of it.
    """
    files: Dict[str, bytes] = {}
    links: Dict[str, str] = {}
    folders: List[str] = []
    hard: List[Tuple[str, str]] = []
    size = 0
    try:
        with tarfile.open(path, errors="surrogateescape") as archive:
            for count, member in enumerate(archive):
                if count > MEMBER_LIMIT:
                    raise SourceError(
                        f"{path}: more than {MEMBER_LIMIT:,} members; a captured host has far fewer"
                    )
                name = _member_name(path, member.name)
                if member.isdir():
                    folders.append(name)
                elif member.issym():
                    links[name] = member.linkname
                elif member.islnk():
                    hard.append((name, _member_name(path, member.linkname)))
                elif member.isfile():
                    size += min(member.size, READ_LIMIT)
                    if size > ARCHIVE_BYTES_LIMIT:
                        raise SourceError(
                            f"{path}: holds more than 1 GiB of files; a captured host holds far less"
                        )
                    handle = archive.extractfile(member)
                    files[name] = handle.read(READ_LIMIT) if handle else b""
    except (tarfile.TarError, EOFError, OSError, ValueError) as err:
        raise SourceError(f"{path}: this tar archive cannot be read ({err}); is it whole?") from err
    for name, target in hard:
        if target in files:
            files[name] = files[target]
        elif target in links:
            links[name] = links[target]
    tree = MemoryTree(files, links, folders=tuple(name for name in folders if name != "/"), origin=path)
    root = find_root(tree)
    if root is None:
        raise SourceError(
            f"{path}: no {MARK} folder in this archive; expected the sysfs tree of a host, at any depth"
        )
    return tree if root == "/" else SubTree(tree, root)


def _member_name(archive: str, name: str) -> str:
    if name.startswith("/") or ".." in name.split("/"):
        raise SourceError(
            f"{archive}: member {name!r} has an absolute path or leads out of the archive; "
            "make it again with relative paths"
        )
    return (
        "/" + posixpath.normpath(name).lstrip("/").replace("//", "/") if name not in ("", ".", "./") else "/"
    )


class SubTree(FileTree):
    """A folder of another tree as a tree of its own; links that lead out of it end inside it."""

    def __init__(self, tree: FileTree, root: str) -> None:
        super().__init__()
        self.origin = tree.origin
        self._tree, self._root = tree, root.rstrip("/")

    def _read(self, path: str) -> bytes:
        return self._tree._read(self._root + path)

    def _link(self, path: str) -> Optional[str]:
        return self._tree._link(self._root + path)

    def _list(self, path: str) -> List[str]:
        return self._tree._list((self._root + path).rstrip("/") or "/")


def find_root(tree: Any, *, depth: int = 6) -> Optional[str]:
    """The nearest folder of a tree that holds `sys/bus/pci/devices`, None where none does."""
    level = ["/"]
    for _ in range(depth + 1):
        below: List[str] = []
        for folder in level:
            mark = posixpath.join(folder, MARK)
            try:
                tree._list(mark)
                return folder
            except OSError:
                pass
            try:
                names = sorted(tree._list(folder))
            except OSError:
                continue
            below += [
                posixpath.join(folder, n) for n in names if tree._link(posixpath.join(folder, n)) is None
            ]
        level = below[:20_000]
    return None


def folder_tree(path: str) -> FileTree:
    """The tree in a folder that holds `sys/bus/pci/devices` at any depth.

    Raises:
        SourceError: no such folder in it.
    """
    tree = FolderTree(path)
    root = "/" if os.path.isdir(os.path.join(path, MARK)) else find_root(tree)
    if root is None:
        raise SourceError(
            f"{path}: no {MARK} in this folder; expected a host's sysfs tree, at any depth below it"
        )
    return tree if root == "/" else FolderTree(tree._prefix + root)
