"""PURE: the capacitor-bank bench: slow part, hard-wired chain (L0), trigger gate, pulse and sensors behind one facade.

Time comes in as absolute nanoseconds. ``tick`` is called once per PLC scan, before the scan, so that outputs written
by the scan at one tick act from that tick's time on.
"""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from firmware_sim.plant.acting import Acting
from firmware_sim.plant.bank import DUMP_A, DUMP_B, Bank
from firmware_sim.plant.breaking import break_part
from firmware_sim.plant.chain import Chain
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.contract import Forecast, Intention, Truth
from firmware_sim.plant.faults import HANG_NS, list_faults
from firmware_sim.plant.forecast import DUMMY, forecast
from firmware_sim.plant.parameters import BenchParameters
from firmware_sim.plant.people import People
from firmware_sim.plant.record import PulseRecord, solve_record
from firmware_sim.plant.relays import Relay
from firmware_sim.plant.sensors import Sensors
from firmware_sim.plant.terminals import READINGS, Terminals
from firmware_sim.plant.trigger import Gate, TriggerEdges, route_edges
from firmware_sim.signals import SELF_TEST_PATHS, FieldInputs, FieldOutputs

LOG_MAX = 20_000
"""Lines of the plant's own log: a shot writes some 40, a campaign clears between runs."""

SUBSTEPS_MAX = 64
"""Contact toggles of three relays within one tick: at most 3 x 7."""

ABOVE_V = 60.0
"""A charger that drives on must be seen this far above its set-point: the envelope's margin (safety.md 2.3 rows 06, 08;
the plant's own copy of what plc.yaml allows)."""

CONTROLS = frozenset({"charger_set_voltage_v", "charger_set_current_a", "charger_output"})

Array = npt.NDArray[np.float64]

LATCHES_PATH = SELF_TEST_PATHS.index("latches") + 1
"""The number of the current latches' test relay in ``FieldOutputs.self_test_path``."""


class BenchPlant:
    """The simulated bench.

    ``inputs`` is one object, rewritten by every tick. ``people`` are the scripted hands. ``log`` holds (t_ns, text)
    and is written by the plant alone: the independent witness for tests. ``spontaneous`` holds a pre-fire that waits
    for :meth:`pulse` and :meth:`apply`; left alone, the next tick carries it out. ``load`` is rails or dummy.
    """

    def __init__(self, parameters: BenchParameters, seed: int) -> None:
        count = parameters.pulse.modules
        self.parameters = parameters
        self.seed = seed
        self.people = People(positions=(1 << count) - 1)
        self.inputs = FieldInputs(module_v=[0.0] * count, positions=(1 << count) - 1)
        self.log: deque[tuple[int, str]] = deque(maxlen=LOG_MAX)
        self.FAULTS: Mapping[str, str] = list_faults(count)
        self.load = "rails"
        self.shot = 0
        self.pulses = 0
        self.t_ns = 0
        self.t0_ns: int | None = None
        self.emi_until_ns = 0
        self.record: PulseRecord | None = None
        self.spontaneous: TriggerEdges | None = None
        self.bank = Bank(parameters.bank)
        self.charger = Charger(parameters.charger)
        self.chain = Chain(
            contactor=Relay(parameters.contactor, normally_closed=False),
            dump_a=Relay(parameters.dump_a, normally_closed=True),
            dump_b=Relay(parameters.dump_b, normally_closed=True),
            overvoltage_v=parameters.bank.overvoltage_v,
            log=self.log,
        )
        self._terminals = Terminals(
            parameters.slow_probe,
            modules=count,
            zero_current_a=parameters.charger.zero_current_a,
            garbage_v=parameters.emi.garbage_v,
            seed=seed,
        )
        self._sensors = Sensors(parameters.probes, parameters.emi.decay_s, seed)
        self._faults: set[str] = set()
        self._acting = Acting(self.log)
        self._hanging: tuple[int, int] | None = None
        self._out = FieldOutputs()
        self._gate = Gate(0, 0)
        self._latches = 0
        self._pulse_end_ns = 0
        self._both_dumps = False
        self._refresh()

    readings = READINGS
    controls = CONTROLS

    @property
    def probes(self) -> tuple[str, ...]:
        """Names that :meth:`scope_volts` takes."""
        return self._sensors.names

    def truth(self) -> Truth:
        """The bench as it really is."""
        chain, bank = self.chain, self.bank
        contacts = chain.contactor.closed, chain.dump_a.closed, chain.dump_b.closed
        return Truth(chain.commanded, *contacts, max(map(abs, bank.voltage_v)), self.pulses)

    def forecast(self, intention: Intention) -> Forecast:
        """What ``intention`` leads to, with these parameters."""
        return forecast(self.parameters, intention)

    def tick(self, t_ns: int, out: FieldOutputs) -> None:
        """Advance the slow part to ``t_ns`` under these PLC outputs and refresh ``inputs``.

        The outputs count from the previous tick on (that is when the scan wrote them).
        """
        self._out = out
        if self.people.script:
            self.log.extend((self.t_ns, line) for line in self.people.act(t_ns))
        if self.spontaneous is not None:
            self.apply(self.pulse(self.spontaneous))
        chain = self.chain
        chain.drive(self.t_ns, out, self.people, self.charger, self._faults)
        self._watch_gate(out)
        armed = out.dump_a_open and out.dump_b_open
        if armed and not self._both_dumps:
            self._latches = 0
        self._both_dumps = armed
        if out.self_test_path == LATCHES_PATH:
            self._latches = 0  # the relay trips the latches themselves and resets them: those of the last shot as well
        if chain.moving:
            self._advance_in_steps(t_ns)
        elif t_ns > self.t_ns:
            self._step(t_ns - self.t_ns)
        self.t_ns = t_ns
        chain.compare(t_ns, max(self.bank.voltage_v), self.people.local_reset)
        if self._faults:
            self._watch_prefire()
            self._watch_hanging()
        self._refresh()
        if self._faults:
            self._bear_witness()

    def _advance_in_steps(self, t_ns: int) -> None:
        """Sub-steps from contact toggle to contact toggle."""
        for _ in range(SUBSTEPS_MAX):
            change_ns = self.chain.next_change_ns()
            until_ns = t_ns if change_ns is None else min(change_ns, t_ns)
            if until_ns > self.t_ns:
                self._step(until_ns - self.t_ns)
                self.t_ns = until_ns
            self.chain.advance(until_ns)
            if until_ns >= t_ns:
                return

    def _step(self, step_ns: int) -> None:
        chain, charger, bank = self.chain, self.charger, self.bank
        bank.positions = self.people.positions
        dumps = (DUMP_A if chain.dump_a.closed else 0) | (DUMP_B if chain.dump_b.closed else 0)
        if chain.contactor.closed:
            limit_v, limit_a = charger.limits()
            charger.current_a, charger.constant_voltage = bank.step(step_ns, dumps, limit_v, limit_a)
            charger.voltage_v = bank.bus_v
        else:
            bank.step(step_ns, dumps, 0.0, 0.0)
            if charger.enabled or charger.voltage_v > 0.0:
                charger.idle(step_ns * 1e-9)

    def _watch_gate(self, out: FieldOutputs) -> None:
        """The gate opens at the scan that wrote it: the time of the last tick. A dead output or an e-stop shuts it."""
        length_ns = out.gate_open_ns if self.chain.live else 0
        if length_ns != self._gate.length_ns:
            self._gate = Gate(self.t_ns, length_ns)
            self.log.append((self.t_ns, f"gate open for {length_ns} ns" if length_ns else "gate shut"))

    def offer_edges(self, t_fire_ns: int, edges_ns: Sequence[int | None]) -> TriggerEdges | None:
        """Take the delay generator's edges (T0, AB, CD, EF, GH, absolute ns; None: no edge) towards the modules.

        ``t_fire_ns`` is when the generator was triggered. T0 reaches the scopes in any case; the rest meets the gate,
        module positions, voltages and faults. Returns the shot to solve, or None when nothing conducts.
        """
        self._watch_gate(self._out)
        t0_ns = edges_ns[0] if edges_ns and edges_ns[0] is not None else t_fire_ns
        self.shot += 1
        self.t0_ns = t0_ns
        self.record = None
        offsets, refused = route_edges(
            self.parameters.trigger,
            edges_ns[1:],
            t0_ns,
            self._gate,
            self.people.positions,
            self.bank.voltage_v,
            [self._switch_fault(k) for k in range(len(self.bank.voltage_v))],
            (self.seed, self.shot),
        )
        self.log.append((t0_ns, f"T0 of shot {self.shot}"))
        self.log.extend((t0_ns, line) for line in refused)
        self._notice_switches(t0_ns, edges_ns[1:])
        if all(offset is None for offset in offsets):
            return None
        return self._edges(t0_ns, offsets, spontaneous=False)

    def _switch_fault(self, k: int) -> str | None:
        for fault in ("no_fire", "late", "hang"):
            if f"module_{k + 1}_{fault}" in self._faults:
                return "no_fire" if fault == "hang" else fault
        return None

    def _notice_switches(self, t0_ns: int, edges_ns: Sequence[int | None]) -> None:
        """Evidence of faulty switches whose edge came through; a hanging one closes later."""
        hanging = 0
        for k, edge_ns in enumerate(edges_ns[: len(self.bank.voltage_v)]):
            inserted = self.people.positions >> k & 1
            if edge_ns is None or not inserted or not self._gate.passes(edge_ns):
                continue
            if self.bank.voltage_v[k] < self.parameters.trigger.latch_v:
                continue
            for fault in ("no_fire", "late", "hang"):
                if f"module_{k + 1}_{fault}" in self._faults:
                    self._acting.say(t0_ns, f"module_{k + 1}_{fault}", "the switch does not close when triggered")
                    hanging |= (fault == "hang") << k
        if hanging:
            self._hanging = (t0_ns + HANG_NS, hanging)

    def _watch_hanging(self) -> None:
        """A hang-fire: the switch closes by itself long after its trigger, if there is voltage left."""
        if self._hanging is None or self.t_ns < self._hanging[0] or self.spontaneous is not None:
            return
        mask, self._hanging = self._hanging[1], None
        latch_v = self.parameters.trigger.latch_v
        late = tuple(0.0 if mask >> k & 1 and v >= latch_v else None for k, v in enumerate(self.bank.voltage_v))
        if any(t is not None for t in late):
            self._close_by_itself(late, "hang-fire")
        else:
            self.log.append((self.t_ns, "hang-fire: the bank is empty already"))

    def _close_by_itself(self, when: tuple[float | None, ...], what: str) -> None:
        self.shot += 1
        self.t0_ns = None
        self.record = None
        self.spontaneous = self._edges(self.t_ns, when, spontaneous=True)
        self.log.append((self.t_ns, f"{what}, shot {self.shot}"))

    def _bear_witness(self) -> None:
        chain = self.chain
        voltage_v = self.bank.voltage_v
        connected = chain.contactor.closed
        self._acting.watch(self.t_ns, self._faults, chain.jams, chain.mirrors, self.charger, connected, voltage_v)
        for fault, reading_v in self._terminals.wrong.items():
            self._acting.say(self.t_ns, fault, f"reads {reading_v:.0f} V at {self.bank.bus_v:.0f} V")
        for fault, reading_v in self._terminals.very_wrong.items():
            self._acting.say_fully(self.t_ns, fault, f"reads {reading_v:.0f} V at {self.bank.bus_v:.0f} V")
        for fault in ("overvoltage", "charger_runaway"):
            if (
                fault in self._faults
                and self.charger.enabled
                and self.bank.bus_v > self.charger.set_voltage_v + ABOVE_V
            ):
                self._acting.say_fully(
                    self.t_ns, fault, f"{self.bank.bus_v:.0f} V, {ABOVE_V:.0f} V above its set-point"
                )
        for side in ("1", "2"):
            if f"door_{side}_stuck" in self._faults and "door_open" in self._faults:
                self._acting.say(self.t_ns, f"door_{side}_stuck", f"channel {side} reads closed at an open door")

    def _edges(self, t0_ns: int, offsets: tuple[float | None, ...], *, spontaneous: bool) -> TriggerEdges:
        return TriggerEdges(
            shot=self.shot,
            t0_ns=t0_ns,
            fire_s=offsets,
            voltage_v=tuple(self.bank.voltage_v),
            crowbar_open=tuple(f"module_{k + 1}_crowbar_open" in self._faults for k in range(len(offsets))),
            load=self.load,
            stuck_armature="armature_stuck" in self._faults,
            spontaneous=spontaneous,
            positions=self.people.positions,
            emi="no_emi" not in self._faults,
        )

    def _watch_prefire(self) -> None:
        """A module whose switch closes by itself once its voltage has passed the threshold."""
        limit_v = self.parameters.trigger.prefire_v
        early = tuple(
            0.0
            if f"module_{k + 1}_prefire" in self._faults and v >= limit_v and self.people.positions >> k & 1
            else None
            for k, v in enumerate(self.bank.voltage_v)
        )
        if self.spontaneous is None and any(t is not None for t in early):
            for k, t in enumerate(early):
                if t is not None:
                    self._acting.say(self.t_ns, f"module_{k + 1}_prefire", "the switch closes by itself")
            self._close_by_itself(early, "pre-fire")

    def pulse(self, edges: TriggerEdges) -> PulseRecord:
        """Solve the pulse. Reads nothing that changes: may run in a thread beside everything else."""
        return solve_record(self.parameters, edges, self.seed)

    def apply(self, record: PulseRecord) -> None:
        """Let a solved pulse have happened: capacitors, latches, interference, and what the scopes saw."""
        self.record = record
        self.pulses += 1
        if record.edges.spontaneous:
            self.spontaneous = None
            self.t0_ns = record.edges.t0_ns
        self.bank.voltage_v[:] = record.voltage_v
        self._pulse_end_ns = record.end_ns
        self.emi_until_ns = record.emi_until_ns
        for k, peak_a in enumerate(record.peak_a):
            if peak_a >= self.parameters.bank.latch_a:
                self._latches |= 1 << k
        for fault in self._faults:
            stuck = fault == "armature_stuck" and record.edges.load == "rails"
            if stuck or fault.endswith("_crowbar_open"):
                self._acting.say(record.edges.t0_ns, fault, "the pulse runs with it")
        peak_a = max(record.peak_a)
        self.log.append((record.edges.t0_ns, f"shot {record.edges.shot}: module peak {peak_a:.0f} A"))

    def ahead(self) -> None:
        """Nothing: its one pulse is solved while the scans wait."""

    def scope_volts(
        self, probe: str, t_s: Array, salt: int = 0, *, live: bool = False, t0_ns: int | None = None
    ) -> Array:
        """Volts at the scope input ``probe`` at ``t_s`` seconds after the last T0 (after a pre-fire: after its switch).

        The last one, whatever ``t0_ns`` says: this bench pulses once and remembers no other.

        Shape of ``t_s``. Before T0 and without a pulse: the quiescent value with noise. ``salt`` tells acquisitions
        apart; ``live`` is for an acquisition forced by hand, which sees the bench as it is now and no T0.
        Raises KeyError for an unknown probe.
        """
        record = None if live else self.record
        fiducial = self.t0_ns is not None and not live and not (record is not None and record.edges.spontaneous)
        return self._sensors.volts(probe, t_s, record, self.shot, bus_v=self.bank.bus_v, fiducial=fiducial, salt=salt)

    def read(self, probe: str) -> float:
        """A slow reading for an instrument; names in READINGS of terminals.py. Raises KeyError for an unknown name."""
        return self._terminals.read(probe, self.bank, self.charger, self.inputs)

    def drive(self, name: str, value: float) -> None:
        """What an instrument does to the bench, one of CONTROLS. Raises KeyError for an unknown name.

        charger_set_voltage_v and charger_set_current_a are set-points, charger_output (0/1) the panel's output switch.
        """
        if name == "charger_set_voltage_v":
            self.charger.set_voltage_v = value
        elif name == "charger_set_current_a":
            self.charger.set_current_a = value
        elif name == "charger_output":
            self.charger.output_on = bool(value)
        else:
            raise KeyError(name)

    def mount(self, load: str) -> None:
        """Put the dummy load in the place of the rails, or the rails in its."""
        self.load = "dummy" if load == DUMMY else "rails"

    def de_energise(self) -> None:
        """L0: the PLC is dead or missed its scans; its outputs fall to zero until :meth:`energise`."""
        if self.chain.powered:
            self.chain.powered = False
            self.log.append((self.t_ns, "PLC outputs de-energised"))

    def energise(self) -> None:
        """The PLC is back and drives its outputs again."""
        if not self.chain.powered:
            self.chain.powered = True
            self.log.append((self.t_ns, "PLC outputs energised"))

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Break or mend something, by an id of FAULTS. Raises KeyError for an unknown one."""
        if fault_id not in self.FAULTS:
            raise KeyError(fault_id)
        if on:
            self._faults.add(fault_id)
        else:
            self._faults.discard(fault_id)
        self.log.append((self.t_ns, f"fault plant.{fault_id} {'on' if on else 'off'}"))
        self._acting.forget(fault_id)
        p = self.parameters.bank
        break_part(fault_id, on, self.t_ns, self.charger, self.chain, self.bank, self._terminals, p)

    def _refresh(self) -> None:
        pulsing = self.t_ns < self._pulse_end_ns
        garbage = self.t_ns < self.emi_until_ns
        self.chain.report(self.inputs, self.people, self._faults, self.charger)
        self._terminals.refresh(self.inputs, self.bank, self.charger, pulsing, garbage, self._latches, self.t_ns)
        if self._out.self_test_path:
            self._terminals.force(self.inputs, self._out.self_test_path)
