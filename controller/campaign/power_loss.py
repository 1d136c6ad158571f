"""The controller's power fails in mid-shot: the bench is elsewhere and goes on, and a controller comes back later.

The bench is a rig child of its own, the controller ``sparkgap run --lab`` with its core; at the moment every process
of the controller gets SIGKILL. What was being written to the journal is torn. When the PLC shows no energy somebody
resets it, and the next ``sparkgap run`` in the same folder has to book the interrupted shot.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path

import msgspec

from controller import messages
from controller.app.booking import JOURNAL_NAME
from controller.app.children import STOP_TIMEOUT_S, Child, first_object, module_command, start_child
from controller.app.faultspec import DURING_S, Phase
from controller.app.plc_reader import ARMED, PlcReader, PlcSaid
from controller.app.preflight import read_rig
from controller.app.supervisor import Outcome, endpoints_of
from controller.app.wall_clock import shared_clock_ns
from controller.campaign.trial_bench import (
    MODULES,
    SHOTS,
    WITNESS,
    Moment,
    Trial,
    find_marked,
    hold_ptys,
    marked,
    read_catalogue,
    read_journals,
)
from controller.campaign.witness import read_sights
from controller.shots.journal import JournalScan, encode_record
from controller.shots.journal_file import load_journal

TORN_BYTES = 3
"""Missing from the record that was being written when the power went."""

SAFE_S = 45.0
"""Longest wait for the PLC to have taken the energy away, with a misfire's time of no approach."""

BACK_S = 2.0
"""Nobody is back sooner after a power failure. The PLC, which reported SAFE a moment ago, may have been given a permit
since then, and notices within its watchdog's 0.5 s that nobody is there: what it says before that is of the past."""

RUN_S = 90.0
"""Longest time for one run of the controller: a shot takes a quarter of a minute, and on a machine with ten times the
work that it can do a whole one. No bar of a row: what is judged is what the bench did."""

RESET_S = 0.5
RESETS_MAX = 20
"""Presses of the local reset, half a second apart: it works when cause and energy are gone."""


class PowerLoss:
    """One trial; :meth:`run` does all of it."""

    def __init__(self, folder: Path, config: messages.RunConfig, moment: Moment) -> None:
        self._folder = folder
        self._config = config
        self._moment = moment
        self._acted_ns: int | None = None
        self._said: list[str] = []

    async def run(self) -> Trial:
        """Fire up, switch off, come back."""
        (self._folder / SHOTS).mkdir(parents=True, exist_ok=True)
        witness = (*module_command(MODULES["rig"][0]), str(self._folder / WITNESS))
        order = {"rig": self._config.rig, "seed": self._config.seed, "instrument": ""}
        rig = await start_child("rig", marked(self._folder, *witness), json.dumps(order).encode(), self._folder)
        try:
            instruments = (await first_object(rig))["instruments"]
            return await self._on(rig, endpoints_of(instruments))
        finally:
            await rig.stop(STOP_TIMEOUT_S)

    async def _on(self, rig: Child, endpoints: dict[str, dict[str, str]]) -> Trial:
        model, _ = read_rig(self._config.rig)
        held = hold_ptys(endpoints)
        (self._folder / "lab.yaml").write_text(lab_text(model.name, endpoints), encoding="utf-8")
        reader = PlcReader(model, endpoints)
        reading = asyncio.create_task(reader.run(), name="trial: plc")
        try:
            killed = await self._run_and_kill(rig)
            await until_safe(reader)
            torn = tear_journal(self._folder / SHOTS)
            await self._reset(rig, reader)
            code = await self._come_back()
        finally:
            reading.cancel()
            await asyncio.wait({reading})
            for descriptor in held:
                os.close(descriptor)
        await rig.stop(STOP_TIMEOUT_S)
        return Trial(
            outcome=Outcome(code, problems=tuple(self._said[-3:])),
            acted_ns=self._acted_ns,
            shown=f"SIGKILL to {killed}, {torn}" if killed else "",
            sights=tuple(read_sights(self._folder / WITNESS)),
            said=reader.said,
            steps=(),
            texts=tuple(self._said),
            frames_late_max_s=0.0,
            panels=0,
            orphans=tuple(find_marked(self._folder).values()),
            journals=read_journals(self._folder / SHOTS),
            booked=read_catalogue(self._config),
        )

    async def _run_and_kill(self, rig: Child) -> list[int]:
        settings = [text for name, value in self._config.overrides.items() for text in ("--set", f"{name}={value}")]
        process = await self._sparkgap(self._config.profile_path, *settings)
        try:
            async with asyncio.timeout(RUN_S):
                came = await self._until_step(process)
        except TimeoutError:
            raise TimeoutError(f"step {self._moment.step} did not begin within {RUN_S:.0f} s") from None
        if not came:
            return []
        if self._moment.phase is not Phase.BEFORE:
            await asyncio.sleep(DURING_S)
        pids = [pid for pid in find_marked(self._folder) if pid != rig.pid]
        self._acted_ns = shared_clock_ns()
        for pid in sorted(pids, reverse=True):
            os.kill(pid, signal.SIGKILL)
        await process.communicate()
        return pids

    async def _until_step(self, process: Process) -> bool:
        """Whether the step began before the run ended."""
        wanted = f"step {self._moment.step}"
        while process.stdout is not None and (line := await process.stdout.readline()):
            self._said.append(line.decode(errors="replace").rstrip())
            if self._said[-1].endswith(wanted):
                return True
        await process.wait()
        return False

    async def _come_back(self) -> int:
        process = await self._sparkgap("noise", "--waive", "scope_1", "--waive", "scope_2")
        try:
            async with asyncio.timeout(RUN_S):
                out, _ = await process.communicate()
        except TimeoutError:
            raise TimeoutError(f"the controller that came back was not done within {RUN_S:.0f} s") from None
        self._said += out.decode(errors="replace").splitlines()
        return process.returncode if process.returncode is not None else -1

    async def _sparkgap(self, profile: str, *options: str) -> Process:
        command = (*module_command("controller.cli"), "run", profile, "--rig", self._config.rig)
        places = ("--lab", str(self._folder / "lab.yaml"), "--out", str(self._folder / SHOTS))
        return await asyncio.create_subprocess_exec(
            *marked(self._folder, *command, *places, *options),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )

    async def _reset(self, rig: Child, reader: PlcReader) -> None:
        for _ in range(RESETS_MAX):
            if reader.said.state == "SAFE":
                return
            rig.control.send(msgspec.json.encode(messages.Control(press="local_reset")))
            await asyncio.sleep(RESET_S)
        self._said.append(f"no reset: PLC in {reader.said.state}, {', '.join(reader.said.flags)}")


async def until_safe(reader: PlcReader) -> None:
    """Wait for the PLC to have noticed, and to have taken the energy away. Raises TimeoutError."""
    try:
        async with asyncio.timeout(SAFE_S):
            await asyncio.sleep(BACK_S)
            await reader.until(has_no_energy)
    except TimeoutError:
        raise TimeoutError(f"the PLC did not take the energy away within {SAFE_S:.0f} s") from None


def has_no_energy(said: PlcSaid) -> bool:
    """Whether the PLC has taken the energy away and shown it."""
    return said.state not in ARMED and said.state != "DUMPING" and "ENERGY_SAFE" in said.flags


def tear_journal(out: Path) -> str:
    """Leave the beginning of a record behind an unfinished journal: what was durable stays, what came next is torn."""
    for path in sorted(out.glob(f"*-*/{JOURNAL_NAME}")):
        scan: JournalScan = load_journal(path)
        if scan.sealed:
            continue
        torn = encode_record(scan.head, len(scan.records), "event", {"text": "power"})[:-TORN_BYTES]
        with path.open("ab") as journal:
            journal.write(torn)
        return f"{len(torn)} bytes of a torn record"
    return "the journal was closed already"


def lab_text(rig: str, endpoints: Mapping[str, Mapping[str, str]]) -> str:
    """A lab file of these endpoints."""
    lines = ["lab: 1", f"rig: {rig}", "instruments:"]
    for name, entry in endpoints.items():
        addresses = ", ".join(f'{transport}: "{address}"' for transport, address in entry.items())
        lines.append(f"  {name}: {{{addresses}}}")
    return "\n".join(lines) + "\n"
