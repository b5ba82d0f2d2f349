"""Many predictions or simulations at once: the product of all lists given, over any executor.

The default is a pool of processes; any `concurrent.futures.Executor` will do, a Dask cluster's too
(`client.get_executor()`). Work goes out in numbered chunks, and what a lost worker took with it goes out again, so that
each result is there once.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import PathError, SriovlabError
from .path import parse_path
from .predict import predict
from .request import Read, Request
from .setting import setting_of
from .simulate import simulate

# Below this many predictions a pool costs more than it brings.
_INLINE = 400
_CHUNK = 200
_TRIES = 4

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Point:
    """One calculation of a sweep, by its number in the product."""

    number: int
    path: str
    request: Request
    knobs: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """The results of a sweep, one flat record a point, in the order of the product."""

    records: tuple[Mapping[str, Any], ...]

    def to_csv(self, path: str | os.PathLike[str]) -> Path:
        """Write the records as CSV with a head row; the file appears whole or not at all.

        Raises:
            SriovlabError: the place cannot be written.
        """

        def write(name: str) -> None:
            with open(name, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, self.columns, lineterminator="\n")
                writer.writeheader()
                writer.writerows(self.records)

        return _written(Path(path), write)

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write the records as Parquet.

        Raises:
            SriovlabError: pyarrow is missing, or the place cannot be written.
        """
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as err:
            raise SriovlabError(
                "Parquet needs pyarrow: pip install pyarrow, or write CSV with to_csv"
            ) from err
        table = pyarrow.Table.from_pylist([dict(record) for record in self.records])
        return _written(Path(path), lambda name: pyarrow.parquet.write_table(table, name))

    def table(self) -> dict[str, tuple[Any, ...]]:
        """The records by column, name to values, None where a record has no such field."""
        return {name: tuple(record.get(name) for record in self.records) for name in self.columns}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all fields, in the order in which they first come."""
        return tuple(dict.fromkeys(name for record in self.records for name in record))

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        paths = dict.fromkeys(str(record["path"]) for record in self.records)
        return f"<Sweep: {len(self.records):,} results of {', '.join(paths)}>"


def sweep(
    paths: Sequence[str] | str,
    requests: Sequence[Request] | Request | None = None,
    *,
    simulated: int = 0,
    seed: int = 0,
    executor: Executor | None = None,
    progress: Progress | bool | None = None,
    **knobs: object,
) -> Sweep:
    """Predict, or simulate, every combination of paths, requests and knobs.

    Args:
        paths, requests: One or many; `Read(4096)` unless given.
        simulated: Requests of each simulation, with `seed`; 0 predicts in closed form.
        executor: Where it runs; processes of this machine unless given, or here where there is little to do.
        progress: Called with how many are done and how many there are; True or None shows a bar on a terminal and in
            a notebook, False shows nothing.
        knobs: Those of `Setting`; a list means each of its values, a tuple one value with a number for each VM.
    Raises:
        PathError: an unknown path or knob, or a value that one does not take, before anything runs.
        SriovlabError: workers were lost again and again; says which results are missing.
    """
    points = tuple(_points(paths, requests, knobs))
    _check(points)
    if isinstance(simulated, bool) or not isinstance(simulated, int) or simulated < 0:
        raise PathError(
            f"simulated is {simulated!r}, expected a number of requests, or 0 for the closed form"
        )
    chunk = _CHUNK if not simulated else 1
    chunks = [points[i : i + chunk] for i in range(0, len(points), chunk)]
    is_quick = not simulated and len(points) <= _INLINE
    with _telling(progress, len(points), is_quick=is_quick) as shown:
        if executor is None and is_quick:
            found = dict(enumerate(_computed(points, simulated, seed)))
            shown(len(points), len(points))
        elif executor is not None:
            found = _spread(chunks, lambda: executor, simulated, seed, shown, len(points))
        else:
            found = _in_processes(chunks, simulated, seed, shown, len(points))
    return Sweep(tuple(found[number] for number in range(len(points))))


def _points(
    paths: Sequence[str] | str, requests: Sequence[Request] | Request | None, knobs: Mapping[str, object]
) -> Iterator[Point]:
    each_path = [paths] if isinstance(paths, str) else list(paths)
    if requests is None:
        requests = Read()
    each_request = [requests] if isinstance(requests, Request) else list(requests)
    values = [list(value) if isinstance(value, list | range) else [value] for value in knobs.values()]
    for number, (path, request, *chosen) in enumerate(product(each_path, each_request, *values)):
        yield Point(number, path, request, dict(zip(knobs, chosen, strict=True)))


def _check(points: Sequence[Point]) -> None:
    if not points:
        raise PathError("nothing to sweep: one of the lists is empty")
    for path, request in dict.fromkeys((p.path, p.request) for p in points):
        parse_path(path)
        if not isinstance(request, Request):
            raise PathError(f"request is {request!r}, expected Read, Write, Send, Receive or Message")
        predict(path, request)
    seen = set()
    for point in points:
        key = tuple(map(repr, point.knobs.values()))
        if key not in seen:
            seen.add(key)
            setting_of(None, dict(point.knobs))


def _computed(points: Sequence[Point], simulated: int, seed: int) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for point in points:
        result: Any
        if simulated:
            result = simulate(point.path, point.request, requests=simulated, seed=seed, **point.knobs)
        else:
            result = predict(point.path, point.request, **point.knobs)
        # Knobs that no record has as a field of its own stand there too.
        extra = {name: value for name, value in point.knobs.items() if isinstance(value, int | float | str)}
        found.append({**extra, **result.record()})
    return found


def _in_processes(
    chunks: Sequence[Sequence[Point]], simulated: int, seed: int, shown: Progress, count: int
) -> dict[int, Mapping[str, Any]]:
    pools: list[ProcessPoolExecutor] = []

    def pool() -> Executor:
        # A pool that lost a worker is broken for good, so each try has a new one.
        for old in pools:
            old.shutdown(wait=False, cancel_futures=True)
        pools.append(ProcessPoolExecutor())
        return pools[-1]

    try:
        return _spread(chunks, pool, simulated, seed, shown, count)
    finally:
        for made in pools:
            made.shutdown(cancel_futures=True)


def _spread(
    chunks: Sequence[Sequence[Point]],
    executor: Callable[[], Executor],
    simulated: int,
    seed: int,
    shown: Progress,
    count: int,
) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    left = list(chunks)
    for _ in range(_TRIES):
        running: dict[Future[list[Mapping[str, Any]]], Sequence[Point]] = {}
        where, refused = executor(), []
        for part in left:
            try:
                running[where.submit(_computed, part, simulated, seed)] = part
            except BrokenExecutor:
                # A pool may break while work still goes in, and takes nothing from then on.
                refused.append(part)
        left = refused
        for future in as_completed(running):
            part = running[future]
            try:
                results = future.result()
            except Exception as err:
                if not _is_loss(err):
                    raise
                left.append(part)
                continue
            found.update((point.number, result) for point, result in zip(part, results, strict=True))
            shown(len(found), count)
        if not left:
            return found
    missing = [point.number for part in left for point in part]
    raise SriovlabError(
        f"workers were lost {_TRIES} times; {len(missing)} of {count} results are missing, the first is number {missing[0]}: "
        "give the workers more memory, or fewer of them"
    )


def _is_loss(err: Exception) -> bool:
    """Whether a worker was lost, so that its work can be done again, rather than the work itself having failed."""
    return isinstance(err, BrokenExecutor | CancelledError) or type(err).__name__ in (
        "KilledWorker", "CommClosedError", "FutureCancelledError", "LostWorkerError",
    )  # fmt: skip


@contextmanager
def _telling(progress: Progress | bool | None, count: int, *, is_quick: bool) -> Iterator[Progress]:
    """What is called as results come: the caller's own, or a bar on a terminal and in a notebook.

    Nothing is shown elsewhere, nor for a moment's work.
    """
    if callable(progress):
        yield progress
        return
    if progress is False or is_quick or not (sys.stderr.isatty() or _is_notebook()):
        yield lambda _done, _count: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    # However it ends, the bar is taken away, which gives a terminal its cursor back.
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sweep", total=count)
        yield lambda done, _count: bar.update(task, completed=done)


def _is_notebook() -> bool:
    """Whether a Jupyter kernel runs this, rather than a program that has merely imported one."""
    shell = sys.modules.get("IPython")
    running = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    return getattr(running, "kernel", None) is not None


def _written(target: Path, write: Callable[[str], object]) -> Path:
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
    except OSError as err:
        raise SriovlabError(f"{target}: cannot be written: {err.strerror}") from err
    try:
        write(name)
        # A temporary file is for its owner alone; what is kept has the rights that any new file has.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, target)
    except OSError as err:
        raise SriovlabError(f"{target}: cannot be written: {err.strerror}") from err
    finally:
        if os.path.exists(name):
            os.unlink(name)
    return target
