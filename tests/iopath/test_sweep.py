"""Sweeps: each result once and in order, over processes, threads and a Dask cluster that loses a worker."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

import sriovlab as sl
from sriovlab.errors import PathError, SriovlabError
from sriovlab.iopath.sweep import sweep

PATHS = ["virtio", "vhost", "sriov+posted"]


def test_a_sweep_is_the_product_in_order_and_each_point_its_own_prediction() -> None:
    found = sweep(PATHS, [sl.Read(), sl.Write(8192)], vms=[1, 4], queue_depth=[1, 32])

    assert len(found) == 3 * 2 * 2 * 2
    assert [r["path"] for r in found.records[:8]] == ["virtio+posted"] * 8
    expected = sl.predict("virtio", sl.Read(), vms=1, queue_depth=32).record()
    assert {k: found.records[1][k] for k in expected} == expected


def test_processes_and_threads_give_what_one_after_another_gives() -> None:
    depths = list(range(1, 200))
    with ThreadPoolExecutor(2) as threads:
        one = sweep(PATHS, queue_depth=depths, executor=threads)
    two = sweep(PATHS, queue_depth=depths, progress=False)
    assert one.records == two.records
    assert len(one) == 597


def test_progress_ends_with_all() -> None:
    told: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as threads:
        sweep(PATHS, queue_depth=list(range(1, 300)), executor=threads, progress=lambda *a: told.append(a))
    assert told[-1] == (897, 897)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_simulations_sweep_too() -> None:
    found = sweep("sriov", queue_depth=[1, 4], simulated=50, seed=3)
    assert [r["requests"] for r in found.records] == [50, 50]


def test_a_tuple_is_one_value_with_a_number_for_each_vm() -> None:
    (record,) = sweep("sriov", queue_depth=(1, 64)).records
    assert record["queue_depth"] == "1+64"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"paths": ["sriv"]}, "did you mean sriov"),
        ({"paths": "sriov", "vm": [1]}, "did you mean vms"),
        ({"paths": "sriov", "vms": [1, 0]}, "vms is 0"),
        ({"paths": "sriov", "vms": []}, "one of the lists is empty"),
        ({"paths": "sriov", "simulated": -1}, "simulated is -1"),
        ({"paths": "emulated:ahci", "requests": sl.Send()}, "carries no send"),
    ],
)
def test_bad_input_fails_before_anything_runs(arguments: dict[str, Any], said: str) -> None:
    class Never(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            raise AssertionError("ran")

    with pytest.raises(PathError, match=said):
        sweep(executor=Never(), **arguments)


class Lossy(ThreadPoolExecutor):
    """Loses the first `times` tasks it is given, as a pool does whose worker is killed."""

    def __init__(self, times: int) -> None:
        super().__init__(2)
        self.times = times

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.times:
            self.times -= 1
            lost: Future[Any] = Future()
            lost.set_exception(BrokenProcessPool("a worker was killed"))
            return lost
        return super().submit(function, *args, **kwargs)


def test_what_a_lost_worker_took_is_done_again_and_nothing_twice() -> None:
    depths = list(range(1, 500))
    with Lossy(2) as pool:
        found = sweep("virtio", queue_depth=depths, executor=pool)
    assert [r["queue_depth"] for r in found.records] == depths


def test_a_pool_that_always_loses_is_given_up_with_what_is_missing() -> None:
    with Lossy(1000) as pool, pytest.raises(SriovlabError, match="3 of 3 results are missing"):
        sweep(PATHS, executor=pool)


def test_processes_that_are_killed_lose_nothing() -> None:
    killed: list[int] = []

    def kill_one(done: int, count: int) -> None:
        if not killed and done < count:
            victim = multiprocessing.active_children()[0]
            killed.append(victim.pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    depths = list(range(1, 17))
    found = sweep("virtio", queue_depth=depths, simulated=300, progress=kill_one)
    assert killed
    assert [r["queue_depth"] for r in found.records] == depths
    assert found.records == sweep("virtio", queue_depth=depths, simulated=300, progress=False).records


def test_a_pool_of_ones_own_that_is_broken_is_given_up_with_a_sentence() -> None:
    with ProcessPoolExecutor(1) as pool:
        with pytest.raises(BrokenProcessPool):
            pool.submit(os._exit, 1).result()
        with pytest.raises(SriovlabError, match="workers were lost 4 times; 3 of 3"):
            sweep(PATHS, executor=pool)


def test_a_bar_is_on_stderr_of_a_terminal_and_nowhere_else(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    with ThreadPoolExecutor(2) as threads:
        sweep("sriov", queue_depth=[1, 4], simulated=50, executor=threads)
    out, err = capsys.readouterr()
    assert out == ""
    assert "sweep" in err
    assert err.count("\x1b[?25h") == err.count("\x1b[?25l")  # the cursor is back

    monkeypatch.setattr("sys.stderr.isatty", lambda: False)
    with ThreadPoolExecutor(2) as threads:
        sweep("sriov", queue_depth=[1, 4], simulated=50, executor=threads)
    assert capsys.readouterr() == ("", "")


def test_a_table_has_a_column_for_each_field() -> None:
    found = sweep(["virtio", "sriov"], vms=[1, 2], progress=False)
    table = found.table()
    assert table["vms"] == (1, 2, 1, 2)
    assert {len(column) for column in table.values()} == {4}


def test_an_error_of_the_work_itself_is_not_tried_again() -> None:
    class Failing(ThreadPoolExecutor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            failed: Future[Any] = Future()
            failed.set_exception(ZeroDivisionError())
            return failed

    with Failing(1) as pool, pytest.raises(ZeroDivisionError):
        sweep("virtio", executor=pool)


def test_records_are_written_whole(tmp_path: Path) -> None:
    found = sweep(PATHS, vms=[1, 2])
    with open(found.to_csv(tmp_path / "x.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [r["path"] for r in found.records]
    assert float(rows[0]["latency_us"]) == found.records[0]["latency_us"]
    assert os.listdir(tmp_path) == ["x.csv"]
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o666 & ~mask
    with pytest.raises(SriovlabError, match="cannot be written"):
        found.to_csv(tmp_path / "no" / "x.csv")


def test_a_dask_cluster_loses_a_worker_and_the_sweep_completes() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        victim = next(iter(cluster.workers.values())).pid
        killed: list[int] = []

        def kill_one(done: int, count: int) -> None:
            if not killed:
                assert done < count
                killed.append(done)
                os.kill(victim, signal.SIGKILL)

        depths = list(range(1, 41))
        found = sweep(
            ["virtio"], queue_depth=depths, simulated=1500, executor=client.get_executor(), progress=kill_one
        )
    assert killed
    assert [r["queue_depth"] for r in found.records] == depths
    expected = sweep(["virtio"], queue_depth=[7], simulated=1500, progress=False)
    assert found.records[6] == expected.records[0]
