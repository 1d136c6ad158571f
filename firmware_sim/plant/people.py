"""PURE: the people around the bench, as scripted inputs to its safety chain."""

from dataclasses import dataclass, field, fields

SCRIPT_MAX = 1_000
"""Pending scripted actions: far above any test's need, low enough to notice a script that never runs."""


@dataclass(slots=True)
class People:
    """What hands do: doors, e-stop, keys, ground stick, reset, consent, lock-out, module position switches.

    ``positions`` has one bit per module, set = module in. Attributes may be set at any time, or later with :meth:`at`.
    """

    door_1_closed: bool = True
    door_2_closed: bool = True
    estop_pressed: bool = False
    operator_key: bool = True
    maintenance_key: bool = False
    search_complete: bool = True
    ground_stick_stowed: bool = True
    local_reset: bool = False
    second_consent: bool = True
    charger_locked_out: bool = False
    positions: int = 0b1111
    left_running: bool = False
    """Somebody left what cools, heats and pumps running long ago. Of no meaning where nothing does."""
    script: list[tuple[int, str, int]] = field(default_factory=list)

    def at(self, t_ns: int, name: str, value: int) -> None:
        """Do ``name = value`` at ``t_ns`` (plant time). Raises ValueError for an unknown input or a full script."""
        if name not in {f.name for f in fields(self)} - {"script"}:
            raise ValueError(f"no such input: {name}")
        if len(self.script) >= SCRIPT_MAX:
            raise ValueError(f"more than {SCRIPT_MAX} scripted actions")
        self.script.append((t_ns, name, value))
        self.script.sort(key=lambda action: action[0])

    def press_reset(self, t_ns: int, hold_ns: int = 200_000_000) -> None:
        """Press the local reset at ``t_ns`` and let go after ``hold_ns``."""
        self.at(t_ns, "local_reset", 1)
        self.at(t_ns + hold_ns, "local_reset", 0)

    def act(self, now_ns: int) -> list[str]:
        """Carry out what is due; returns one line per action for the log."""
        done = []
        while self.script and self.script[0][0] <= now_ns:
            _, name, value = self.script.pop(0)
            setattr(self, name, value if name == "positions" else bool(value))
            done.append(f"people: {name} = {value}")
        return done
