"""The topology figure: VMs on top, the VFs they hold on their PFs, the ports below, the IOMMU at the foot.

A tiered layout of our own, one pass over the functions. Runs of alike VFs are one box with a count;
a VF that a VM holds always stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..i18n import Words, words
from ..model.nouns import Function, FunctionKind, VirtualMachine
from ..model.topology import Topology
from ..pci.names import class_name, device_name
from .measure import fit, widest
from .shapes import Box, Line, Scene, Shape, Text

WIDTH = 944.0
LEFT, RIGHT, GAP = 12.0, 12.0, 16.0
CHIP_WIDTH, CHIP_HEIGHT, CHIP_GAP = 134.0, 46.0, 10.0
CARD_PADDING = 12.0
RUN = 3
MOST_VMS, MOST_OTHERS, MOST_GROUPS = 24, 18, 6


@dataclass(frozen=True)
class Chip:
    """One VF, or a run of alike VFs, of a PF."""

    vfs: tuple[Function, ...]
    holder: VirtualMachine | None


def chips_of(topology: Topology, pf: Function) -> list[Chip]:
    """The chips of a PF: VFs held by a VM apart, runs of more than three alike VFs as one."""
    chips: list[Chip] = []
    run: list[Function] = []

    def close() -> None:
        if len(run) > RUN:
            chips.append(Chip(tuple(run), None))
        else:
            chips.extend(Chip((vf,), None) for vf in run)
        run.clear()

    for vf in topology.vfs_of(pf.id):
        holder = topology.holder_of(vf)
        if holder is not None or (run and run[0].driver != vf.driver):
            close()
        if holder is not None:
            chips.append(Chip((vf,), holder))
        else:
            run.append(vf)
    close()
    # A PF with hundreds of held VFs: those of one driver beyond the first rows become one box too.
    if len(chips) > 30:
        rest = tuple(vf for chip in chips[29:] for vf in chip.vfs)
        chips = [*chips[:29], Chip(rest, None)]
    return chips


def short(function: Function) -> str:
    """The address without its domain where that is 0."""
    return function.address.removeprefix("0000:")


def topology_scene(topology: Topology) -> Scene:
    """The figure of a host, or of several."""
    build = _Figure(topology)
    build.machines()
    build.devices()
    build.iommus()
    build.others()
    build.groups()
    name = ", ".join(host.name for host in topology.hosts[:3])
    return Scene(
        width=WIDTH,
        height=build.y + 6,
        shapes=tuple(build.under + build.shapes),
        title=words("topology.title", host=name),
        description=words(
            "topology.description",
            pfs=len(topology.physical_functions),
            vfs=len(topology.virtual_functions),
            groups=len(topology.iommu_groups),
            vms=len(topology.virtual_machines),
        ),
    )


class _Figure:
    """The picture in the making; `y` is where the next row begins."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.shapes: list[Shape] = []
        self.under: list[Shape] = []
        self.y = 40.0
        self._machine_x: dict[str, float] = {}
        self._machine_bottom: dict[str, float] = {}
        title = words("topology.title", host=", ".join(h.name for h in topology.hosts[:3]))
        self._text("figure-title", LEFT, 20, fit(title, WIDTH - 24, 18, is_bold=True), 18, 650)

    def _text(
        self,
        name: str,
        x: float,
        y: float,
        label: Words,
        size: float = 14,
        weight: int = 400,
        role: str = "ink",
    ) -> None:
        self.shapes.append(Text(name, x, y, label, role, size, weight=weight))

    # -- virtual machines -------------------------------------------------------------------

    def machines(self) -> None:
        """The VMs, in one or more rows, with what each holds."""
        machines = sorted(
            self.topology.virtual_machines, key=lambda vm: (not vm.functions, self._first_held(vm))
        )
        self._text("row-vms", LEFT, self.y + 8, words("topology.row.vms"), weight=600, role="dim")
        self.y += 22
        if not machines:
            self._text("no-vms", LEFT, self.y + 12, words("topology.no-vms"))
            self.y += 46
            return
        shown = machines[:MOST_VMS]
        columns = min(len(shown), 4)
        width = min(250.0, (WIDTH - LEFT - RIGHT - GAP * (columns - 1)) / columns)
        for i, machine in enumerate(shown):
            x = LEFT + (i % columns) * (width + GAP)
            y = self.y + (i // columns) * 58
            held = len(machine.functions)
            note = words("topology.vm.holds", count=held) if held else words("topology.vm.none")
            label = Words.plain(machine.name)
            self.shapes.append(
                Box(
                    machine.id, x, y, width, 48, "vm", fit(label, width - 12, 15, is_bold=True), fit(note, width - 12, 13),
                    title=Words(f"{machine.name}: {note.en}", f"{machine.name}：{note.zh}"), thing=machine.id, size=15, weight=650,
                )
            )  # fmt: skip
            # With a second row of VMs a line to the first would run behind it; the VFs name their holder too.
            if len(shown) <= columns:
                self._machine_x[machine.id] = x + width / 2
                self._machine_bottom[machine.id] = y + 48
        rows = (len(shown) + columns - 1) // columns
        self.y += rows * 58 + 8
        if len(machines) > MOST_VMS:
            self._text(
                "more-vms",
                LEFT,
                self.y + 4,
                words("topology.more", count=len(machines) - MOST_VMS),
                role="dim",
            )
            self.y += 22

    def _first_held(self, machine: VirtualMachine) -> tuple[int, str]:
        if not machine.functions:
            return 0, machine.name
        return int(self.topology[machine.functions[0]].routing_id), machine.name

    # -- PFs and their VFs ------------------------------------------------------------------

    def devices(self) -> None:
        """One card a PF: its VFs above it, the port that leads to it below."""
        # PFs with VFs that a VM holds come first, where the lines to the VMs are short.
        pfs = sorted(self.topology.physical_functions, key=lambda pf: not self._is_held(pf))
        if self.topology.virtual_machines:
            self.y += 34
        label = words("topology.row.functions")
        y = self.y - (2 if self.topology.virtual_machines else 8)
        # Paper behind the label, where lines to the VMs pass.
        self.shapes.append(
            Box("row-pfs-paper", LEFT - 2, y - 10, widest(label, 15) + 6, 20, "paper", radius=0)
        )
        self._text("row-pfs", LEFT, y, label, weight=600, role="dim")
        self.y += 10
        if not pfs:
            self._text("no-pf", LEFT, self.y + 14, words("topology.no-pf"), 15)
            self.y += 40
            return
        columns = 1 if len(pfs) == 1 else 2
        width = (WIDTH - LEFT - RIGHT - GAP * (columns - 1)) / columns
        for start in range(0, len(pfs), columns):
            row = pfs[start : start + columns]
            height = max(
                self._card(pf, LEFT + i * (width + GAP), width, start == 0) for i, pf in enumerate(row)
            )
            self.y += height + GAP

    def _is_held(self, pf: Function) -> bool:
        return any(self.topology.holder_of(vf) is not None for vf in self.topology.vfs_of(pf.id))

    def _card(self, pf: Function, x: float, width: float, is_first_row: bool) -> float:
        chips = chips_of(self.topology, pf)
        columns = int((width - 2 * CARD_PADDING + CHIP_GAP) // (CHIP_WIDTH + CHIP_GAP))
        rows = max(1, (len(chips) + columns - 1) // columns)
        top = self.y
        # Held VFs first, so that their lines leave upwards from the first row.
        chips.sort(key=lambda chip: chip.holder is None)
        for i, chip in enumerate(chips):
            cx = x + CARD_PADDING + (i % columns) * (CHIP_WIDTH + CHIP_GAP)
            cy = top + CARD_PADDING + (i // columns) * (CHIP_HEIGHT + CHIP_GAP)
            self._chip(chip, cx, cy, is_first_row and i < columns)
        if not chips:
            self._text(
                f"none-{pf.id}",
                x + CARD_PADDING,
                top + CARD_PADDING + 20,
                words("topology.no-vfs"),
                role="dim",
            )
        pf_top = top + CARD_PADDING + rows * (CHIP_HEIGHT + CHIP_GAP) + 6
        self._pf(pf, x + CARD_PADDING, pf_top, width - 2 * CARD_PADDING)
        port_top = pf_top + 52 + 22
        bottom = port_top
        ports = list(self.topology.ports_above(pf))
        if ports:
            self.under.append(Line(f"bus-{pf.id}", f"M{x + 90} {pf_top + 52}V{port_top}", "bus"))
            label = " → ".join(short(p) for p in reversed(ports))
            kind = ports[0].kind.value
            self.shapes.append(
                Box(
                    f"port-of-{pf.id}", x + CARD_PADDING, port_top, width - 2 * CARD_PADDING, 28, kind,
                    fit(Words.plain(f"{kind} {label}"), width - 40, 14), title=Words.plain(label), thing=ports[0].id,
                )
            )  # fmt: skip
            bottom = port_top + 28
        self.under.insert(
            0, Box(f"card-{pf.id}", x, top, width, bottom - top + CARD_PADDING, "numa", radius=10)
        )
        return bottom - top + CARD_PADDING

    def _chip(self, chip: Chip, x: float, y: float, has_line: bool) -> None:
        first, last = chip.vfs[0], chip.vfs[-1]
        driver = Words.plain(first.driver) if first.driver else words("topology.driver.none")
        group = self._group(first)
        if len(chip.vfs) == 1:
            label = words("topology.vf", address=short(first))
            note = words("topology.held", vm=chip.holder.name) if chip.holder else _joined(driver, group)
            title = _joined(label, driver, group, note)
            thing = first.id
        else:
            label = words("topology.others", count=f"{len(chip.vfs):,}", name="VF")
            note = driver
            title = _joined(
                words("topology.vfs", count=len(chip.vfs), first=short(first), last=short(last)), driver
            )
            thing = first.id
            # A second edge behind it says that the box is a pile.
            self.shapes.append(Box(f"pile-{first.id}", x + 4, y + 4, CHIP_WIDTH, CHIP_HEIGHT, "vf"))
        role = "vf-held" if chip.holder else "vf"
        self.shapes.append(
            Box(
                first.id, x, y, CHIP_WIDTH, CHIP_HEIGHT, role, fit(label, CHIP_WIDTH - 8, 14, is_bold=True),
                fit(note, CHIP_WIDTH - 8, 13), title=title, thing=thing, weight=600,
            )
        )  # fmt: skip
        if chip.holder is not None and has_line and chip.holder.id in self._machine_x:
            x1, y1 = x + CHIP_WIDTH / 2, y
            x2, y2 = self._machine_x[chip.holder.id], self._machine_bottom[chip.holder.id]
            middle = (y1 + y2) / 2
            d = f"M{x1:.1f} {y1:.1f}C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}"
            self.under.append(Line(f"holds-{first.id}", d, "holds", title=title, has_arrow=True))

    def _pf(self, pf: Function, x: float, y: float, width: float) -> None:
        state = pf.sriov
        name = device_name(pf.vendor_id, pf.device_id) if pf.vendor_id and pf.device_id else None
        label = Words.plain(f"PF {short(pf)}  {name or f'{pf.vendor_id}:{pf.device_id}'}")
        place = (
            words("topology.node.none")
            if pf.numa_node is None
            else words("topology.node", number=pf.numa_node)
        )
        total = (
            None
            if state is None
            else state.total_vfs
            if state.total_vfs is not None
            else state.driver_max_vfs
        )
        facts = words(
            "topology.pf.facts",
            driver=pf.driver or words("topology.driver.none"),
            num="?" if state is None or state.num_vfs is None else f"{state.num_vfs:,}",
            total="?" if total is None else f"{total:,}",
            place=place,
        )
        facts = _joined(facts, self._group(pf))
        self.shapes.append(
            Box(
                pf.id, x, y, width, 52, "pf", fit(label, width - 12, 15, is_bold=True), fit(facts, width - 12, 13.8),
                title=_joined(label, facts), thing=pf.id, size=15, weight=650,
            )
        )  # fmt: skip

    def _group(self, function: Function) -> Words:
        if function.iommu_group is None:
            return words("topology.group.none")
        return words("topology.group", number=function.iommu_group)

    # -- the foot ---------------------------------------------------------------------------

    def iommus(self) -> None:
        """The IOMMU units and what they can do."""
        units = self.topology.iommus
        if not units and not self.topology.iommu_groups and self.topology.functions:
            self.shapes.append(
                Box(
                    "no-iommu",
                    LEFT,
                    self.y,
                    WIDTH - LEFT - RIGHT,
                    34,
                    "what-if",
                    words("topology.iommu.none"),
                    is_dashed=True,
                )
            )
            self.y += 50
        for unit in units[:4]:
            label = words(
                "topology.iommu", name=unit.name, remapping=_answer(unit.interrupt_remapping), posting=_answer(unit.posted_interrupts)
            )  # fmt: skip
            self.shapes.append(
                Box(
                    unit.id, LEFT, self.y, WIDTH - LEFT - RIGHT, 34, "iommu", fit(label, WIDTH - 50, 14),
                    title=label, thing=unit.id,
                )
            )  # fmt: skip
            self.y += 44
        if len(units) > 4:
            self._text(
                "more-iommus", LEFT, self.y + 6, words("topology.more", count=len(units) - 4), role="dim"
            )
            self.y += 26

    def others(self) -> None:
        """All other functions, quietly: those of one class and driver as one box with a count."""
        quiet = [
            f
            for f in self.topology.functions
            if f.kind in (FunctionKind.ENDPOINT, FunctionKind.IOMMU)
            or (f.kind is FunctionKind.VF and f.physical_function is None)
        ]
        if not quiet:
            return
        self._text("row-others", LEFT, self.y + 10, words("topology.row.others"), weight=600, role="dim")
        self.y += 24
        alike: dict[tuple[str, str | None], list[Function]] = {}
        for function in quiet:
            alike.setdefault(((function.class_code or "")[:4], function.driver), []).append(function)
        kinds = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0][0]))
        columns, width = 4, (WIDTH - LEFT - RIGHT - 3 * GAP) / 4
        for i, ((code, driver), members) in enumerate(kinds[:MOST_OTHERS]):
            x, y = LEFT + (i % columns) * (width + GAP), self.y + (i // columns) * 52
            name = (class_name(members[0].class_code) if members[0].class_code else None) or f"class {code}"
            label = Words.plain(name if len(members) == 1 else f"{len(members)} × {name}")
            where = short(members[0]) if len(members) == 1 else f"{short(members[0])} …"
            note = _joined(
                Words.plain(where), Words.plain(driver) if driver else words("topology.driver.none")
            )
            title = Words.plain(", ".join(short(f) for f in members[:40]))
            self.shapes.append(
                Box(
                    f"alike-{code}-{driver}", x, y, width, 44, "endpoint", fit(label, width - 10, 14), fit(note, width - 10, 13),
                    title=_joined(label, title), thing=members[0].id,
                )
            )  # fmt: skip
        count = min(len(kinds), MOST_OTHERS)
        self.y += (count + columns - 1) // columns * 52 + 4
        if len(kinds) > MOST_OTHERS:
            hidden = sum(len(members) for _, members in kinds[MOST_OTHERS:])
            self._text("more-others", LEFT, self.y + 6, words("topology.more", count=hidden), role="dim")
            self.y += 26

    def groups(self) -> None:
        """The IOMMU groups that hold more than one function, each with its members."""
        several = [g for g in self.topology.iommu_groups if len(g.functions) > 1]
        if not several:
            return
        self._text("row-groups", LEFT, self.y + 10, words("topology.row.groups"), weight=600, role="dim")
        self.y += 24
        width = (WIDTH - LEFT - RIGHT - GAP) / 2
        for i, group in enumerate(several[:MOST_GROUPS]):
            x, y = LEFT + (i % 2) * (width + GAP), self.y + (i // 2) * 38
            members = ", ".join(_shortened(group.functions))
            label = _joined(
                words("topology.group", number=group.number), Words.plain(members), separator=": "
            )
            self.shapes.append(
                Box(
                    group.id,
                    x,
                    y,
                    width,
                    30,
                    "group",
                    fit(label, width - 14, 14),
                    title=label,
                    thing=group.id,
                )
            )
        self.y += (min(len(several), MOST_GROUPS) + 1) // 2 * 38
        if len(several) > MOST_GROUPS:
            self._text(
                "more-groups",
                LEFT,
                self.y + 8,
                words("topology.many-groups", count=len(several) - MOST_GROUPS),
                role="dim",
            )
            self.y += 26


def _shortened(ids: Iterable[str]) -> list[str]:
    return [i.rpartition("pci:")[2].removeprefix("0000:") for i in ids]


def _answer(value: bool | None) -> Words:
    return (
        words("topology.unknown")
        if value is None
        else words("topology.yes")
        if value
        else words("topology.no")
    )


def _joined(*parts: Words, separator: str = " · ") -> Words:
    return Words(separator.join(p.en for p in parts), separator.join(p.zh for p in parts))
