"""The people of a simulated bench: what a lab has somebody for, scripted (bench.md 3: "on stand-ins a scripted local
reset exists").

They set the scene before a run (load, modules, keys) and answer the PLC when it waits for a key. They never touch the
controller.
"""

from collections.abc import Callable

from controller.sequencer.plan import Plan
from drivers.wire.plc import EventCode, PlcCommand, Refusal
from firmware_sim.plant.contract import AnyPlant
from firmware_sim.plc.plc import Plc

LEFT_RUNNING = "left_running"
"""The word for: what cools, heats and pumps has run since yesterday."""

KEY_NS = 300_000_000
"""Time to walk up and turn a key."""


class Attendant:
    """Plays the people at one bench. Call :meth:`act` after every PLC scan."""

    def __init__(self, plant: AnyPlant, plc: Plc) -> None:
        self._plant = plant
        self._plc = plc
        self._testing = False
        self._heard = 0
        self._words: dict[str, Callable[[int], None]] = {
            "local_reset": plant.people.press_reset,
            "estop": lambda t_ns: plant.people.at(t_ns, "estop_pressed", 1),
            "release_estop": lambda t_ns: plant.people.at(t_ns, "estop_pressed", 0),
            "open_door": self._open_door,
            "close_door": self._close_door,
            "maintenance": self._maintenance,
            "operation": self._operation,
            LEFT_RUNNING: self._left_running,
        }

    def press(self, what: str, t_ns: int) -> None:
        """Do one thing: a word above, ``modules:0b0011`` (position switches) or ``load:NAME``. Raises KeyError."""
        word, _, argument = what.partition(":")
        if word == "modules":
            self._plant.people.at(t_ns, "positions", int(argument, 0))
        elif word == "load":
            self._plant.mount(argument)
        else:
            self._words[word](t_ns)

    def act(self, t_ns: int) -> None:
        """Turn the keys that a refused ENTER_TEST asks for, and turn them back when TEST is left."""
        plc = self._plc
        if plc.ack_sequence == self._heard:
            return
        self._heard = plc.ack_sequence
        asked = last_command(plc)
        if asked is PlcCommand.ENTER_TEST and plc.ack is Refusal.GUARD and not self._testing:
            self._testing = True
            self._maintenance(t_ns + KEY_NS)
        elif asked is PlcCommand.LEAVE_TEST and self._testing:
            self._testing = False
            self._operation(t_ns + KEY_NS)

    def _left_running(self, t_ns: int) -> None:
        self._plant.people.at(t_ns, "left_running", 1)
        self._plc.left_running()

    def _open_door(self, t_ns: int) -> None:
        self._both_doors(t_ns, 0)

    def _close_door(self, t_ns: int) -> None:
        self._both_doors(t_ns, 1)

    def _both_doors(self, t_ns: int, closed: int) -> None:
        self._plant.people.at(t_ns, "door_1_closed", closed)
        self._plant.people.at(t_ns, "door_2_closed", closed)

    def _maintenance(self, t_ns: int) -> None:
        self._plant.people.at(t_ns, "charger_locked_out", 1)
        self._plant.people.at(t_ns, "maintenance_key", 1)

    def _operation(self, t_ns: int) -> None:
        self._plant.people.at(t_ns, "maintenance_key", 0)
        self._plant.people.at(t_ns, "charger_locked_out", 0)


def last_command(plc: Plc) -> PlcCommand:
    """The command that the PLC answered last."""
    answered = (event for event in reversed(plc.events) if event.code == EventCode.COMMAND)
    event = next(answered, None)
    return PlcCommand.NONE if event is None else PlcCommand(event.detail >> 8)


def scene_of(plan: Plan, modules: int) -> tuple[str, ...]:
    """What people do at a simulated bench before this plan runs, as words for :meth:`Attendant.press`."""
    scene = [f"load:{plan.load}"]
    if plan.run is not None:
        scene.append(LEFT_RUNNING)
    if plan.module_mask != (1 << modules) - 1:
        scene.append(f"modules:{plan.module_mask:#b}")
    return tuple(scene)
