"""A folder of shots with a train of 5,000 pulses in it, made without a bench: no bench yields one yet."""

from dataclasses import replace
from pathlib import Path

from controller.shots.catalogue import Catalogue
from controller.shots.model import PulseTrain, ShotRecord
from controller.shots.record import write_record
from controller.shots.report import write_report
from tests.unit.shots.trains import train, train_shot

STARTED = "2026-11-20T09:00:00+00:00"


def store_trains(out: Path, rig: str, trains: tuple[PulseTrain, ...] = (), captures: bool = False) -> ShotRecord:
    """Store one shot with ``trains`` (by default one of 5,000 pulses), its report and its row in the catalogue."""
    out.mkdir(parents=True, exist_ok=True)
    catalogue = Catalogue.open(out)
    number = catalogue.reserve_number(rig, STARTED)
    record = train_shot(number, trains or (train(),), captures)
    record = replace(record, identity=replace(record.identity, rig=rig, started_utc=STARTED), ended_utc=STARTED)
    folder = out / f"{number:06d}-train"
    folder.mkdir()
    digest = write_record(record, folder / "shot.nxs")
    catalogue.add_file(number, "record", str(folder / "shot.nxs"), digest)
    report = write_report(record, folder / "report.html", digest)
    catalogue.add_file(number, "report", str(folder / "report.html"), report)
    told = {"kind": record.kind, "profile": record.profile, "load": record.load, "verdict": record.verdict}
    catalogue.update(number, **told, ended="completed", ended_utc=STARTED, shot_id=record.identity.shot_id)
    catalogue.close()
    return record
