"""PURE: the rig PLC: classify, step and record joined into one scan of 10 ms, and one exchange with the controller.

The order in a scan: terminals -> levels -> trips and transitions -> outputs. Commands wait for the scan after their
exchange, so that every guard is judged on that scan's terminals; their answer is in ``ack``/``ack_sequence`` then.
"""

from collections.abc import Mapping

from drivers.wire.plc import (
    ARMED_STATES,
    EventCode,
    PlcCommand,
    PlcEvent,
    PlcRequest,
    PlcState,
    PlcStatus,
    Refusal,
    Trip,
)
from drivers.wire.plc_run import PlcRunStatus
from firmware_sim.plc import report
from firmware_sim.plc.commands import judge, settle
from firmware_sim.plc.levels import Band, Facts, Levels, Proof, classify
from firmware_sim.plc.limits import PlcLimits
from firmware_sim.plc.link import NEVER, Link, Tokens
from firmware_sim.plc.machine import ControlState, Outputs, drive, step
from firmware_sim.plc.memory import Retained, turn_over
from firmware_sim.plc.notes import note_change
from firmware_sim.plc.pulses import NOTHING_SEEN, at_rest
from firmware_sim.plc.ring import Ring
from firmware_sim.plc.running import RunSide
from firmware_sim.plc.self_test import BIAS_PATHS, SelfTest
from firmware_sim.plc.settings import Permit, resolve_bands, resolve_times
from firmware_sim.plc.table import RULES, RUN_RULES
from firmware_sim.plc.trend import ChargeTrend, SafeProof
from firmware_sim.signals import FieldInputs, FieldOutputs

MISSED_SCANS_MAX = 5
"""After this many missed scans the hard-wired L0 relay takes the PLC's outputs away (bench.md section 2)."""

_CHARGED = frozenset({PlcState.CHARGE, PlcState.FLOAT, PlcState.ISOLATE, PlcState.FIREWIN})
_WATCHED = ARMED_STATES - {PlcState.SHOT}
"""Where the probes' peaks count for the proof of safe: in SHOT EMI may make them read anything."""
_ENDING = frozenset({PlcState.DUMPING, PlcState.TRIP})
_SAFE, _CHARGE = PlcState.SAFE, PlcState.CHARGE
_NONE, _DUMP, _ACCEPTED = PlcCommand.NONE, PlcCommand.DUMP, Refusal.ACCEPTED
_ADOPTED = frozenset({PlcCommand.PERMIT, PlcCommand.FIRE_ENABLE})
"""Commands whose permit counts from the scan that judges them."""
_STORED = ("control", "permit", "bands", "times", "_tested", "_horn_from")
_LOST = int(Trip.MEMORY)


class Plc:
    """One rig PLC. ``scan`` every 10 ms; ``exchange`` whenever the controller speaks."""

    FAULTS: Mapping[str, str] = {
        "dead": "the PLC stops scanning and answering; L0 takes its outputs away after 5 missed scans",
        "reboot": "the PLC restarts: new boot id, outputs off, TRIP until the local reset",
        "silent": "the PLC scans but does not answer on the network",
        "memory_flip": "one bit of what the PLC remembers turns over; the seed says which",
    }

    def __init__(self, limits: PlcLimits, rig_id: int, boot_id: int) -> None:
        self.limits = limits
        self.rig_id = rig_id
        self._horn_scans = self._scans(limits.horn_s)
        self._warned_scans = self._scans(limits.warned_valid_s)
        self._tested_scans = self._scans(limits.self_test_valid_s)
        self.outputs = FieldOutputs()
        self._run = None if limits.run is None else RunSide(limits.run)
        self._rules = RULES if self._run is None else RUN_RULES
        self.answering = True
        self._dead = False
        self._missed = 0
        self._start(boot_id, ControlState())

    def _start(self, boot_id: int, control: ControlState) -> None:
        """Everything a PLC has lost when it starts."""
        limits = self.limits
        self.boot_id = boot_id & 0xFFFFFFFF
        self.scan_number = 0
        self.ring = Ring()
        self.link = Link(self._scans(limits.watchdog_s), self._scans(limits.status_age_max_s))
        self._tokens = Tokens(limits, self.rig_id, self.boot_id)
        self._trend = ChargeTrend(limits)
        self.proof = SafeProof(limits)
        self.test = SelfTest(self._scans(limits.self_test_step_s))
        self._bias = SelfTest(self._scans(limits.self_test_step_s))
        self.memory = Retained()
        self._flip = False
        self._begin(control)
        self._pending: PlcRequest | None = None
        self.ack, self.ack_sequence, self.ack_guards = Refusal.ACCEPTED, 0, 0
        self._entered = 0
        self.memory.state.store(self._remembered())
        if self._run is not None:
            self._run.store(self.control.pulse, self.times.run)
        self.inputs = FieldInputs()
        self.levels: Levels = classify(self.inputs, self.bands)
        self.outputs.de_energise()
        self.ring.record(0, EventCode.BOOT, self.boot_id)
        self.ring.record(0, EventCode.LIMITS, limits.limits_hash >> 32)

    def _begin(self, control: ControlState) -> None:
        """Without a permit, untested, and with a whole retry budget."""
        self._adopt(Permit())
        self.control = control._replace(pulse=at_rest(self.times.run))
        if self._run is not None:
            self._run.forget()
        self._tested = self._horn_from = NEVER

    def _scans(self, time_s: float) -> int:
        return round(time_s / self.limits.scan_s)

    def _adopt(self, permit: Permit, pulses: int = 0) -> None:
        self.permit = permit
        self.bands = resolve_bands(self.limits, permit)
        self.times = resolve_times(self.limits, permit, pulses)
        self.memory.settings.store((*permit, *self.bands, *self.times[:-1]))

    def _remembered(self) -> tuple[int, ...]:
        """What one scan leaves to the next and a wrong bit of which could energise something."""
        return (*self.control[:-1], self._tested, self._horn_from, self._tokens.gate_ns, self.proof.level)

    def _lose_memory(self, inputs: FieldInputs) -> None:
        """Nothing that is remembered is used any more, not even to decide how to stop: all off, TRIP, first fault.

        Nobody knows what was going on, so the worst is assumed: the whole bank is charged and a switch may hang.
        LOCKOUT is not left by it, and is where a state goes of which neither copy is one.
        """
        worst = self.memory.worst_state(self.control.state)
        self.test.stop()
        self._bias.stop()
        self._tokens.withdraw()
        self._begin(ControlState(state=worst, misfire=True, trips=_LOST, first_fault=_LOST))
        self._entered = self.scan_number
        self.proof.forget()
        self.proof.begin_dump(0, _highest(inputs))
        self.ring.record(self.scan_number, EventCode.TRIP, _LOST, inputs.probe_a_v, first_fault=True)

    def _turn_over(self) -> None:
        """The fault ``memory_flip``: one bit of one stored field, chosen by the boot id, which the seed decides."""
        stored = {name: getattr(self, name) for name in _STORED}
        if self._run is not None:
            stored |= {"pulse": self.control.pulse, "run": self.times.run, "windows": self._run.memory}
        name, damaged = turn_over(stored, self.boot_id)
        if self._run is None or name in _STORED:
            setattr(self, name, damaged)
        else:
            self.control, self.times = self._run.damage(name, damaged, self.control, self.times)

    def left_running(self) -> None:
        """What heats and cools has run for hours when this PLC is switched on; of no meaning where nothing does."""
        if self._run is not None:
            self._run.left_running()

    def inject(self, fault_id: str, on: bool = True) -> None:
        """Switch one of ``FAULTS`` on or off. Raises KeyError for an unknown id."""
        if fault_id not in self.FAULTS:
            raise KeyError(fault_id)
        if fault_id == "memory_flip":
            self._flip = on  # carried out before the next scan; there is nothing to mend afterwards
        elif fault_id == "silent":
            self.answering = not on
        elif fault_id == "dead" and on:
            self._dead, self._missed, self.answering = True, 0, False
        else:
            self._dead, self.answering = False, True
            if on or fault_id == "dead":
                locked = self.control.state is PlcState.LOCKOUT  # retentive memory
                self._start(self.boot_id + 1, ControlState(state=PlcState.LOCKOUT if locked else PlcState.TRIP))

    def scan(self, inputs: FieldInputs) -> FieldOutputs:
        """One scan: returns :attr:`outputs`, the same object every time."""
        if self._dead:
            self._missed += 1
            if self._missed >= MISSED_SCANS_MAX:
                self.outputs.de_energise()
            return self.outputs
        self.scan_number += 1
        self.inputs = inputs
        if self._flip:
            self._flip = False
            self._turn_over()
        if not self.memory.sound(self._remembered(), (*self.permit, *self.bands, *self.times[:-1])) or (
            self._run is not None and not self._run.is_sound(self.control.pulse, self.times.run)
        ):
            self._lose_memory(inputs)
        elif self.scan_number == 1 and self.control.state is PlcState.TRIP:
            self.proof.begin_dump(0, _highest(inputs))  # restarted: what is in the bank now has to be seen to go
        if self._run is not None:
            self._run.meet(inputs)
        request, kept = self._pending, self.permit
        self._pending = None
        command, token, gate_ns = _NONE, _ACCEPTED, 0
        if request is not None:
            command, token, gate_ns = self._judge(request, inputs)
        before = self.control
        exercising = self.test.running or self._bias.running
        under_test = self.test.under_test | self._bias.under_test if exercising else 0
        facts = self._find_facts(inputs, command, token, under_test)
        self.levels = levels = classify(inputs, self.bands, facts)
        if exercising:
            self._follow_tests(levels, inputs)
        control, out = step(before, levels, self.times, self._rules)
        self.control = control
        if control.state is not before.state:
            self._note_change(before, control, inputs)
        if out.ack is not None and request is not None:
            self._answer(request, out, gate_ns, kept)
        if control.state in _ENDING:
            self._prove(before, inputs, levels)
        self._drive(out)
        if self._run is not None:
            self._run.finish(self.outputs, self.ring, self.scan_number, before, control, levels, self.times)
        self.memory.state.store(self._remembered())
        return self.outputs

    def _find_facts(self, inputs: FieldInputs, command: PlcCommand, token: Refusal, under_test: int) -> Facts:
        state, trend, now = self.control.state, self._trend, self.scan_number
        if state in _CHARGED:
            trend.follow(inputs.probe_a_v, inputs.probe_b_v, self.control.t if state is _CHARGE else -1)
        if state in _WATCHED:
            self.proof.watch(inputs.probe_a_v, inputs.probe_b_v)
        return Facts(
            command,
            token,
            self.link.fresh(now),
            now - self._tested <= self._tested_scans,
            0 <= now - self._horn_from - self._horn_scans <= self._warned_scans,
            trend.envelope_left,
            trend.falling,
            self.proof.level,
            under_test,
            NOTHING_SEEN if self._run is None else self._run.see(inputs, state, under_test),
        )

    @property
    def excused(self) -> int:
        """Auxiliaries that a fault of their own may stop, one bit each; for judges."""
        return 0 if self._run is None else self._run.excused()

    @property
    def self_test_fresh(self) -> bool:
        """All paths passed, less than 8 h ago and since the last trip."""
        return self.scan_number - self._tested <= self._tested_scans

    @property
    def exercising(self) -> bool:
        """True while test relays force inputs: the terminals do not show the bench then."""
        return self.test.running or self._bias.running

    @property
    def warned(self) -> bool:
        """Horn and beacon ran their time, and not long ago."""
        return 0 <= self.scan_number - self._horn_from - self._horn_scans <= self._warned_scans

    def _judge(self, request: PlcRequest, inputs: FieldInputs) -> tuple[PlcCommand, Refusal, int]:
        """Check the token of a waiting command; commands that are none of the state machine's are done here."""
        command = request.command
        if command is PlcCommand.AUXILIARIES and self._run is not None:
            self._acknowledge(request, self._run.ask(request.arguments), 0)
            return _NONE, _ACCEPTED, 0
        if command in (PlcCommand.SELF_TEST, PlcCommand.WARN):
            self._acknowledge(request, self._prepare(command), 0)
            return _NONE, _ACCEPTED, 0
        judged = judge(self._tokens, request, self.link.epoch, self.control.state, self.permit, inputs.positions)
        if judged.permit is not None:
            self._adopt(judged.permit, judged.pulses)
        return command, judged.token, judged.gate_ns

    def _prepare(self, command: PlcCommand) -> Refusal:
        """SELF_TEST and WARN: only in SAFE, one at a time."""
        if self.control.state is not PlcState.SAFE or self.test.running:
            return Refusal.WRONG_STATE
        if command is PlcCommand.WARN:
            self._horn_from = self.scan_number
        else:
            self._tested = NEVER
            self.test.start(self.limits.paths)
        return Refusal.ACCEPTED

    def _follow_tests(self, levels: Levels, inputs: FieldInputs) -> None:
        if self._bias.running:
            if self._bias.follow(levels, inputs):
                level = self.proof.conclude_bias(not self._bias.failed)
                self.ring.record(self.scan_number, EventCode.PROOF, level, 1.0)
            return
        if self.control.state is not PlcState.SAFE:
            self.test.stop()
        elif self.test.follow(levels, inputs):
            passed, total = self.test.passed, self.test.total
            detail = self.test.failed_bits << 16 | passed << 8 | total
            self.ring.record(self.scan_number, EventCode.SELF_TEST, detail)
            if passed == total:
                self._tested = self.scan_number

    def _answer(self, request: PlcRequest, out: Outputs, gate_ns: int, kept: Permit) -> None:
        """Take the consequences of a command's fate for its token."""
        if out.ack is _ACCEPTED:
            settle(self._tokens, request, gate_ns)
        elif request.command in _ADOPTED:
            self._adopt(kept, self.times.run.pulses)  # also in RUN, whose number of pulses stays
        self._acknowledge(request, out.ack or _ACCEPTED, out.guards)

    def _acknowledge(self, request: PlcRequest, ack: Refusal, guards: int) -> None:
        self.ack, self.ack_sequence, self.ack_guards = ack, request.sequence, guards
        self.ring.record(self.scan_number, EventCode.COMMAND, request.command << 8 | ack, float(guards))

    def _note_change(self, before: ControlState, after: ControlState, inputs: FieldInputs) -> None:
        """Record a transition and start or end what belongs to it."""
        old, new = before.state, after.state
        self._entered = self.scan_number
        note_change(self.ring, self.scan_number, before, after, inputs, self.permit.shot)
        if new is PlcState.TRIP:
            self._tested = NEVER
            if self._run is not None:
                self._run.trip(old)
            self.test.stop()  # its relay would stand in for the bias check's, and fail the proof
        elif new is PlcState.OPENING:
            self.proof.forget()
            self._horn_from = NEVER
        elif new is PlcState.CHARGE or old is PlcState.RUN:
            self._trend.begin(self.permit, max(inputs.probe_a_v, inputs.probe_b_v))
        if new in _ENDING:
            self._tokens.withdraw()
            if old is not PlcState.DUMPING:
                self._bias.stop()
                self.proof.begin_dump(self.permit.mask, _highest(inputs))

    def _prove(self, before: ControlState, inputs: FieldInputs, levels: Levels) -> None:
        """Proof of safe while a dump is in progress or has ended in TRIP."""
        control, proof = self.control, self.proof
        if before.current_wait and not control.current_wait:
            proof.begin_dump(self.permit.mask, _highest(inputs))
        if proof.level is not Proof.OPEN or levels.a is Band.INVALID or levels.b is Band.INVALID:
            return  # a probe without a reading proves nothing
        voltages_v = [inputs.probe_a_v, inputs.probe_b_v, *inputs.module_v]
        dwell = control.dwell
        level = proof.follow(voltages_v, dwell > 0, dwell >= self.times.dwell, self.scan_number)
        if proof.wants_bias_check and not self._bias.running:
            self._bias.start(BIAS_PATHS)
        if level is not Proof.OPEN:
            self.ring.record(self.scan_number, EventCode.PROOF, level, proof.worst_ratio)

    def _drive(self, out: Outputs) -> None:
        outputs = self.outputs
        drive(out, self._tokens.gate_ns, outputs)
        outputs.horn = horn = 0 <= self.scan_number - self._horn_from < self._horn_scans
        outputs.beacon = horn or self.control.state is not _SAFE or self.warned
        outputs.self_test_path = (self.test.relay or self._bias.relay) if self.exercising else 0

    def exchange(self, request: PlcRequest) -> PlcStatus:
        """One exchange. A request refused by the link shows it in this reply's ``ack`` only; the PLC's own stays."""
        armed = self.control.state in ARMED_STATES
        epoch = self.link.epoch
        verdict = self.link.accept(request, self.scan_number, armed)
        if verdict is not _ACCEPTED:
            return self.refuse(verdict, request.sequence)
        if self.link.epoch != epoch:
            self.ring.record(self.scan_number, EventCode.CONTROLLER, self.link.epoch, float(self.link.connection_id))
        if request.command is _DUMP:
            self._pending = request
        elif request.command is not _NONE:
            if self._pending is not None:
                return self.refuse(Refusal.BAD_SEQUENCE, request.sequence)
            self._pending = request
        return self.status()

    def refuse(self, refusal: Refusal, sequence: int) -> PlcStatus:
        """A status block that refuses the request of ``sequence``; nothing in the PLC changes."""
        return report.make_status(self, refusal, sequence, 0)

    def status(self) -> PlcStatus:
        """The status block as of the last scan."""
        return report.make_status(self, self.ack, self.ack_sequence, self.ack_guards)

    def run_status(self) -> PlcRunStatus | None:
        """The run block as of the last scan; None on a bench that does not run."""
        run = self._run
        return None if run is None else run.status(self.scan_number, self.control, self.times, self.outputs)

    @property
    def nonce(self) -> int:
        """What CHARGE, FIRE_ENABLE and FIRE have to bring back."""
        return self._tokens.nonce

    @property
    def state_age_scans(self) -> int:
        """Scans since the present state was entered."""
        return self.scan_number - self._entered

    @property
    def events(self) -> tuple[PlcEvent, ...]:
        """The ring, oldest first: the PLC's own log, an oracle for tests."""
        return self.ring.events()

    @property
    def trips(self) -> Trip:
        """Latched trip causes."""
        return Trip(self.control.trips)


def _highest(inputs: FieldInputs) -> float:
    return max(inputs.probe_a_v, inputs.probe_b_v, *inputs.module_v)
