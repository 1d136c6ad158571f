"""PURE: L0, the hard-wired chain: e-stop loop, dump relays, contactor, charger inhibit, over-voltage comparator.

Nothing here asks the PLC: an open e-stop loop drops the contactor and the charger and closes the dumps whatever the
PLC's outputs say (design.md section 1; bench.md section 1).
"""

from collections import deque

from firmware_sim.plant.charger import Charger
from firmware_sim.plant.people import People
from firmware_sim.plant.relays import Relay, Stuck
from firmware_sim.signals import FieldInputs, FieldOutputs

RESET_RATIO = 0.95
"""The over-voltage latch resets only below this share of its threshold: a comparator's hysteresis."""


class Chain:
    """Relays and latches between the PLC's outputs and the bank. ``powered`` False: the PLC's outputs are dead.

    ``live``: outputs reach the coils (PLC powered, e-stop loop closed).
    """

    def __init__(
        self,
        contactor: Relay,
        dump_a: Relay,
        dump_b: Relay,
        overvoltage_v: float,
        log: deque[tuple[int, str]],
    ) -> None:
        self.contactor = contactor
        self.dump_a = dump_a
        self.dump_b = dump_b
        self.powered = True
        self.live = True
        self.overvoltage_latched = False
        self.moving = False
        self.jams = {
            "contactor_welded": (contactor, Stuck.CLOSED),
            "contactor_stuck_open": (contactor, Stuck.OPEN),
            "dump_a_stuck_open": (dump_a, Stuck.OPEN),
            "dump_a_stuck_closed": (dump_a, Stuck.CLOSED),
            "dump_b_stuck_open": (dump_b, Stuck.OPEN),
            "dump_b_stuck_closed": (dump_b, Stuck.CLOSED),
        }
        self.mirrors: dict[str, tuple[Relay, bool]] = {}
        """Faulty mirror contacts by fault id: the relay, and whether a stuck one shows closed."""
        self._overvoltage_v = overvoltage_v
        self._log = log
        self._commands = (False, False, False, False)

    @property
    def commanded(self) -> bool:
        """True while any coil or the charger is powered: energy may come in, or stay."""
        return any(self._commands)

    def drive(self, now_ns: int, out: FieldOutputs, people: People, charger: Charger, faults: set[str]) -> None:
        """Apply outputs to coils, through the e-stop loop."""
        live = self.live = self.powered and self._loop_closed(people, faults)
        commands = (
            live and out.contactor_close,
            live and out.dump_a_open,
            live and out.dump_b_open,
            live and out.charger_enable and not self.overvoltage_latched and not people.charger_locked_out,
        )
        if commands != self._commands:
            self._log.append((now_ns, "contactor {} dump A {} dump B {} charger {}".format(*map(int, commands))))
            self._commands = commands
            self.contactor.command(commands[0], now_ns)
            self.dump_a.command(commands[1], now_ns)
            self.dump_b.command(commands[2], now_ns)
        charger.update(not commands[3])
        self.moving = self.contactor.moving or self.dump_a.moving or self.dump_b.moving

    def _loop_closed(self, people: People, faults: set[str]) -> bool:
        return not people.estop_pressed and not (faults and ("estop" in faults or "estop_wire_break" in faults))

    def next_change_ns(self) -> int | None:
        """When the next contact toggles."""
        changes = [
            change
            for change in (
                self.contactor.next_change_ns(),
                self.dump_a.next_change_ns(),
                self.dump_b.next_change_ns(),
            )
            if change is not None
        ]
        return min(changes) if changes else None

    def advance(self, now_ns: int) -> None:
        """Toggle what is due."""
        self.contactor.advance(now_ns)
        self.dump_a.advance(now_ns)
        self.dump_b.advance(now_ns)

    def compare(self, now_ns: int, highest_v: float, reset: bool) -> None:
        """The over-voltage comparator on the highest module voltage; its latch takes a local reset to clear."""
        if highest_v > self._overvoltage_v and not self.overvoltage_latched:
            self.overvoltage_latched = True
            self._log.append((now_ns, f"over-voltage latch at {highest_v:.0f} V"))
        elif self.overvoltage_latched and reset and highest_v < RESET_RATIO * self._overvoltage_v:
            self.overvoltage_latched = False
            self._log.append((now_ns, "over-voltage latch reset"))

    def report(self, inputs: FieldInputs, people: People, faults: set[str], charger: Charger) -> None:
        """Write the digital inputs: people, position contacts, inhibit and comparator."""
        inputs.door_1 = people.door_1_closed
        inputs.door_2 = people.door_2_closed
        inputs.estop_ok = not people.estop_pressed
        inputs.operator_key = people.operator_key
        if faults:
            self._report_faults(inputs, faults)
        inputs.maintenance_key = people.maintenance_key
        inputs.search_complete = people.search_complete
        inputs.ground_stick_stowed = people.ground_stick_stowed
        inputs.local_reset = people.local_reset
        inputs.second_consent = people.second_consent
        inputs.charger_locked_out = people.charger_locked_out
        inputs.positions = people.positions
        relay = self.contactor
        inputs.contactor_closed = relay.closed and not relay.moving
        inputs.contactor_open = not relay.closed and not relay.moving
        relay = self.dump_a
        inputs.dump_a_closed = relay.closed and not relay.moving
        inputs.dump_a_open = not relay.closed and not relay.moving
        relay = self.dump_b
        inputs.dump_b_closed = relay.closed and not relay.moving
        inputs.dump_b_open = not relay.closed and not relay.moving
        if self.mirrors:
            self._report_mirrors(inputs)
        inputs.charger_inhibited = charger.inhibited
        inputs.hw_overvoltage_ok = not self.overvoltage_latched

    def break_mirror(self, fault_id: str, on: bool) -> bool:
        """Break or mend a mirror contact by its fault id; False for an id that is none of theirs."""
        name, mirror, _ = fault_id.partition("_mirror_")
        if not mirror:
            return False
        relay: Relay = getattr(self, name)
        if on:
            self.mirrors[fault_id] = (relay, relay.closed)
        else:
            self.mirrors.pop(fault_id, None)
        return True

    def _report_mirrors(self, inputs: FieldInputs) -> None:
        for fault, (_, shows_closed) in self.mirrors.items():
            name = fault.partition("_mirror_")[0]
            stuck = fault.endswith("_stuck")
            setattr(inputs, f"{name}_closed", stuck and shows_closed)
            setattr(inputs, f"{name}_open", stuck and not shows_closed)

    def _report_faults(self, inputs: FieldInputs, faults: set[str]) -> None:
        open_door = "door_open" in faults
        if "door_1_open" in faults or (open_door and "door_1_stuck" not in faults):
            inputs.door_1 = False
        if "door_2_open" in faults or (open_door and "door_2_stuck" not in faults):
            inputs.door_2 = False
        if not self._loop_closed(NOBODY, faults):
            inputs.estop_ok = False
        if "key_off" in faults:
            inputs.operator_key = False


NOBODY = People()
