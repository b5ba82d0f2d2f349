"""The parameters that are fitted, each from the observations it comes from and from nothing else.

`fitted_value` is the rule behind each number in facts/: with all observations it gives what stands there, and with
one left out what the others say. Where they say nothing, the parameter falls back on what is known without any: no
rest beside the known hops, a plain copy, the exit of a trivial handler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..facts.book import STANDARD, Book, Fact, fact
from .predict import predict
from .request import Message, Read, Send

Seen = Mapping[str, float]
_OPTANE, _NAND = "nvme_optane_read_qd1", "nvme_nand_read_qd1"


def fitted_value(parameter: str, seen: Seen) -> float | None:
    """The value of a fitted parameter, in the unit of its fact, from these observations; None where nothing fixes it.

    Raises:
        KeyError: nothing is fitted under this name.
    """
    return _RULES[parameter](seen)


def fitted_parameters() -> tuple[str, ...]:
    """The names of all fitted parameters."""
    return tuple(_RULES)


def refitted(parameters: tuple[str, ...], seen: Seen) -> Book | None:
    """The facts with these parameters fitted again; None where one of them cannot be."""
    found = []
    for name in parameters:
        value = fitted_value(name, seen)
        if value is None:
            return None
        found.append(_valued(name, value))
    return STANDARD.replacing(found)


def _valued(name: str, value: float) -> Fact:
    ours = fact(name)
    scale = value / ours.value if ours.value else 1.0
    return replace(ours, value=value, low=min(value, ours.low * scale), high=max(value, ours.high * scale))


def _without(name: str) -> Book:
    return STANDARD.replacing([_valued(name, 0.0)])


def _overhead(observation: str, media: str) -> Callable[[Seen], float | None]:
    def rule(seen: Seen) -> float | None:
        if media not in seen:
            return None
        return seen[observation] - seen[media] if observation in seen else 0.0

    return rule


def _passthrough(seen: Seen) -> float | None:
    pairs = (("c_vfio_nohaltpoll", _OPTANE), ("c_vfio_nand_read", _NAND))
    parts = [seen[a] - seen[b] for a, b in pairs if a in seen and b in seen]
    return sum(parts) / len(parts) if parts else 0.0


def _kernel_vhost(seen: Seen) -> float | None:
    spdk = _RULES["ov_spdk_blk_us"](seen)
    if spdk is None or "c_kvhost_scsi_read" not in seen or "c_spdk_scsi_read" not in seen:
        return spdk
    return spdk + seen["c_kvhost_scsi_read"] - seen["c_spdk_scsi_read"]


def _media(observation: str) -> Callable[[Seen], float | None]:
    def rule(seen: Seen) -> float | None:
        if observation not in seen:
            return None
        return seen[observation] - predict("native", Read(), media_us=0.0).unloaded_ns.typical / 1000

    return rule


def _cycles_per_io(*observations: str) -> Callable[[Seen], float | None]:
    """Cycles of the one core that carried so many requests; the first observation that is there."""

    def rule(seen: Seen) -> float | None:
        ghz = fact("cyc_io_spdk").ghz
        return next((ghz * 1e9 / seen[name] for name in observations if name in seen), None)

    return rule


def _vhost_byte(seen: Seen) -> float | None:
    ghz = fact("vhost_net_byte").ghz
    if "c_net_vhost_tput" not in seen:
        return fact("copy_byte").value * ghz
    request = Send(65536)
    alone = predict("vhost+posted", request, costs=_without("vhost_net_byte")).bounds["backend"].typical
    each_ns = request.size * 8 / seen["c_net_vhost_tput"] - 1e9 / alone
    return each_ns * ghz / request.size


def _receive_rest(seen: Seen) -> float | None:
    if "c_net_native_lat" not in seen:
        return 0.0
    hops = predict("native", Message(), costs=_without("receive_unattributed")).unloaded_ns.typical / 1000
    return seen["c_net_native_lat"] - hops


def _vhost_net(seen: Seen) -> float | None:
    if "c_net_native_lat" not in seen:
        return None
    return seen["c_net_vhost_lat"] - seen["c_net_native_lat"] if "c_net_vhost_lat" in seen else 0.0


def _exit_time(seen: Seen) -> float | None:
    ghz = fact("interrupt_exit").ghz
    if {"c_eli_netperf_guesttime", "c_eli_netperf_exits"} <= seen.keys():
        return (1 - seen["c_eli_netperf_guesttime"]) * ghz * 1e9 / seen["c_eli_netperf_exits"]
    # A trivial handler's exit is the least that it can be.
    return fact("exit_kernel_kvm_x86").value * ghz / fact("exit_kernel_kvm_x86").ghz


def _cold_caches(seen: Seen) -> float | None:
    if not {"c_eli_netperf_ratio", "c_eli_netperf_exits"} <= seen.keys():
        return 0.0
    ghz, own = fact("interrupt_exit").ghz, _exit_time(seen)
    assert own is not None
    return (1 - seen["c_eli_netperf_ratio"]) * ghz * 1e9 / seen["c_eli_netperf_exits"] - own


_RULES: dict[str, Callable[[Seen], float | None]] = {
    "optane_media_and_link": _media(_OPTANE),
    "nand_media_and_link": _media(_NAND),
    "ov_virtio_default_us": _overhead("c_virtio_default", _OPTANE),
    "ov_virtio_iothread_us": _overhead("c_virtio_iothread", _OPTANE),
    "ov_virtio_nvmeurl_us": _overhead("c_virtio_nvmeurl", _OPTANE),
    "ov_vfio_us": _passthrough,
    "ov_spdk_blk_us": _overhead("c_spdk_nand_read", _NAND),
    "ov_kvhost_us": _kernel_vhost,
    # Without it the other run of one core, which the drive held back, is all there is.
    "cyc_io_spdk": _cycles_per_io("c_spdk_1core", "c_spdk_qd64"),
    "cyc_io_kvhost_batched": _cycles_per_io("c_kvhost_qd64"),
    "vhost_net_byte": _vhost_byte,
    "receive_unattributed": _receive_rest,
    "ov_vhost_net_us": _vhost_net,
    "interrupt_exit": _exit_time,
    "interrupt_exit_pollution": _cold_caches,
}
