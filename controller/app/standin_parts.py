"""What the stand-ins of a bench are made of: wires to the plant and the PLC, doors, and links with their faults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from controller.rig.model import Channel, InstrumentSpec
from controller.rig.source import Problem, Refused
from firmware_sim.faults import Faulty
from firmware_sim.link_faults import Emi, LinkFaults
from firmware_sim.personalities.dg645 import OutputEdges
from firmware_sim.plant.contract import AnyPlant
from firmware_sim.plc.plc import Plc
from firmware_sim.servers.doors import SERIAL
from firmware_sim.sessions.base import Session, SessionFactory
from firmware_sim.sessions.genesys import GenesysLine
from firmware_sim.signals import Acts

Read = Callable[[str], float]
Drive = Callable[[str, float], None]


class TriggerBox(Protocol):
    """A delay generator's panel, as the trigger chain sees it."""

    on_act: Acts

    def trigger_input(self, t_ns: int) -> OutputEdges | None:
        """An edge at the trigger input; the cycle it starts, or None when it is not accepted."""
        ...


class TriggeredScope(Protocol):
    """An oscilloscope's panel, as the trigger chain sees it."""

    def trigger(self, t_ns: int, source: str) -> bool:
        """An edge at trigger input ``source``; True when it was accepted."""
        ...

    def trigger_from_signal(self, t0_ns: int, search_s: float) -> bool:
        """Look for an edge on a measured signal, from T0 on; True when one was accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """What stand-ins are wired to. ``on_cycle`` hears of delay-generator cycles that no fire pulse started.

    ``lines`` holds the serial lines with several supplies that were met so far, and the faults of their links, by the
    name that rig.yaml gives them.
    """

    plant: AnyPlant
    plc: Plc
    seed: int
    on_cycle: Callable[[OutputEdges], None]
    lines: dict[str, tuple[GenesysLine, LinkFaults]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StandIn:
    """One simulated instrument: its panel, its links' faults, and its doors: transport -> what opens a session.

    ``transport`` is the door that the rig file names, the one that a bench on virtual time uses. ``each_scan`` is told
    the time before every scan of the PLC: what its panel does to the plant without being asked. ``by_hand`` sets it as
    somebody at its front does (``voltage_v`` and ``current_a`` of a supply, ``set_point_c`` of a chiller) and leaves it
    on. ``delay`` and ``scope`` are the panel again where it has a place in the trigger chain.
    """

    model: str
    transport: str
    panel: Faulty
    link: LinkFaults
    doors: Mapping[str, SessionFactory]
    each_scan: Callable[[int], None] | None = None
    by_hand: Callable[..., None] | None = None
    delay: TriggerBox | None = None
    scope: TriggeredScope | None = None

    def open_session(self) -> Session:
        """A session at the door that the rig file names."""
        return self.around(self.transport, self.doors[self.transport]())

    def around(self, transport: str, session: Session) -> Session:
        """``session`` behind this stand-in's link and its faults: one set for all doors."""
        return self.link.wrap(session, serial=transport == SERIAL)


Build = Callable[[Wiring, InstrumentSpec, tuple[Channel, ...]], StandIn]


@dataclass(frozen=True, slots=True)
class Maker:
    """Builds the stand-in of one model; ``faults`` are the lists it will have. Raises Refused for a wrong rig.yaml."""

    build: Build
    faults: tuple[Mapping[str, str], ...]

    def __call__(self, wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...]) -> StandIn:
        """Build it."""
        return self.build(wiring, spec, channels)


def link_of(spec: InstrumentSpec) -> LinkFaults:
    """The faults of an instrument's links: a serial line carries interference, the PLC's answers come late with it."""
    ordinary = Emi.GARBAGE if spec.transport == SERIAL else Emi.LOST
    emi = Emi.LATE if spec.port == "RigPlc" else ordinary
    return LinkFaults(emi=emi, seed=int.from_bytes(spec.name.encode()[-7:]))


def checked_doors(spec: InstrumentSpec, **doors: SessionFactory) -> Mapping[str, SessionFactory]:
    """``doors`` by transport, the rig file's first; a pty is opened for who names it only. Raises Refused."""
    if spec.transport not in doors:
        problem = f"the simulated {spec.model} has no {spec.transport}"
        raise _refuse(spec, "transport", problem, f"use {' or '.join(doors)}")
    others = {name: door for name, door in doors.items() if name not in (spec.transport, SERIAL)}
    return {spec.transport: doors[spec.transport], **others}


def terminals(
    wiring: Wiring, spec: InstrumentSpec, reads: tuple[str, ...], drives: tuple[str, ...]
) -> tuple[Read, Drive]:
    """The plant's readings and controls of one instrument, called by their quantity alone (``voltage_v``).

    Raises Refused, with the names, where the plant has not what the instrument needs.
    """
    plant = wiring.plant
    names = {quantity: f"{spec.name}_{quantity}" for quantity in (*reads, *drives)}
    missing = [names[quantity] for quantity in reads if names[quantity] not in plant.readings]
    missing += [names[quantity] for quantity in drives if names[quantity] not in plant.controls]
    if missing:
        raise _refuse(spec, "", f"the simulated plant knows no {', '.join(missing)}", "teach it to plant.py")
    return lambda quantity: plant.read(names[quantity]), lambda quantity, value: plant.drive(names[quantity], value)


def telling(
    advance: Callable[[int], None], look: Callable[[], Mapping[str, float]], drive: Callable[[str, float], None]
) -> Callable[[int], None]:
    """Let an instrument go on, and tell the plant what has changed at its terminals."""
    told: dict[str, float] = {}

    def each_scan(t_ns: int) -> None:
        advance(t_ns)
        for quantity, value in look().items():
            if told.get(quantity) != value:
                told[quantity] = value
                drive(quantity, value)

    return each_scan


def input_numbers(
    wiring: Wiring, spec: InstrumentSpec, channels: tuple[Channel, ...], prefix: str, known: frozenset[str]
) -> dict[int, str]:
    """Number in a channel's input (``CHAN1``: 1) -> the plant's probe, which is called like the channel.

    Raises Refused for an input that is none, and for a probe that the plant does not know.
    """
    found = {}
    for channel in channels:
        number = channel.input.removeprefix(prefix)
        if number == channel.input or not number.isdecimal():
            remedy = f"write {prefix}1, for example"
            raise _refuse(spec, "", f"channel {channel.name}: {spec.model} has no input {channel.input!r}", remedy)
        if channel.name not in known:
            problem = f"channel {channel.name}: the simulated plant knows no such probe"
            raise _refuse(spec, "", problem, f"teach it to plant.py; it knows {', '.join(sorted(known))}")
        found[int(number)] = channel.name
    return found


def serial_of(spec: InstrumentSpec, digits: int) -> str:
    """A serial number in digits that is the instrument's own: two alike may not be swapped."""
    return f"{sum(spec.name.encode()) * 7919 % 10**digits:0{digits}d}"


def _refuse(spec: InstrumentSpec, field_name: str, problem: str, remedy: str) -> Refused:
    place = f"instruments.{spec.name}" + (f".{field_name}" if field_name else "")
    return Refused([Problem("rig.yaml", 0, place, problem, remedy)])
