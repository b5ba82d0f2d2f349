"""A measurement of one's own beside the model: fio, perf kvm, KVM's counters, iperf3, sockperf, netperf."""

from __future__ import annotations

from .measurement import Measurement
from .recognise import FORMATS, read_measurement

__all__ = ["FORMATS", "Measurement", "read_measurement"]
