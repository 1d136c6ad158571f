"""One shot of a real bench as a campaign runs it: rig, core and panel as processes, a deed at one moment, the evidence.

What a judge gets is the word of others than the controller: the PLC's ring and status, read over a connection of its
own; what the simulated plant did (``witness.py``); the journal and the catalogue as they lie on the disk; the list of
processes of the machine. Every process of a trial carries its folder in the environment: that is how it is found.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from controller import messages
from controller.app.attendant import scene_of
from controller.app.booking import JOURNAL_NAME, open_catalogue
from controller.app.children import module_command
from controller.app.faultspec import DURING_S, Phase
from controller.app.panel_child import PanelJob
from controller.app.plc_reader import PlcReader, PlcSaid
from controller.app.preflight import prepare, read_rig
from controller.app.supervisor import Job, Onlooker, Outcome, Started, Supervisor, endpoints_of
from controller.app.virtual import run_virtual
from controller.app.wall_clock import shared_clock_ns, utc_label
from controller.campaign.witness import Sight, read_sights
from controller.rig.source import Refused
from controller.sequencer.verdict import Exit
from controller.shots.catalogue import ShotEntry
from controller.shots.journal import JournalError, JournalScan
from controller.shots.journal_file import load_journal

MARK = "SPARKGAP_TRIAL"
"""The environment variable that tells a trial's processes from all others."""

SHOTS = "shots"
WITNESS = "witness.jsonl"

MODULES: Mapping[str, tuple[str, ...]] = {
    "core": ("controller.app.core_process", "controller.campaign.hung_core"),
    "panel": ("controller.app.panel_process",),
    "rig": ("controller.campaign.witness",),
}
"""Role -> the modules that its process may run, the usual one first."""

EVENTS_MAX = 10_000
"""Texts of events that are kept; a run that says more is broken, and its log has the rest."""


TRIAL_S = 150.0
"""A shot takes a quarter of a minute, a misfire's no-approach time half of one; what goes on then never ends."""

STALL_S = 15.0
"""A core that hangs is killed by the supervisor after 30 s; a campaign waits less, it has half a hundred of them.

A core that writes its record is silent as well: more than 5 s were seen on two cores with a load of 25.
"""

WORDS_MAX = 2000
"""Characters kept of a core's standard error: a traceback."""


class Deed(Protocol):
    """What is done to a bench, once."""

    def prepare(self, bench: "TrialBench") -> None:
        """Before the processes start: files, a broker, other commands."""

    def act(self, bench: "TrialBench") -> None:
        """At the moment. Must not block."""

    def end(self, bench: "TrialBench") -> str:
        """When everything has ended: clean up, and say what shows that it was done (empty: it was not)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When: relative to a step of the profile."""

    step: str
    phase: Phase


@dataclass(frozen=True, slots=True)
class Trial:
    """What is known of one trial. Times are of the clock that all processes share; None: it did not come to that."""

    outcome: Outcome
    acted_ns: int | None
    shown: str
    sights: tuple[Sight, ...]
    said: PlcSaid
    steps: tuple[str, ...]
    texts: tuple[str, ...]
    frames_late_max_s: float
    panels: int
    orphans: tuple[str, ...]
    journals: Mapping[int, JournalScan | str]
    booked: tuple[ShotEntry, ...]
    core_words: str = ""
    """The end of what cores wrote to their standard error: the traceback of one that died of a defect."""
    again: str = ""

    @property
    def finished(self) -> messages.Finished | None:
        """The run's last word."""
        return self.outcome.finished


@dataclass
class TrialBench:
    """A trial under way. ``panel`` says whether there is a page; a deed may change commands and the site file."""

    folder: Path
    config: messages.RunConfig
    deed: Deed
    moment: Moment
    panel: bool = True
    site: str = ""
    core_wrap: tuple[str, ...] = ()
    core_command: tuple[str, ...] = field(default_factory=lambda: module_command(MODULES["core"][0]))
    stall_s: float = STALL_S
    acted_ns: int | None = None
    texts: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    _panels: int = 0
    _late_max_s: float = 0.0
    _reader: PlcReader | None = None
    _reading: asyncio.Task[None] | None = None
    _held: tuple[int, ...] = ()
    _marked: Mapping[int, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        """The trial's folder of shots."""
        return self.folder / SHOTS

    def find(self, role: str) -> tuple[int, ...]:
        """Process ids of this trial's processes in a role, as they are now.

        Looking through all processes takes long on a busy machine: those known from before are looked at first.
        """
        wanted = tuple(f"-m {module}" for module in MODULES[role])
        for known in (self._marked, None):
            self._marked = find_marked(self.folder, known)
            found = tuple(pid for pid, command in self._marked.items() if any(text in command for text in wanted))
            if found:
                return found
        return ()

    def marked(self, *command: str) -> tuple[str, ...]:
        """``command`` with the trial's mark in its environment; the process id stays that of the command."""
        return marked(self.folder, *command)

    async def run(self) -> Trial:
        """Run it to its end, whatever happens."""
        self.out.mkdir(parents=True, exist_ok=True)
        self.deed.prepare(self)
        supervisor = Supervisor(self._job(), Onlooker(self._hear, self._start, self._count_page))
        try:
            async with asyncio.timeout(TRIAL_S):
                outcome = await supervisor.run()
        except TimeoutError:
            outcome = Outcome(Exit.INTERNAL, problems=(f"the run did not end within {TRIAL_S:.0f} s",))
        finally:
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.wait({self._reading})
            for held in self._held:
                os.close(held)
            for timer in self.timers:
                timer.cancel()
            shown = self.deed.end(self)
        return self._collect(outcome, shown)

    def _job(self) -> Job:
        prepared = prepare(self.config)
        panel = None
        if self.panel:
            page = messages.PanelConfig(self.config.rig, self.config.out, site=self.site)
            panel = PanelJob(page, self.folder, self.marked(*module_command(MODULES["panel"][0])))
        witness = (*module_command(MODULES["rig"][0]), str(self.folder / WITNESS))
        return Job(
            self.config,
            self.folder,
            scene=scene_of(prepared.plan, prepared.rig.bank.modules),
            rig_command=self.marked(*witness),
            core_command=self.marked(*self.core_wrap, *self.core_command),
            panel=panel,
            stall_s=self.stall_s,
        )

    # --- while it runs ------------------------------------------------------------------------------------------

    def _start(self, started: Started) -> None:
        """The core is up: read the PLC from now on."""
        rig, _ = read_rig(self.config.rig)
        endpoints = endpoints_of(started.instruments)
        self._held = hold_ptys(endpoints)
        self._marked = find_marked(self.folder)
        self._reader = PlcReader(rig, endpoints)
        self._reading = asyncio.get_running_loop().create_task(self._reader.run(), name="trial: plc")

    def _count_page(self, address: str) -> None:
        self._panels += 1
        self._marked = find_marked(self.folder)

    def _hear(self, message: messages.Message) -> None:
        if isinstance(message, messages.Frame):
            self._late_max_s = max(self._late_max_s, message.late_s)
        elif isinstance(message, messages.Event):
            if len(self.texts) < EVENTS_MAX:
                self.texts.append(message.text)
        elif isinstance(message, messages.StepEntered):
            self._follow(message)

    def _follow(self, entered: messages.StepEntered) -> None:
        if entered.phase == "enter":
            self.steps.append(entered.id)
        wanted = "done" if self.moment.phase is Phase.AFTER else "enter"
        if self.acted_ns is not None or (entered.id, entered.phase) != (self.moment.step, wanted):
            return
        if self.moment.phase is Phase.DURING:
            self.later(DURING_S, self._act)
        else:
            self._act()

    def later(self, delay_s: float, what: Callable[[], None]) -> None:
        """Do it after a while, unless the trial has ended by then."""
        self.timers.append(asyncio.get_running_loop().call_later(delay_s, what))

    def _act(self) -> None:
        self.stamp()
        self.deed.act(self)

    def stamp(self) -> None:
        """The deed is done now."""
        self.acted_ns = shared_clock_ns()

    # --- afterwards ---------------------------------------------------------------------------------------------

    def _collect(self, outcome: Outcome, shown: str) -> Trial:
        return Trial(
            outcome=outcome,
            acted_ns=self.acted_ns,
            shown=shown,
            sights=tuple(read_sights(self.folder / WITNESS)),
            said=self._reader.said if self._reader is not None else PlcSaid(),
            steps=tuple(self.steps),
            texts=tuple(self.texts),
            frames_late_max_s=self._late_max_s,
            panels=self._panels,
            orphans=tuple(find_marked(self.folder).values()),
            journals=read_journals(self.out),
            booked=read_catalogue(self.config),
            core_words=tail_of(self.folder / "core.stderr"),
        )


def hold_ptys(endpoints: Mapping[str, Mapping[str, str]]) -> tuple[int, ...]:
    """Open every pty of the stand-ins, so that no other bench of this machine gets its number before the trial ends.

    A core whose rig was killed asks for its charger again, at an address that may be another trial's by then.
    """
    addresses = (entry["serial"] for entry in endpoints.values() if "serial" in entry)
    return tuple(os.open(address, os.O_RDWR | os.O_NOCTTY) for address in addresses)


def tail_of(path: Path) -> str:
    """The last characters of a text file; empty when there is none."""
    return path.read_text(encoding="utf-8", errors="replace")[-WORDS_MAX:] if path.exists() else ""


def trial_config(rig: str, profile: str, folder: Path, overrides: Mapping[str, str], seed: int) -> messages.RunConfig:
    """What a trial in ``folder`` runs."""
    return messages.RunConfig(rig, profile, str(folder / SHOTS), seed, dict(overrides), started_utc=utc_label())


def run_again(config: messages.RunConfig) -> str:
    """The next shot in the same folder, on virtual time: ``exit N``, or why it was refused."""
    try:
        finished = run_virtual(config, lambda message: None, lambda: "")
    except Refused as refused:
        return "; ".join(str(problem) for problem in refused.problems)
    return f"exit {finished.exit}"


def marked(folder: Path, *command: str) -> tuple[str, ...]:
    """``command`` with the mark of the trial in ``folder``."""
    return ("env", f"{MARK}={folder}", *command)


def find_marked(folder: Path, among: Iterable[int] | None = None) -> dict[int, str]:
    """Process id -> command line of every process that carries the mark of the trial in ``folder``.

    ``among`` are the process ids to look at (None: all there are).
    """
    mark = f"{MARK}={folder}".encode()
    if among is None:
        among = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    found = {}
    for pid in among:
        entry = Path(f"/proc/{pid}")
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found[pid] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except OSError:  # it has ended meanwhile
            continue
    return found


def kill_marked(folder: Path) -> None:
    """End what a trial has left behind: nothing, unless it failed."""
    for pid in find_marked(folder):
        os.kill(pid, signal.SIGKILL)


def read_journals(out: Path) -> dict[int, JournalScan | str]:
    """Shot number -> what its journal holds, or what is wrong with it."""
    found: dict[int, JournalScan | str] = {}
    for path in sorted(out.glob(f"*-*/{JOURNAL_NAME}")):
        try:
            found[int(path.parent.name[:6])] = load_journal(path)
        except (JournalError, OSError) as trouble:
            found[int(path.parent.name[:6])] = str(trouble)
    return found


def read_catalogue(config: messages.RunConfig) -> tuple[ShotEntry, ...]:
    """The shots that are booked, oldest first; none when the catalogue cannot be read."""
    try:
        catalogue = open_catalogue(config, Path(config.out))
    except Refused:
        return ()
    try:
        return catalogue.list()[::-1]
    finally:
        catalogue.close()
