"""What runs in a process that is going to be killed: a whole shot on virtual time, or a recovery after one.

The PLC stands in the same process here, so its ring of events must outlive it in another way: after every scan that
added one, the ring is copied into shared memory. Stores into memory are no system calls: nothing that is counted or
injected is moved by the witness.
"""

import asyncio
import json
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from controller.app import shot, virtual
from controller.app.benches import build_plant
from controller.app.preflight import prepare, read_bounded
from controller.app.recovery import recover
from controller.app.rig_sim import SimulatedRig
from controller.messages import Finished, RunConfig
from controller.rig.source import Refused
from controller.runtime.offload import inline
from controller.runtime.virtual_loop import run_virtual
from drivers.wire.plc import ARMED_STATES, EventCode, PlcEvent, PlcState
from firmware_sim.plant.bench import BenchPlant
from firmware_sim.plant.contract import Edges
from firmware_sim.plant.tube_bench.bench import TubeBench
from firmware_sim.plc.machine import ControlState
from firmware_sim.plc.ring import Ring

WITNESS_BYTES = 1 << 17
"""A ring of 256 events is 20 kB of JSON; the rest is room for the result."""

HEAD_BYTES = 8


class Witness:
    """Shared memory that says what the bench did, readable after the process is gone."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, WITNESS_BYTES)
        self._facts: dict[str, Any] = {"events": [], "voltage_v": 0.0, "state": "", "finished": None}

    def keep(self, **facts: Any) -> None:
        """Replace facts. Raises ValueError for more than the memory holds."""
        self._facts.update(facts)
        data = json.dumps(self._facts).encode()
        if HEAD_BYTES + len(data) > WITNESS_BYTES:
            raise ValueError(f"{len(data)} bytes of evidence")
        self._memory[HEAD_BYTES : HEAD_BYTES + len(data)] = data
        self._memory[:HEAD_BYTES] = len(data).to_bytes(HEAD_BYTES, "little")

    def read(self) -> dict[str, Any]:
        """All facts so far."""
        size = int.from_bytes(self._memory[:HEAD_BYTES], "little")
        facts: dict[str, Any] = json.loads(self._memory[HEAD_BYTES : HEAD_BYTES + size]) if size else dict(self._facts)
        return facts


def watched(witness: Witness) -> type[SimulatedRig]:
    """A simulated bench whose ring and voltage are kept in ``witness``."""

    class WatchedRig(SimulatedRig):
        _head = 0

        def _scan(self, t_ns: int) -> Edges | None:
            edges = super()._scan(t_ns)
            if self.plc.ring.head != self._head:
                self._head = self.plc.ring.head
                self.keep_state()
            return edges

        async def stop(self) -> None:
            self.keep_state()
            await super().stop()

        def keep_state(self) -> None:
            witness.keep(
                events=[[e.number, e.scan, e.code, e.detail, e.value, e.first_fault] for e in self.plc.events],
                voltage_v=self.plant.truth().highest_v,
                state=self.plc.control.state.name,
            )

    return WatchedRig


def run_shot(config: RunConfig, witness: Witness) -> None:
    """One shot to its end, or to this process's."""
    vars(virtual)["SimulatedRig"] = watched(witness)
    try:
        finished = virtual.run_virtual(config, lambda message: None, lambda: "")
    except Refused as refused:
        witness.keep(finished={"refused": [str(problem) for problem in refused.problems]})
    else:
        witness.keep(finished=_told(finished))


def run_recovery(config: RunConfig, before: dict[str, Any], witness: Witness) -> None:
    """What the supervisor does after a dead core, on a bench as that core left it."""
    witness.keep(finished=_told(run_virtual(_recover(config, before, witness))))


async def _recover(config: RunConfig, before: dict[str, Any], witness: Witness) -> Finished:
    prepared = prepare(config)
    rig = watched(witness)(
        prepared.rig,
        build_plant(config.rig, config.seed),
        read_bounded(prepared.files.plc).decode(),
        str(prepared.files.plc),
        config.seed,
        inline,
    )
    _leave(rig, before)
    rig.start()
    try:
        world = shot.World(
            connects=rig.connects(),
            offload=inline,
            publish=lambda message: None,
            utc=lambda: virtual.label_of(config.seed, asyncio.get_running_loop().time()),
            today=virtual.EPOCH.date(),
            simulated=True,
            virtual=True,
            predicted={},
        )
        return await recover(prepared.rig, config, world)
    finally:
        await rig.stop()


def _leave(rig: SimulatedRig, before: dict[str, Any]) -> None:
    """The bench as a dead core leaves it: tripped where it was armed, the ring and the charge as they were."""
    plc, state = rig.plc, PlcState[before["state"]] if before["state"] else PlcState.SAFE
    if state in ARMED_STATES or state in (PlcState.DUMPING, PlcState.TRIP):
        plc._start(plc.boot_id, ControlState(state=PlcState.TRIP))
        if isinstance(rig.plant, TubeBench):
            rig.plant.store.set_voltage(before["voltage_v"])
        else:
            voltage_v = cast(BenchPlant, rig.plant).bank.voltage_v
            voltage_v[:] = [before["voltage_v"]] * len(voltage_v)
    plc.ring = Ring()
    for fields in before["events"]:
        event = PlcEvent(*fields)
        plc.ring.record(event.scan, EventCode(event.code), event.detail, event.value, event.first_fault)


def _told(finished: Finished) -> dict[str, Any]:
    return {"exit": finished.exit, "ended": finished.ended, "reason": finished.reason, "safe": finished.safe}


def shorten_write(number: int) -> None:
    """From now on the ``number``-th os.write of this process writes half of its data and says so: a full disk does."""
    write, left = os.write, [number]

    def short(fd: int, data: Any, /) -> int:
        left[0] -= 1
        return write(fd, memoryview(data)[: len(data) // 2] if left[0] == 0 else data)

    os.write = short


Job = Callable[[Witness], None]


def job_of(order: dict[str, Any]) -> Job:
    """The job that an order of the forge asks for. Raises KeyError for an unknown one."""
    config = RunConfig(
        order["rig"],
        order["profile"],
        order["out"],
        order["seed"],
        order["overrides"],
        started_utc=virtual.label_of(order["seed"], 0.0),
    )
    jobs: dict[str, Job] = {
        "shot": lambda witness: run_shot(config, witness),
        "recover": lambda witness: run_recovery(config, order["before"], witness),
    }
    job = jobs[order["job"]]
    if order.get("short"):
        shorten_write(order["short"])
    Path(order["out"]).mkdir(parents=True, exist_ok=True)
    return job
