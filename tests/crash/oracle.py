"""What must hold after a shot whose disk was harmed, and after the recovery from it (safety.md section 6).

The witness is the PLC's own ring of events, which knows nothing of the journal: what it says happened is compared
with what the journal and the catalogue say.
"""

from pathlib import Path
from typing import Any

from controller.shots.catalogue import CATALOGUE_NAME, Catalogue, ShotEntry
from controller.shots.journal import Damage, JournalScan, scan_journal
from drivers.wire.plc import EventCode, PlcCommand, Refusal
from tests.crash.bench import End, Point

RAISING = frozenset(
    {
        *(PlcCommand.PERMIT, PlcCommand.CHARGE, PlcCommand.ISOLATE, PlcCommand.FIRE_ENABLE, PlcCommand.FIRE),
        PlcCommand.RUN,
    }
)
"""Commands on the way to more energy or to a pulse."""

INTENTS = (
    (PlcCommand.PERMIT, "permit"),
    (PlcCommand.CHARGE, "charge_intent"),
    (PlcCommand.RUN, "run_intent"),
)
"""A command of the PLC -> the record that stands on the disk before it is sent."""

SAFE_V = 50.0


def journal_of(out: Path) -> bytes:
    """The bytes of the only shot's journal, empty when there is none."""
    path = next(out.glob("000001-*/journal.sgj"), None)
    return b"" if path is None else path.read_bytes()


def entry_of(out: Path) -> ShotEntry | None:
    """The catalogue's entry of shot 1, None without one. Raises CatalogueUnusable for a damaged catalogue."""
    catalogue = Catalogue.open(out / CATALOGUE_NAME)
    try:
        return next((entry for entry in catalogue.list() if entry.number == 1), None)
    finally:
        catalogue.close()


def commands(events: list[list[Any]], of: frozenset[PlcCommand]) -> list[PlcCommand]:
    """Commands of ``of`` that the PLC accepted, by its own ring."""
    taken = [(event[3] >> 8, event[3] & 0xFF) for event in events if event[2] == EventCode.COMMAND]
    return [PlcCommand(what) for what, ack in taken if ack == Refusal.ACCEPTED and PlcCommand(what) in of]


def fired(events: list[list[Any]]) -> int:
    """Fire pulses, by the PLC's own ring."""
    return sum(event[2] == EventCode.FIRE for event in events)


def judge_shot(control: bytes, point: Point, end: End, out: Path) -> list[str]:
    """Every way in which a harmed shot went wrong; empty when nothing did."""
    data = journal_of(out)
    scan = scan_journal(data)
    wrong = _judge_journal(control, point, data, scan)
    pulses = fired(end.events)
    if pulses > 1:
        wrong.append(f"{pulses} fire pulses")
    if pulses and "fire_intent" not in scan.kinds():
        wrong.append("a fire pulse without a fire_intent in the journal")
    for command, kind in INTENTS:
        if commands(end.events, frozenset({command})) and kind not in scan.kinds():
            wrong.append(f"{command.name} was carried out without {kind} in the journal")
    if point.harm == "KILL":
        return wrong if end.status == -9 else [*wrong, f"the process was not killed but ended with {end.status}"]
    return wrong + _judge_survivor(end)


def _judge_journal(control: bytes, point: Point, data: bytes, scan: JournalScan) -> list[str]:
    if data and scan.damage is Damage.CORRUPT:
        return [f"the journal is corrupt: {scan.problem}"]
    if point.harm == "KILL" and not control.startswith(data):
        return ["what a killed shot left is no prefix of the whole journal"]
    whole = scan_journal(control).kinds()
    kinds = scan.kinds()
    same = next((n for n, (a, b) in enumerate(zip(kinds, whole, strict=False)) if a != b), min(len(kinds), len(whole)))
    left_over = {"dump_intent", "dump_done", "safe_verified", "capture_start", "capture_done", "verdict", "sealed"}
    stray = [kind for kind in kinds[same:] if kind not in left_over]
    return [f"records that do not belong to an abort: {stray}"] if stray else []


def _judge_survivor(end: End) -> list[str]:
    """A process that lived on after an error: it ended by itself, and the bench is safe."""
    told = end.finished or {}
    if end.status != 0 or "raised" in told:
        return [f"it ended with {end.status}: {told.get('raised', '')[-600:]}"]
    wrong = []
    if end.voltage_v >= SAFE_V:
        wrong.append(f"{end.voltage_v:.0f} V are left")
    if "refused" in told:
        return wrong + [f"{name.name} before a refusal" for name in commands(end.events, RAISING)]
    if told["exit"] not in (0, 1, 3, 5):
        wrong.append(f"exit {told['exit']}")
    if told["exit"] == 3 and not told["safe"].startswith("verified"):
        wrong.append(f"aborted and {told['safe']}")
    return wrong


def judge_recovery(before: End, end: End, kinds: tuple[str, ...], out: Path) -> list[str]:
    """Every way in which the recovery of a killed shot went wrong. ``kinds``: the journal as the shot left it."""
    wrong = _judge_survivor(end)
    if wrong:
        return wrong
    told = end.finished or {}
    again = commands(end.events[len(before.events) :], RAISING)
    if again or fired(end.events) != fired(before.events):
        wrong.append(f"the recovery sent {again}")
    if not told["safe"].startswith("verified") or told["exit"] != 3:
        wrong.append(f"exit {told['exit']}, {told['safe']}")
    entry = entry_of(out)
    if entry is None:
        return wrong if not kinds else [*wrong, "the catalogue has no entry"]
    if not entry.ended:
        wrong.append("the shot is still open in the catalogue")
    if entry.ended == "interrupted":
        wrong += _judge_booking(before, kinds, entry, out)
    return wrong


def _judge_booking(before: End, kinds: tuple[str, ...], entry: ShotEntry, out: Path) -> list[str]:
    wrong = []
    unknown = "fire_intent" in kinds and "fire_result" not in kinds
    if unknown != ("UNKNOWN-FIRED" in entry.reason):
        wrong.append(f"fire intent without result is {unknown}, the catalogue says {entry.reason!r}")
    answer = "was given" if fired(before.events) else "was not given"
    if unknown and not entry.reason.endswith(answer):
        wrong.append(f"the ring has {fired(before.events)} pulses, the catalogue says {entry.reason!r}")
    scan = scan_journal(journal_of(out))
    if kinds and not scan.sealed and "recovered" not in scan.kinds():
        wrong.append("the journal does not say that it was recovered")
    if scan.damage is not Damage.NONE:
        wrong.append(f"the recovered journal is {scan.damage.value}")
    return wrong
