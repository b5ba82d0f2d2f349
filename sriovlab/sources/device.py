"""What can be plugged into a made-up host: kinds of devices and their VFs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class _Product:
    """What a kind of device is: ids, class, host driver, and where its VFs lie."""

    vendor_id: str
    device_id: str
    vf_device_id: str
    class_code: str
    driver: str
    vf_driver: str


PRODUCTS = {
    "nic": _Product("8086", "10c9", "10ca", "020000", "igb", "igbvf"),
    "nvme": _Product("1b36", "0010", "0010", "010802", "nvme", "nvme"),
    "gpu": _Product("1002", "66a0", "66a0", "038000", "amdgpu", "amdgpu"),
}


@dataclass(frozen=True)
class Device:
    """One adapter of a synthetic host: `ports` PFs with `vfs` VFs each; `total` is TotalVFs, 0 for no SR-IOV.

    Ids, as four hexadecimal digits, class and drivers are those of the kind unless given. `acs` says
    whether the PFs of one adapter are kept apart from each other.
    """

    kind: str
    vfs: int = 0
    total: int | None = None
    offset: int | None = None
    stride: int | None = None
    ports: int = 1
    numa: int | None = 0
    driver: str | None = None
    vf_driver: str | None = None
    vendor_id: str | None = None
    device_id: str | None = None
    vf_device_id: str | None = None
    class_code: str | None = None
    acs: bool = True

    def __post_init__(self) -> None:
        if self.kind not in PRODUCTS:
            raise ValueError(f"device {self.kind!r}: expected one of {', '.join(PRODUCTS)}")
        if not 1 <= self.ports <= 8:
            raise ValueError(f"{self.kind}: ports is {self.ports}, expected 1 to 8")
        for name in ("vfs", "total", "offset", "stride"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 0xFFFF:
                raise ValueError(
                    f"{self.kind}: {name} is {value:,}, expected 0 to 65,535, the width of its register"
                )
        if self.vfs > (self.total if self.total is not None else self.vfs):
            raise ValueError(f"{self.kind}: vfs is {self.vfs:,}, more than the total of {self.total:,}")
        if (self.vfs and self.offset == 0) or (self.vfs > 1 and self.stride == 0):
            raise ValueError(f"{self.kind}: offset and stride must not be 0 where there are VFs")
