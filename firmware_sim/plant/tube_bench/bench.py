"""PURE: a bench that pulses a tube, behind one facade: the ``Plant`` of contract.py (physics.md B, bench.md 2).

L0, relays, people, charger, PLC terminals are those of the capacitor bench; line, pulses, breakdowns and utilities are
its own. ``tick`` is called once per PLC scan; triggers come at any time through ``offer_edges``, ``pulse``, ``apply``.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from firmware_sim.plant.acting import Acting
from firmware_sim.plant.bank import DUMP_A, DUMP_B
from firmware_sim.plant.breaking import break_part
from firmware_sim.plant.chain import Chain
from firmware_sim.plant.charger import Charger
from firmware_sim.plant.contract import Array, Forecast, Intention, Truth
from firmware_sim.plant.modulator.thyratron import spontaneous_hz, stays_latched
from firmware_sim.plant.modulator.tube import Conditions
from firmware_sim.plant.people import People
from firmware_sim.plant.relays import Relay
from firmware_sim.plant.terminals import Terminals
from firmware_sim.plant.tube_bench.aftermath import Aftermath
from firmware_sim.plant.tube_bench.dispatch import Dispatch
from firmware_sim.plant.tube_bench.faults import PREFIRE_V, SHARED, list_tube_faults
from firmware_sim.plant.tube_bench.forecast import forecast
from firmware_sim.plant.tube_bench.gate import PulseGate, PulseLatch
from firmware_sim.plant.tube_bench.instruments import list_controls, list_readings
from firmware_sim.plant.tube_bench.ledger import RunLedger
from firmware_sim.plant.tube_bench.loads import LOADS, conditions_of
from firmware_sim.plant.tube_bench.orders import TubeEdges, TubePulse
from firmware_sim.plant.tube_bench.parameters import TubeBenchParameters
from firmware_sim.plant.tube_bench.plantroom import Auxiliary, PlantRoom
from firmware_sim.plant.tube_bench.probes import Probes
from firmware_sim.plant.tube_bench.store import LineStore
from firmware_sim.plant.tube_bench.stray import Stray
from firmware_sim.plant.tube_bench.train import PulseTrain
from firmware_sim.plant.tube_bench.transmitters import Transmitters
from firmware_sim.signals import SELF_TEST_PATHS, FieldInputs, FieldOutputs

LOG_MAX = 20_000
"""Lines of the plant's own log. A pulse that goes as it should writes none."""

SUBSTEPS_MAX = 64
"""Contact toggles of three relays within one tick: at most 3 x 7."""

LATCHES_PATH = SELF_TEST_PATHS.index("latches") + 1

STREAM_PREFIRE = 401
"""When the thyratron fires by itself."""

COUNTER_MASK = 0xFFFFFFFF


class TubeBench:
    """The simulated bench; see contract.py. ``ledger`` and ``store.ledger`` account for every joule.

    ``train`` are the last pulses, ``gate`` the hardware in front of the thyratron, ``room`` the utilities.
    """

    def __init__(self, parameters: TubeBenchParameters, seed: int) -> None:
        slow = parameters.slow
        self.parameters = parameters
        self.seed = seed
        self.people = People(positions=1)
        self.inputs = FieldInputs(module_v=[0.0], positions=1)
        self.log: deque[tuple[int, str]] = deque(maxlen=LOG_MAX)
        self.t_ns = 0
        self.pulses = 0
        self.triggers = 0
        self.load = "dummy_load"
        self.spontaneous: TubeEdges | None = None
        self.charger = Charger(slow.charger)
        self.chain = Chain(
            contactor=Relay(slow.contactor, normally_closed=False),
            dump_a=Relay(slow.dump_a, normally_closed=True),
            dump_b=Relay(slow.dump_b, normally_closed=True),
            overvoltage_v=slow.bank.overvoltage_v,
            log=self.log,
        )
        self.store = LineStore(parameters)
        self.room = PlantRoom(parameters)
        self.gate = PulseGate(parameters.limiter, parameters.vacuum_latch, self.log)
        self.dispatch = Dispatch(parameters, seed)
        self.train = PulseTrain()
        self.ledger = RunLedger()
        self.FAULTS: Mapping[str, str] = list_tube_faults(self.room.services.FAULTS)
        zero_a, stray_v = slow.charger.zero_current_a, parameters.emi.probe_v
        self._terminals = Terminals(slow.probe, modules=1, zero_current_a=zero_a, garbage_v=stray_v, seed=seed)
        services = self.room.services
        self._transmitters = Transmitters(parameters.transmitters, services.names, services.read)
        self._stray = Stray(parameters.emi, seed)
        self._scopes = Probes(parameters.probes, self._stray, seed)
        self._readings = list_readings(parameters, self.room, self.store, self._terminal)
        self._controls = list_controls(self.room, self.dispatch.generator, self.charger)
        self.readings = frozenset(self._readings)
        self.controls = frozenset(self._controls)
        self._faults: set[str] = set()
        self._acting = Acting(self.log)
        self._aftermath = Aftermath(parameters, self.log, self._acting)
        self._out = FieldOutputs()
        self._latches = 0
        self._both_dumps = False
        self._counter = 0
        self._prefire_at, self._prefire_sum = self._next_prefire(0), 0.0
        self._refresh()

    # --- what everybody may know ----------------------------------------------------------------------------------

    @property
    def probes(self) -> tuple[str, ...]:
        """Names that :meth:`scope_volts` takes."""
        return self._scopes.names

    def truth(self) -> Truth:
        """The bench as it really is."""
        chain, ledger = self.chain, self.ledger
        contacts = chain.contactor.closed, chain.dump_a.closed, chain.dump_b.closed
        worst = ledger.most_arc_j, ledger.longest_s, int(self.room.relays)
        return Truth(chain.commanded, *contacts, abs(self.store.voltage_v), self.pulses, *worst)

    def forecast(self, intention: Intention) -> Forecast:
        """What ``intention`` leads to, with these parameters."""
        return forecast(self.parameters, intention)

    # --- the slow part --------------------------------------------------------------------------------------------

    def tick(self, t_ns: int, out: FieldOutputs) -> None:
        """Advance to ``t_ns`` under these PLC outputs and rewrite ``inputs``."""
        self._out = out
        if self.people.script:
            self.log.extend((self.t_ns, line) for line in self.people.act(t_ns))
        if self.spontaneous is not None:
            self.apply(self.pulse(self.spontaneous))
        chain = self.chain
        chain.drive(self.t_ns, out, self.people, self.charger, self._faults)
        if PulseLatch.OVER_CURRENT in self.gate.latches:
            self.charger.update(True)  # the latch is in the charger's inhibit as well
        if chain.powered:
            self.room.switch(Auxiliary(out.auxiliaries & 15), self.t_ns)
        if self.people.left_running:
            self._find_running()
        self._watch_gate(out)
        self._watch_dumps(out)
        if chain.moving:
            self._advance_in_steps(t_ns)
        else:
            self._advance_line(t_ns)
        moved = self.room.advance(t_ns)
        step_s, self.t_ns = (t_ns - self.t_ns) * 1e-9, t_ns
        chain.compare(t_ns, self.store.voltage_v, self.people.local_reset)
        self._watch_latches(out)
        self._watch_prefire(step_s)
        self._refresh(moved)
        if self._faults:
            self._bear_witness(moved)

    def _advance_in_steps(self, t_ns: int) -> None:
        """Sub-steps from contact toggle to contact toggle."""
        for _ in range(SUBSTEPS_MAX):
            change_ns = self.chain.next_change_ns()
            until_ns = t_ns if change_ns is None else min(change_ns, t_ns)
            self._advance_line(until_ns)
            self.chain.advance(until_ns)
            if until_ns >= t_ns:
                return

    def _advance_line(self, t_ns: int) -> None:
        chain = self.chain
        dumps = (DUMP_A if chain.dump_a.closed else 0) | (DUMP_B if chain.dump_b.closed else 0)
        self.store.advance(t_ns, connected=chain.contactor.closed, dumps=dumps, charger=self.charger)

    def _watch_gate(self, out: FieldOutputs) -> None:
        """The PLC's output through L0: a dead output and an e-stop shut it."""
        self.gate.command(self.t_ns, (self.chain.live and out.pulse_gate) or "pulse_gate_stuck_open" in self._faults)

    def _watch_dumps(self, out: FieldOutputs) -> None:
        """Opening both dumps, and the self-test of their path, resets the switch's current latch."""
        armed = out.dump_a_open and out.dump_b_open
        if (armed and not self._both_dumps) or out.self_test_path == LATCHES_PATH:
            self._latches = 0
        self._both_dumps = armed

    def _watch_latches(self, out: FieldOutputs) -> None:
        ion_a = self.room.ion_pump_a
        self.gate.watch_vacuum(self.t_ns, ion_a, alive="vacuum_latch_dead" not in self._faults)
        if self.chain.live and out.latch_reset and "pulse_latch_stuck" not in self._faults:
            self.gate.reset(self.t_ns, ion_a)
        if self.store.latched:
            thyratron = self.parameters.modulator.thyratron
            if not self.chain.contactor.closed or not stays_latched(thyratron, self.charger.limits()[1]):
                self.store.latched = False
                self.log.append((self.t_ns, "the thyratron lets go"))

    def _watch_prefire(self, step_s: float) -> None:
        """Spontaneous firing: its hazard adds up until the exponential number drawn for it is reached (modulator)."""
        line_v = self.store.voltage_v
        if self.spontaneous is not None or line_v < self.parameters.modulator.thyratron.minimum_v:
            return
        rate_hz = spontaneous_hz(self.parameters.modulator.thyratron, self.room.thyratron, line_v)
        self._prefire_sum += rate_hz * step_s
        injected = "thyratron_prefires" in self._faults and line_v >= PREFIRE_V
        if self._prefire_sum >= self._prefire_at or injected:
            self.triggers += 1
            self._prefire_at, self._prefire_sum = self._next_prefire(self.triggers), 0.0
            self.spontaneous = self.dispatch.spontaneous(self.t_ns, self.triggers, line_v, self._conditions())
            self.log.append((self.t_ns, f"the thyratron fires by itself at {line_v:.0f} V"))

    def _next_prefire(self, index: int) -> float:
        return float(np.random.default_rng([self.seed, index, STREAM_PREFIRE]).standard_exponential())

    # --- pulses ---------------------------------------------------------------------------------------------------

    def offer_edges(self, t_fire_ns: int, edges_ns: Sequence[int | None]) -> TubeEdges | None:
        """Take the trigger generator's edges: T0, then the thyratron's with the RF source's; the rest is for scopes.

        Returns the pulse to solve, or None when nothing reaches the thyratron (gate, latches, duty limiter).
        """
        self._watch_gate(self._out)
        t0_ns = edges_ns[0] if edges_ns and edges_ns[0] is not None else t_fire_ns
        trigger_ns = edges_ns[1] if len(edges_ns) > 1 else None
        self._advance_line(t0_ns)
        self.triggers += 1
        if trigger_ns is None:
            return None
        if "duty_limiter_dead" in self._faults and self.gate.refusal(trigger_ns) == "duty limiter":
            self._acting.say(t0_ns, "duty_limiter_dead", "a trigger passes that comes too soon")
            self.gate.forget()
        if "pulse_gate_stuck_open" in self._faults and not self._out.pulse_gate:
            self._acting.say(t0_ns, "pulse_gate_stuck_open", "a trigger passes that the PLC does not allow")
        if not self.gate.offer(trigger_ns):
            return None
        return self.dispatch.edges(
            t0_ns,
            self.triggers,
            self.store.voltage_v,
            (trigger_ns - t0_ns) * 1e-9,
            self.room.thyratron,
            self._conditions(),
            self._line_faults(),
        )

    def _conditions(self) -> Conditions:
        state = self.room.services.state
        return self.dispatch.conditions(state.cathode_k, state.magnet_a)

    def _line_faults(self) -> frozenset[str]:
        return conditions_of(self.load) | self._faults

    def pulse(self, edges: TubeEdges) -> TubePulse:
        """Solve the pulse, or find it among those that were: an ordinary one is the same for thousands of triggers."""
        shape = None if edges.request is None else self.dispatch.shapes.of(edges.request)
        return TubePulse(edges, shape, self._stray.until_ns(edges))

    def ahead(self) -> Callable[[], object] | None:
        """A pulse at the set-point that nobody has solved yet: 0.1 s that no scan has to wait for."""
        if not self.charger.constant_voltage:
            return None
        return self.dispatch.ahead(self.store.voltage_v, self._conditions(), self._line_faults())

    def apply(self, record: TubePulse) -> None:
        """Let a solved pulse have happened: line, heat, gas, latches, counter, and what the scopes saw."""
        edges, shape = record.edges, record.shape
        if edges.spontaneous:
            self.spontaneous = None
        self.train.add(self._aftermath.mark(record, self.room.ion_pump_a))
        self._aftermath.witness(record, self._faults)
        if shape is None:
            return
        self.pulses += 1
        self._stray.strike(edges)
        self._count(edges.t0_ns)
        energy = record.share**2
        self.ledger.book(shape, energy)
        self.store.settle(edges.line_v)
        self.store.set_voltage(shape.left_v * record.share)
        end_ns = edges.t0_ns + round((edges.trigger_s + self.parameters.slow.dead_s) * 1e9)
        self.store.hold_until_ns = max(self.store.t_ns, end_ns)
        self.room.book(shape, energy)
        self.gate.set(edges.t0_ns, self._aftermath.latches(record), f"pulse {self.pulses}")
        gas = self._aftermath.gas_pa_m3(record, self._faults)
        if gas > 0.0:
            self.room.burst(gas, edges.t0_ns)
        if not edges.allowed and shape.scalars.switch_a > self.parameters.slow.closed_gate_a:
            self._latches = 1
        self._watch_latch_through(record)

    def _count(self, t0_ns: int) -> None:
        if "pulse_counter_stuck" in self._faults:
            self._acting.say(t0_ns, "pulse_counter_stuck", "a pulse is not counted")
        else:
            self._counter = (self._counter + 1) & COUNTER_MASK

    def _watch_latch_through(self, record: TubePulse) -> None:
        set_v, set_a = self.charger.limits()
        if set_a <= 0.0 or not self.chain.contactor.closed:
            return
        index, left_v = record.edges.index, self.store.voltage_v
        if self.dispatch.latches_through(index, set_v, left_v, self.room.thyratron, self._faults):
            self.store.latched = True
            self.store.set_voltage(0.0)
            t_ns = record.edges.t0_ns
            self._acting.say(t_ns, "thyratron_latch_through", "the recharge finds it conducting")
            self.gate.set(t_ns, PulseLatch.OVER_CURRENT, f"latch-through after pulse {self.pulses}")

    # --- instruments ----------------------------------------------------------------------------------------------

    def scope_volts(
        self, probe: str, t_s: Array, salt: int = 0, *, live: bool = False, t0_ns: int | None = None
    ) -> Array:
        """Volts at the scope input ``probe`` at ``t_s`` seconds after a T0: the last one, or that at ``t0_ns``.

        ``t0_ns`` is for segments, which are read long after their triggers; one that is forgotten shows a quiet bench.
        ``salt`` tells acquisitions apart, ``live`` sees the bench as it is now. Raises KeyError for an unknown probe.
        """
        mark = self.train.last if t0_ns is None else self.train.at(t0_ns)
        return self._scopes.volts(probe, t_s, None if live else mark, self._rest(), salt)

    def _rest(self) -> Mapping[str, float]:
        return self._aftermath.rest(self.store.voltage_v, self.room.ion_pump_a)

    def read(self, probe: str) -> float:
        """One of ``readings``. Raises KeyError for an unknown name."""
        return self._readings[probe]()

    def _terminal(self, name: str) -> float:
        return self._terminals.read(name, self.store.bank, self.charger, self.inputs)

    def drive(self, name: str, value: float) -> None:
        """One of ``controls``. Raises KeyError for an unknown name."""
        self._controls[name](value)
        if name == "chiller_running":  # the rest moves slowly: a bath's temperature is told on every scan
            self.room.disturb(self.t_ns)

    def mount(self, load: str) -> None:
        """Put a load of LOADS in place. Raises KeyError for another one."""
        if load not in LOADS:
            raise KeyError(load)
        self.load = load
        self.dispatch.mount(load)

    def _find_running(self) -> None:
        """People say that the services were left running: so they were, unless the bench has a cold start."""
        self.people.left_running = False
        if "cold_start" in self._faults:
            self._acting.say(self.t_ns, "cold_start", "heater, magnet, water and pumps are off")
        else:
            self.room.left_running()

    # --- L0 and faults --------------------------------------------------------------------------------------------

    def de_energise(self) -> None:
        """L0: the PLC is dead or missed its scans; its outputs fall to zero, the auxiliaries' relays stay."""
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
        (self._faults.add if on else self._faults.discard)(fault_id)
        self.log.append((self.t_ns, f"fault plant.{fault_id} {'on' if on else 'off'}"))
        self._acting.forget(fault_id)
        self.room.disturb(self.t_ns)
        if fault_id in self.room.services.FAULTS:
            self.room.services.inject(fault_id, on)
            return
        if fault_id == "thyratron_starved":
            self.room.starved = on
        elif fault_id == "module_1_leak":
            self.store.leaks = on
        slow, store = self.parameters.slow, self.store
        break_part(fault_id, on, self.t_ns, self.charger, self.chain, store.bank, self._terminals, slow.bank)

    def _bear_witness(self, moved: bool) -> None:
        chain, acting, t_ns = self.chain, self._acting, self.t_ns
        volts = [self.store.voltage_v]
        shared = self._faults & SHARED
        acting.watch(t_ns, shared, chain.jams, chain.mirrors, self.charger, chain.contactor.closed, volts)
        self._aftermath.watch_terminals(t_ns, self._terminals, self.store, self.charger, self._faults)
        self._aftermath.watch_room(t_ns, self.room, self.gate, self._faults, moved)

    def _refresh(self, moved: bool = True) -> None:
        inputs, store = self.inputs, self.store
        self.chain.report(inputs, self.people, self._faults, self.charger)
        struck = self._stray.take()
        self._terminals.refresh(inputs, store.bank, self.charger, False, struck, self._latches, self.t_ns)
        inputs.analogue = self._stray.loops_ma(self._transmitters.currents_ma() if moved else None, struck)
        inputs.pulse_counter = self._counter
        inputs.pulse_latches = int(self.gate.latches)
        inputs.auxiliaries = int(self.room.relays)
        if self._out.self_test_path:
            self._terminals.force(inputs, self._out.self_test_path)
