"""Discrete events: many requests of many VMs on one host, hop by hop, on simpy.

vCPUs, back ends, cores, device, line, PCIe link and IOMMU are queues served in the order of arrival. A service of
known length needs no event for its begin: it begins when the server is free of all that came before, so
each server is kept as the time at which it is free. A kick and a wake-up happen only where the back end sleeps;
interrupts are raised at most as often as the throttle lets them, and packets that find the receiver polling raise none.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from typing import TYPE_CHECKING, Any

from ..errors import PathError
from .bind import resolved
from .capacity import RING, backend_cores, is_polling_guest, is_stream, spinning_cores, throttle_hz
from .costing import priced, pricing
from .journey import Hop, Journey, Per, Server
from .limits import Limit, limits_of
from .path import Path, parse_path, path_data
from .predict import can_post, checked_request
from .program import Step, first_interrupt, program_of, steps_of
from .request import KINDS, Request
from .setting import Setting, setting_of
from .trace import Trace
from .workload import known_work

if TYPE_CHECKING:
    import simpy

    from ..model.topology import Topology

ARRIVALS = ("poisson", "even")


def simulate(
    path: str,
    request: Request | None = None,
    *,
    requests: int = 1000,
    seed: int = 0,
    arrivals: str = "poisson",
    host: Topology | None = None,
    setting: Setting | None = None,
    **knobs: object,
) -> Trace:
    """A run of many requests over a path, event by event; the same seed gives the same trace.

    Args:
        path, request, host, setting, knobs: As for `predict`; `queue_depth` and `vms` are knobs.
        requests: How many of all VMs together.
        seed: Of the arrivals, where the knob `rate` opens the load; a closed load has no chance in it.
        arrivals: `poisson` or `even`, with `rate`.
    Raises:
        PathError: as for `predict`; or `requests`, `seed` or `arrivals` is not what it has to be.
    """
    request = checked_request(request)
    chosen = setting_of(setting, knobs)
    whole, holding = resolved(
        parse_path(path), request, chosen, can_post=can_post(host), is_stream=is_stream(request, chosen)
    )
    hops = known_work(priced(whole.name, holding, pricing(request, chosen)), chosen)
    alone = sum(hop.elapsed_ns.typical for hop in hops if hop.is_waited_for)
    return _simulated(whole, request, chosen, hops, requests, seed, arrivals, alone)


def simulate_journey(
    journey: Journey, setting: Setting, requests: int | None = None, *, seed: int = 0
) -> Trace:
    """A run of a journey's own hops, one request a slot unless said: what the player plays.

    Raises:
        PathError: `requests` is not 1 or more.
    """
    kind, _, size = journey.request.partition(":")
    request = KINDS[kind](int(size))
    count = sum(setting.depths or (1,) * setting.vms) if requests is None else requests
    return _simulated(parse_path(journey.path), request, setting, journey.hops, count, seed, "even")


def _simulated(
    path: Path,
    request: Request,
    setting: Setting,
    hops: tuple[Hop, ...],
    requests: int,
    seed: int,
    arrivals: str,
    spread_ns: float = 0.0,
) -> Trace:
    for name, value, least in (("requests", requests, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise PathError(f"{name} is {value!r}, expected a whole number, {least} or more")
    if arrivals not in ARRIVALS:
        raise PathError(f"arrivals {arrivals!r}: expected one of {', '.join(ARRIVALS)}")
    limits = limits_of(path, request, setting, pricing(request, setting))
    steps = steps_of(hops, limits.keys())
    run = _Run(path, request, setting, hops, steps, limits, requests, random.Random(seed), spread_ns)
    run.start(arrivals)
    return run.trace(seed)


@dataclass
class _Vm:
    """What a VM has of its own: its vCPUs and back end by the times at which they are free, its interrupts."""

    cpus: list[float]
    backend: list[float]
    # The back end is being woken until then, so another request needs no kick of its own.
    awake: list[float]
    interrupt_at: float = -1.0
    polls_until: float = -1.0
    next_interrupt: float = 0.0
    # Where the host's cores are few: real queues, since a vCPU that runs out of cores keeps others from running.
    cpu_queue: simpy.Resource | None = None
    backend_queue: simpy.Resource | None = None
    completions: int = 0


@dataclass
class _Run:
    """One simulation."""

    path: Path
    request: Request
    setting: Setting
    hops: tuple[Hop, ...]
    steps: tuple[Step, ...]
    limits: Mapping[str, Limit]
    wanted: int
    chance: random.Random
    # VMs begin one after another within this time, so that they do not march in step.
    spread_ns: float = 0.0
    issued: int = 0
    kicks: float = 0.0
    skipped_kicks: float = 0.0
    interrupts: int = 0
    exits: float = 0.0
    machines: list[_Vm] = field(default_factory=list)

    def __post_init__(self) -> None:
        import simpy

        setting = self.setting
        self.env = simpy.Environment()
        self.vms, self.starts, self.ends = array("l"), array("d"), array("d")
        self.step_request, self.step_index = array("l"), array("l")
        self.step_start, self.step_waited = array("d"), array("d")
        self.busy = {"vcpu": 0.0}
        self.servers = {"vcpu": setting.vms * setting.vcpus}
        cores = backend_cores(self.path, setting)
        is_shared = setting.backend_cores is not None or path_data(self.path.name)["backend"] == "polling"
        if cores:
            self.busy["backend"], self.servers["backend"] = 0.0, cores
        shared, awake = [0.0] * max(1, cores), [0.0]
        for _ in range(setting.vms):
            own = (shared, awake) if is_shared else ([0.0], [0.0])
            self.machines.append(_Vm([0.0] * setting.vcpus, *own))
        self.cores: simpy.Resource | None = None
        if setting.host_cores is not None:
            left = max(1, round(setting.host_cores - spinning_cores(self.path, setting)))
            self.cores = simpy.Resource(self.env, left)
            self.busy["host-cpu"], self.servers["host-cpu"] = 0.0, left
            self._make_queues(is_shared)
        self.gates: dict[str, list[float]] = {}
        for name, limit in self.limits.items():
            self.gates[name] = [0.0] * (setting.vms if limit.each_vm_ns is not None else 1)
            self.busy[name], self.servers[name] = 0.0, len(self.gates[name])
        self.is_napi = self.request.kind == "receive" and not is_polling_guest(self.path)
        throttle = throttle_hz(self.request, setting)
        self.throttle_ns = 1e9 / throttle if throttle is not None else 0.0
        self.program, self.tail = program_of(self.steps)
        self.first_interrupt = first_interrupt(self.hops, self.program)
        self.holds_ring = self.request.kind == "send"

    def _make_queues(self, is_shared: bool) -> None:
        import simpy

        common = simpy.Resource(self.env, max(1, self.servers.get("backend", 1)))
        for machine in self.machines:
            machine.cpu_queue = simpy.Resource(self.env, self.setting.vcpus)
            machine.backend_queue = common if is_shared else simpy.Resource(self.env, 1)

    # -- the load ---------------------------------------------------------------------------------

    def start(self, arrivals: str) -> None:
        """Run the whole load."""
        setting, env = self.setting, self.env
        if setting.rate is not None:
            for vm in range(setting.vms):
                env.process(self._arrivals(vm, setting.rate / 1e9, arrivals))
        else:
            depths = setting.depths
            if depths is None:
                depths = (RING if is_stream(self.request, setting) else 1,) * setting.vms
            # In turns, so that a small number of requests is shared out evenly.
            for slot in range(max(depths)):
                for vm, depth in enumerate(depths):
                    if slot < depth:
                        env.process(self._slot(vm, self.spread_ns * vm / setting.vms))
        if setting.interrupts_per_vm_s:
            for vm in range(setting.vms):
                env.process(self._known_interrupts(vm, 1e9 / setting.interrupts_per_vm_s))
        env.run()

    def _arrivals(self, vm: int, rate: float, arrivals: str) -> Generator[Any, Any, None]:
        env = self.env
        if arrivals == "even" and self.setting.vms > 1:
            # VMs that arrive evenly do not arrive together.
            yield env.timeout(vm / rate / self.setting.vms)
        for gap in self._gaps(arrivals):
            yield env.timeout(gap / rate)
            if self.issued >= self.wanted:
                return
            env.process(self._one(vm))

    def _gaps(self, arrivals: str) -> Iterator[float]:
        """Times between arrivals, mean 1: exponential, each part of the distribution as often as it should be."""
        count = -(-self.wanted // self.setting.vms) if arrivals == "poisson" else 1
        gaps = [-math.log((i + self.chance.random()) / count) for i in range(count)] if count > 1 else [1.0]
        while True:
            self.chance.shuffle(gaps)
            yield from gaps

    def _slot(self, vm: int, begin: float) -> Generator[Any, Any, None]:
        if begin:
            yield self.env.timeout(begin)
        while self.issued < self.wanted:
            yield from self._one(vm)

    def _known_interrupts(self, vm: int, period: float) -> Generator[Any, Any, None]:
        env, cpus = self.env, self.machines[vm].cpus
        cost = sum(
            step.busy_ns for step in self.steps if step.per is Per.INTERRUPT and step.server is Server.VCPU
        )
        exits = sum(step.exits for step in self.steps if step.per is Per.INTERRUPT)
        while True:
            yield env.timeout(period)
            if len(self.ends) >= self.wanted or (
                self.issued >= self.wanted and len(self.ends) == self.issued
            ):
                return
            self.interrupts += 1
            self.exits += exits
            self.busy["vcpu"] += cost
            heapreplace(cpus, max(env.now, cpus[0]) + cost)

    # -- one request ------------------------------------------------------------------------------

    def _one(self, vm: int) -> Generator[Any, Any, None]:
        env = self.env
        number = self.issued
        self.issued += 1
        self.vms.append(vm)
        self.starts.append(env.now)
        self.ends.append(env.now)
        machine = self.machines[vm]
        late: Any = None
        raises = True
        for index, step in self.program:
            now = env.now
            if not step.is_waited_for:
                late = self._go_on(number, machine, vm, index, step)
                continue
            if index == self.first_interrupt:
                raises, at = self._interrupt(machine, now)
                if at > now:
                    yield env.timeout(at - now)
                    now = env.now
            if step.per is Per.INTERRUPT:
                if not raises:
                    continue
            elif step.per is not Per.REQUEST and not self._sleeps(machine, now):
                self.skipped_kicks += step.kicks
                continue
            if self.cores is not None and step.busy_ns:
                yield from self._on_a_core(number, machine, vm, index, step)
            else:
                end = self._serve(number, machine, vm, index, step, now)
                if self.is_napi and step.server is Server.VCPU:
                    machine.polls_until = end
                if end > now:
                    yield env.timeout(end - now)
        self.ends[number] = env.now
        if self.holds_ring and late is not None:
            yield late

    def _sleeps(self, machine: _Vm, now: float) -> bool:
        """Whether the back end has nothing to do, and nobody is waking it."""
        if machine.backend_queue is not None:
            return machine.backend_queue.count < machine.backend_queue.capacity
        return machine.backend[0] <= now and machine.awake[0] <= now

    def _serve(self, number: int, machine: _Vm, vm: int, index: int, step: Step, now: float) -> float:
        """Put a step on its server; returns when the request goes on."""
        start, server, busy = now, step.server, step.busy_ns
        queue: list[float] | None = None
        if server is Server.VCPU:
            queue = machine.cpus
            self.busy["vcpu"] += busy
        elif server is Server.BACKEND:
            queue = machine.backend
            self.busy["backend"] += busy
        if queue is not None and queue[0] > start:
            start = queue[0]
        for name in step.passes:
            start = self._gate(name, vm, start)
        if queue is not None and busy:
            heapreplace(queue, start + busy)
        end = start + step.elapsed_ns
        if step.per is not Per.REQUEST and step.per is not Per.INTERRUPT:
            machine.awake[0] = end
        self._note(number, index, step, start, start - now)
        return end

    def _on_a_core(
        self, number: int, machine: _Vm, vm: int, index: int, step: Step
    ) -> Generator[Any, Any, None]:
        """A step that needs its own server and one of the host's cores too."""
        env, asked = self.env, self.env.now
        assert self.cores is not None
        queue = {Server.VCPU: machine.cpu_queue, Server.BACKEND: machine.backend_queue}.get(step.server)
        turn = queue.request() if queue is not None else None
        if turn is not None:
            yield turn
        with self.cores.request() as core:
            yield core
            start = env.now
            for name in step.passes:
                start = self._gate(name, vm, start)
            if start > env.now:
                yield env.timeout(start - env.now)
            self._note(number, index, step, start, start - asked)
            self.busy["host-cpu"] += step.busy_ns
            if step.server in (Server.VCPU, Server.BACKEND):
                self.busy[step.server.value] += step.busy_ns
            yield env.timeout(min(step.busy_ns, step.elapsed_ns))
        if queue is not None and turn is not None:
            queue.release(turn)
        if step.elapsed_ns > step.busy_ns:
            yield env.timeout(step.elapsed_ns - step.busy_ns)

    def _note(self, number: int, index: int, step: Step, start: float, waited: float) -> None:
        self.kicks += step.kicks
        self.exits += step.exits
        self.step_request.append(number)
        self.step_index.append(index)
        self.step_start.append(start)
        self.step_waited.append(waited)

    def _gate(self, name: str, vm: int, start: float) -> float:
        limit, free = self.limits[name], self.gates[name]
        which = vm if limit.each_vm_ns is not None else 0
        taken = limit.each_vm_ns[vm] if limit.each_vm_ns is not None else limit.ns
        begin = max(start, free[which])
        free[which] = begin + taken
        self.busy[name] += taken
        return begin

    def _interrupt(self, machine: _Vm, now: float) -> tuple[bool, float]:
        """Whether this completion raises an interrupt, and when it is handled."""
        setting = self.setting
        if setting.interrupts_per_vm_s is not None:
            return False, now
        if self.is_napi and not self.throttle_ns and machine.polls_until > now:
            return False, now
        machine.completions += 1
        if machine.interrupt_at >= now and self.throttle_ns:
            return False, machine.interrupt_at
        if (machine.completions - 1) % setting.completions_per_interrupt >= 1:
            return False, now
        self.interrupts += 1
        if not self.throttle_ns:
            return True, now
        machine.interrupt_at = max(now, machine.next_interrupt)
        machine.next_interrupt = machine.interrupt_at + self.throttle_ns
        return True, machine.interrupt_at

    # -- what nobody waits for --------------------------------------------------------------------

    def _go_on(self, number: int, machine: _Vm, vm: int, index: int, step: Step) -> simpy.Process | None:
        """Start what goes on beside the request: at once where it only takes a CPU, else as a process of its own."""
        rest = self.tail[index]
        if len(rest) == 1 and self.cores is None:
            end = self._serve(number, machine, vm, index, step, self.env.now)
            return self.env.process(_wait(self.env, end)) if self.holds_ring else None
        return self.env.process(self._late(number, machine, vm, rest))

    def _late(
        self, number: int, machine: _Vm, vm: int, rest: Sequence[tuple[int, Step]]
    ) -> Generator[Any, Any, None]:
        env, raises, is_asked = self.env, True, False
        for index, step in rest:
            now = env.now
            if step.per is Per.INTERRUPT:
                if not is_asked:
                    raises, at = self._interrupt(machine, now)
                    is_asked = True
                    if at > now:
                        yield env.timeout(at - now)
                        now = env.now
                if not raises:
                    continue
            elif step.per is not Per.REQUEST and not self._sleeps(machine, now):
                continue
            if self.cores is not None and step.busy_ns:
                yield from self._on_a_core(number, machine, vm, index, step)
                continue
            end = self._serve(number, machine, vm, index, step, now)
            if end > now:
                yield env.timeout(end - now)

    # -- together ---------------------------------------------------------------------------------

    def trace(self, seed: int) -> Trace:
        """What was seen."""
        return Trace(
            path=str(self.path), request=self.request, setting=self.setting, hops=self.hops, steps=self.steps,
            vms=self.vms, starts=self.starts, ends=self.ends, step_request=self.step_request,
            step_index=self.step_index, step_start=self.step_start, step_waited=self.step_waited,
            busy_ns=self.busy, servers=self.servers, kicks=self.kicks, skipped_kicks=self.skipped_kicks,
            interrupts=self.interrupts, exits=self.exits, seed=seed, span_ns=max(self.ends),
        )  # fmt: skip


def _wait(env: simpy.Environment, end: float) -> Generator[Any, Any, None]:
    if end > env.now:
        yield env.timeout(end - env.now)
