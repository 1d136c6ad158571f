"""A whole shot on virtual time for tests of what goes wrong: the run's result beside the plant's own account of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from controller.app import virtual
from controller.app.rig_sim import SimulatedRig
from controller.messages import Event, Finished, Message, RunConfig, StepEntered
from drivers.wire.plc import EventCode
from firmware_sim.plant.trigger import TriggerEdges

QUICK = {"voltage": "1 kV", "hold": "0 s"}
"""A full shot at 1 kV: its verdict is fail (the limits hold for 3 kV), so a healthy one exits with 1."""


@dataclass
class Run:
    """One run: its last word, its messages, the simulated bench as the run left it, the folder of its shots."""

    finished: Finished
    messages: list[Message]
    rig: SimulatedRig
    out: Path
    steps: list[str] = field(default_factory=list)

    @property
    def fire_pulses(self) -> int:
        """FIRE events in the PLC's own ring."""
        return sum(event.code == EventCode.FIRE for event in self.rig.plc.events)

    @property
    def shots(self) -> int:
        """Pulses that the plant saw: currents in modules."""
        return sum("module peak" in text for _, text in self.rig.plant.log)

    @property
    def texts(self) -> list[str]:
        """Texts of the published events."""
        return [message.text for message in self.messages if isinstance(message, Event)]

    def assert_plant_is_safe(self, dumps: bool = True, contactor: bool = True) -> None:
        """By the plant's state alone: every module below V_safe and, unless a relay is broken, both dumps closed."""
        plant = self.rig.plant
        assert max(plant.bank.voltage_v) < 50.0
        assert not dumps or (plant.chain.dump_a.closed and plant.chain.dump_b.closed)
        assert not contactor or not plant.chain.contactor.closed
        assert self.fire_pulses <= 1 and self.shots <= 1


class Bench:
    """Runs shots in a folder of its own; ``rigs`` are the benches of the runs, in order.

    ``each_scan`` hears of every PLC scan of the simulated bench.
    """

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.out = out
        self.rigs: list[SimulatedRig] = []
        self.each_scan: Callable[[SimulatedRig], None] = lambda rig: None
        bench = self

        class Watched(SimulatedRig):
            def __init__(self, *parts: Any) -> None:
                super().__init__(*parts)
                bench.rigs.append(self)

            def _scan(self, t_ns: int) -> TriggerEdges | None:
                edges = super()._scan(t_ns)
                bench.each_scan(self)
                return edges

        monkeypatch.setattr(virtual, "SimulatedRig", Watched)

    def run(
        self,
        *faults: str,
        profile: str = "full",
        overrides: Mapping[str, str] = QUICK,
        abort: Callable[[], str] = lambda: "",
        on_message: Callable[[Message], None] = lambda message: None,
        seed: int = 1,
    ) -> Run:
        """One shot to its end. Raises Refused like the run itself."""
        messages: list[Message] = []

        def hear(message: Message) -> None:
            messages.append(message)
            on_message(message)

        config = RunConfig("railgun_bench", profile, str(self.out), seed, dict(overrides), faults=faults)
        finished = virtual.run_virtual(config, hear, abort)
        steps = [message.id for message in messages if isinstance(message, StepEntered) and message.phase == "enter"]
        return Run(finished, messages, self.rigs[-1], self.out, steps)
