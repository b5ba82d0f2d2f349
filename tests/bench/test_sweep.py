"""Sweeps: seven paths x 64 counts of VMs x 8 queue depths in closed form (asked for: under 3 s on two cores)."""

from __future__ import annotations

from typing import Any

from sriovlab.iopath.predict import predict
from sriovlab.iopath.sweep import sweep

PATHS = ["native", "emulated:nvme", "virtio", "virtio+iothread", "vhost", "vhost-user", "sriov"]
DEPTHS = [1, 2, 4, 8, 16, 32, 64, 128]


def test_3584_predictions(benchmark: Any) -> None:
    found = benchmark.pedantic(
        lambda: sweep(PATHS, vms=list(range(1, 65)), queue_depth=DEPTHS, progress=False), rounds=5
    )
    assert len(found) == 7 * 64 * 8


def test_one_prediction(benchmark: Any) -> None:
    benchmark(lambda: predict("virtio", vms=16, queue_depth=8))
