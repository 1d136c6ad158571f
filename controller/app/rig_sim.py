"""A whole simulated bench: plant, PLC and instruments wired as in bench.md section 1, on sockets and ptys or in memory.

The plant and the PLC advance together every 10 ms. A fire pulse stops them until the pulse is solved, and then they
catch up: the PLC never scans a plant that has not had its pulse yet. A defect in any of it breaks the bench for good:
it is dead then, not frozen with its last values.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from controller.app.attendant import LEFT_RUNNING, Attendant
from controller.app.linked import Way, linked, way_by
from controller.app.standin_models import maker_of
from controller.app.standin_parts import StandIn, TriggerBox, Wiring
from controller.app.tape import Tape
from controller.app.tape_tap import taping
from controller.rig.model import InstrumentSpec, Rig
from controller.rig.source import Problem, Refused
from controller.runtime.offload import Offload
from controller.runtime.virtual_loop import Rank, ranked
from drivers.transports.multidrop import SharedLine
from firmware_sim.faults import FaultBoard, Faulty
from firmware_sim.link_faults import Emi
from firmware_sim.personalities.dg645 import OutputEdges
from firmware_sim.plant.contract import AnyPlant, Edges, Pulse
from firmware_sim.plc.limits import load_limits
from firmware_sim.plc.plc import Plc
from firmware_sim.servers.doors import SERIAL, Around, open_doors
from firmware_sim.servers.tcp import SessionProtocol
from firmware_sim.signals import FieldOutputs

SCAN_NS = 10_000_000
"""PLC scan and plant tick (design.md 2)."""

AHEAD_SCANS = 10
"""So often the plant is asked what its next pulse will need."""

LATE_MAX_NS = 1_000_000_000
"""Later than this (a stopped process, a suspended machine) the bench does not catch up: the missed scans never ran."""

EDGE_SEARCH_S = 0.02
"""A scope that triggers on a signal looks for its edge this long after T0: longer than any pulse."""


LIMITS_KEPT = 4
"""Limits that are kept once read: campaigns build the same bench some ten thousand times in a process."""

_limits = lru_cache(LIMITS_KEPT)(load_limits)

DOUBLE = "double_trigger"
DOUBLE_NS = 200_000
"""The delay generator's fault of that name: the same edge again, this much later."""


class SimulatedRig:
    """One bench. ``start`` sets it running on this loop, ``board`` injects faults, ``press`` plays the people.

    ``broken`` is set when a defect stopped the scans; the loop's exception handler has been told of it.
    """

    def __init__(self, rig: Rig, plant: AnyPlant, plc_text: str, plc_file: str, seed: int, offload: Offload) -> None:
        self.rig = rig
        self.plant = plant
        self.plc = Plc(_limits(plc_text, plc_file), rig.rig_id, boot_id=seed % 0xFFFF + 1)
        self._offload = offload
        self._loop = asyncio.get_running_loop()
        self._origin_ns = round(self._loop.time() * 1e9)
        self._due_ns = 0
        self._outputs = FieldOutputs()
        self._firing = False
        self._timer: asyncio.TimerHandle | None = None
        self._solving: asyncio.Task[None] | None = None
        self._ahead: asyncio.Task[None] | None = None
        self._closers: list[Callable[[], Any]] = []
        self.broken = asyncio.Event()
        wiring = Wiring(plant, self.plc, seed, self._stray)
        self.standins: dict[str, StandIn] = {
            spec.name: maker_of(spec)(wiring, spec, rig.channels_of(spec.name)) for spec in rig.instruments
        }
        self.attendant = Attendant(plant, self.plc)
        self.board = FaultBoard(self._targets(), self.witness)
        self._delay_name = rig.trigger.instrument
        self._delay = _delay_of(rig.instrument(self._delay_name), self.standins[self._delay_name])
        self._scopes = [s.scope for s in self.standins.values() if s.scope is not None]
        self._each_scan = [s.each_scan for s in self.standins.values() if s.each_scan is not None]

    def _targets(self) -> dict[str, tuple[Faulty, ...]]:
        targets: dict[str, tuple[Faulty, ...]] = {"plant": (self.plant,)}
        for name, standin in self.standins.items():
            targets[name] = (standin.panel, standin.link)
        return targets

    def now_ns(self) -> int:
        """Nanoseconds since this bench was switched on."""
        return round(self._loop.time() * 1e9) - self._origin_ns

    def witness(self, text: str) -> None:
        """One line for the plant's log, from whoever saw what is true on the bench's own side."""
        self.plant.log.append((self.now_ns(), text))

    # --- running ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to scan."""
        self._due_ns = self.now_ns()
        self._tick()

    async def stop(self) -> None:
        """Stop scanning, close every socket and pty."""
        if self._timer is not None:
            self._timer.cancel()
        for task in (self._solving, self._ahead):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        for close in reversed(self._closers):
            await close()

    def _tick(self) -> None:
        try:
            self._catch_up()
        except Exception:
            self.broken.set()
            raise

    def _catch_up(self) -> None:
        now_ns = self.now_ns()
        if now_ns - self._due_ns > LATE_MAX_NS:
            self.plant.log.append((now_ns, f"bench stood still for {(now_ns - self._due_ns) / 1e9:.2f} s"))
            self._due_ns = now_ns
        while self._due_ns <= now_ns:
            edges = self._scan(self._due_ns)
            self._due_ns += SCAN_NS
            if edges is not None:
                self._solving = self._loop.create_task(self._solve(edges), name="rig pulse")
                self._solving.add_done_callback(self._solved)
                return
        self._schedule()

    def _schedule(self) -> None:
        when = (self._due_ns + self._origin_ns) / 1e9
        self._timer = self._loop.call_at(when, self._tick, context=_PLANT)

    def _scan(self, t_ns: int) -> Edges | None:
        plant = self.plant
        for look in self._each_scan:
            look(t_ns)
        plant.tick(t_ns, self._outputs)
        self._outputs = self.plc.scan(plant.inputs)
        self.attendant.act(t_ns)
        if self.plc.scan_number % AHEAD_SCANS == 0:
            self._look_ahead()
        by_itself: Edges | None = plant.spontaneous
        if by_itself is not None:
            return by_itself
        fire, before = self._outputs.fire, self._firing
        self._firing = fire
        return self._trigger(t_ns) if fire and not before else None

    def _look_ahead(self) -> None:
        """Solve the next pulse before it comes, beside the scans: each new kind takes as long as ten of them."""
        work = None if self._ahead is not None else self.plant.ahead()
        if work is not None:
            self._ahead = self._loop.create_task(self._solve_ahead(work), name="rig ahead")
            self._ahead.add_done_callback(self._looked_ahead)

    async def _solve_ahead(self, work: Callable[[], object]) -> None:
        await self._offload(work)

    def _looked_ahead(self, looking: asyncio.Task[None]) -> None:
        self._ahead = None
        if not looking.cancelled():
            looking.result()  # raises what the pulse itself would have raised

    def _trigger(self, t_ns: int) -> Edges | None:
        edges = self._delay.trigger_input(t_ns)
        if self.board.active.get(f"{self._delay_name}.{DOUBLE}"):
            again = self._delay.trigger_input(t_ns + DOUBLE_NS)
            self._delay.on_act(DOUBLE, "the second edge starts a cycle" if again else "the second edge is refused")
            if again is not None:
                self._stray(again)
        return self._cycle(edges) if edges is not None else None

    def _cycle(self, edges: OutputEdges) -> Edges | None:
        """One cycle of the delay generator, whoever started it: T0 to the scopes, the rest to the gate."""
        shot: Edges | None = self.plant.offer_edges(
            edges.t0_ns,
            (edges.t0_ns, edges.ab_ns, edges.cd_ns, edges.ef_ns, edges.gh_ns),
        )
        for scope in self._scopes:
            scope.trigger(edges.t0_ns, "EXT")
        return shot

    def _stray(self, edges: OutputEdges) -> None:
        """A cycle that no fire pulse started (``*TRG``, the rate generator): the gate decides, the bench goes on."""
        shot = self._cycle(edges)
        if shot is not None:
            record = self.solve(shot)
            self.plant.apply(record)
            for standin in self.standins.values():
                if standin.link.emi is Emi.GARBAGE:  # a network repeats what such a short pulse takes from it
                    standin.link.disturb(record.emi_until_ns)
            self._show_signal(shot.t0_ns)

    def _show_signal(self, t0_ns: int) -> None:
        """A pulse is known: scopes that trigger on what they measure find their edge in it."""
        for scope in self._scopes:
            scope.trigger_from_signal(t0_ns, EDGE_SEARCH_S)

    def solve(self, edges: Edges) -> Pulse:
        """The pulse that ``edges`` make. Reads nothing that changes: it may run in a thread."""
        pulse: Pulse = self.plant.pulse(edges)
        return pulse

    async def _solve(self, edges: Edges) -> None:
        record = await self._offload(lambda: self.solve(edges))
        self.plant.apply(record)
        for standin in self.standins.values():
            standin.link.disturb(record.emi_until_ns)
        self._show_signal(edges.t0_ns)
        for edge_ns in record.false_edges_ns:
            # interference on the trigger cable: single shot and hold-off have to refuse it (bench.md 1, "EMI")
            stray = self._delay.trigger_input(edge_ns)
            if stray is not None:
                self._stray(stray)

    def _solved(self, solving: asyncio.Task[None]) -> None:
        self._solving = None
        if solving.cancelled():
            return
        if solving.exception() is not None:
            self.broken.set()
        solving.result()  # raises what the pulse raised: the loop's exception handler hears of it
        self._tick()

    # --- outside ------------------------------------------------------------------------------------------------

    def protocol(self, name: str) -> SessionProtocol:
        """The server protocol of one more connection to an instrument."""
        return SessionProtocol(self.standins[name].open_session, self.now_ns)

    def connects(self) -> dict[str, Way]:
        """Every instrument linked in memory, by the transport that the rig file names."""

        lines: dict[str, SharedLine] = {}

        def join(spec: InstrumentSpec) -> Way:
            connect = linked(lambda: ranked(Rank.LINKS).run(self.protocol, spec.name))
            if spec.line:
                return lines.setdefault(spec.line, SharedLine(connect)).drop(spec.unit)
            return way_by(spec.transport, connect)

        return {spec.name: join(spec) for spec in self.rig.instruments}

    async def serve(self, tape: Tape | None = None) -> dict[str, dict[str, Any]]:
        """Put every instrument on its transports and return what ``sim --json`` prints of them."""
        published: dict[str, dict[str, Any]] = {}
        lines: dict[str, str] = {}
        for spec in self.rig.instruments:
            standin = self.standins[spec.name]
            if spec.line not in lines:
                opened = await open_doors(standin.doors, self.now_ns, _around(standin, taping(tape, spec.name)))
                self._closers.append(opened.close)
                endpoints = dict(opened.endpoints)
            if spec.line:
                device = lines.setdefault(spec.line, endpoints.get(SERIAL, ""))
                endpoints = {SERIAL: f"{device}#{spec.unit}"}
            published[spec.name] = {"model": standin.model, "endpoints": endpoints}
        return published

    def _set_by_hand(self) -> None:
        """Supplies and chillers on, at the set-points of rig.yaml: they were not switched off the day before."""
        run = self.rig.run
        if run is None:
            return
        hands: dict[str, dict[str, float]] = {name: {"set_point_c": c} for name, c in run.chillers.items()}
        hands |= {name: {"voltage_v": s.voltage_v, "current_a": s.current_a} for name, s in run.supplies.items()}
        for name, values in hands.items():
            set_by_hand = self.standins[name].by_hand
            if set_by_hand is not None:
                set_by_hand(**values)

    def press(self, what: str) -> None:
        """Play a person at the bench; see ``attendant.py`` for the words. Raises KeyError for another one."""
        if what == LEFT_RUNNING:
            self._set_by_hand()
        self.attendant.press(what, self.plant.t_ns)


_PLANT = ranked(Rank.PLANT)


def _around(standin: StandIn, recorded: Around) -> Around:
    return lambda transport, session: recorded(transport, standin.around(transport, session))


def _delay_of(spec: InstrumentSpec, standin: StandIn) -> TriggerBox:
    if standin.delay is None:
        problem = f"{spec.name} is a {spec.model}, which delays nothing"
        raise Refused([Problem("rig.yaml", 0, "trigger.instrument", problem, "name the delay generator")])
    return standin.delay


def fault_lists(rig: Rig, plant_faults: Mapping[str, str]) -> dict[str, tuple[Mapping[str, str], ...]]:
    """Fault lists by target, for ``sparkgap faults`` and ``--fault`` without building a bench."""
    lists: dict[str, tuple[Mapping[str, str], ...]] = {"plant": (plant_faults,)}
    for spec in rig.instruments:
        lists[spec.name] = maker_of(spec).faults
    return lists
