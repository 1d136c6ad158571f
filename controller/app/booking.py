"""A shot's entry in the catalogue, its folder and its journal: made before anything is energised."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from controller.app.preflight import CATALOGUE, Prepared
from controller.messages import RunConfig
from controller.rig.source import Problem, Refused
from controller.runtime.core import fire_mask, gate_s
from controller.runtime.offload import Offload
from controller.runtime.orders import ShotTicket
from controller.shots.catalogue import Catalogue, CatalogueUnusable
from controller.shots.journal import JournalError
from controller.shots.journal_file import JournalFile

JOURNAL_NAME = "journal.sgj"
"""The journal's file in a shot's folder."""


@dataclass(frozen=True, slots=True)
class Booking:
    """A shot's entry in the catalogue and its folder."""

    catalogue: Catalogue
    ticket: ShotTicket
    folder: Path
    journal: JournalFile


def derive_id(seed: int, rig: str, number: int) -> str:
    """A shot id that looks like a UUID and follows from seed, rig and number (design.md 2)."""
    digest = hashlib.blake2b(f"{seed}/{rig}/{number}".encode(), digest_size=16).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


def open_catalogue(config: RunConfig, out: Path) -> Catalogue:
    """The catalogue of a run. Raises Refused when it cannot be used."""
    try:
        return Catalogue.open(config.catalogue or out / CATALOGUE)
    except CatalogueUnusable as trouble:
        raise refusal_of(trouble) from None


def refusal_of(trouble: CatalogueUnusable) -> Refused:
    """A catalogue that fails before anything is energised keeps the shot from starting."""
    return Refused([Problem(trouble.place, 0, "catalogue", trouble.problem, trouble.remedy)])


async def book_shot(
    prepared: Prepared, catalogue: Catalogue, offload: Offload, consent_input: bool, evidence: str
) -> Booking:
    """Number the shot, make its folder, its entry and its journal. Raises Refused when the disk refuses.

    ``evidence`` is what has just taken an unproven end's mark away, empty when none stood: the journal keeps it.
    """
    config, plan = prepared.config, prepared.plan
    number = await offload(lambda: catalogue.reserve_number(prepared.rig.name, config.started_utc))
    shot_id = derive_id(config.seed, prepared.rig.name, number)
    ticket = ShotTicket(
        number,
        shot_id,
        prepared.rig.rig_id,
        number,
        fire_mask(plan),
        gate_s(plan),
        prepared.rig.bank.charge_rate_v_per_s,
        consent_input,
    )
    folder = prepared.out / f"{number:06d}-{plan.profile}"
    header = {
        "shot": number,
        "shot_id": shot_id,
        "rig": prepared.rig.name,
        "profile": plan.profile,
        "profile_sha256": plan.profile_sha256,
        "rig_sha256": plan.rig_sha256,
        "started_utc": config.started_utc,
        "operator": config.operator,
        "purpose": config.purpose or plan.purpose,
    }
    if evidence:
        header |= {"unconfirmed_cleared": evidence}

    def create() -> JournalFile:
        folder.mkdir()
        catalogue.update(
            number,
            shot_id=shot_id,
            kind=plan.kind.value,
            profile=plan.profile,
            load=config.load or plan.load,
            operator=config.operator,
            purpose=config.purpose or plan.purpose,
            profile_sha256=plan.profile_sha256,
            rig_sha256=plan.rig_sha256,
            faults=" ".join(config.faults),
        )
        if config.tags:
            catalogue.tag(number, *config.tags)
        if config.comment:
            catalogue.comment(number, config.started_utc, config.operator, config.comment)
        return JournalFile.create(folder / JOURNAL_NAME, header)

    try:
        journal = await offload(create)
    except (JournalError, OSError) as trouble:
        remedy = "free the disk, or give another --out"
        raise Refused([Problem(str(folder), 0, "journal", str(trouble), remedy)]) from None
    return Booking(catalogue, ticket, folder, journal)


async def book_refusal(booking: Booking, refused: Refused, offload: Offload) -> Refused:
    """A shot that was numbered and then refused by the bench never began: nothing is left to recover.

    Returns the refusal, with what kept it from being booked, if anything did.
    """
    reason = "; ".join(problem.problem for problem in refused.problems)

    def enter() -> None:
        booking.catalogue.update(booking.ticket.number, verdict="aborted", ended="refused", reason=reason)
        if booking.journal.alive:
            booking.journal.seal({"ended": "refused", "reason": reason})

    try:
        await offload(enter)
    except CatalogueUnusable as trouble:
        return Refused([*refused.problems, *refusal_of(trouble).problems])
    except (JournalError, OSError) as trouble:
        problem = Problem(str(booking.journal.path), 0, "journal", str(trouble), "check the disk")
        return Refused([*refused.problems, problem])
    return refused
