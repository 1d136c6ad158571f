"""Traces of other programs become a shot of their own: numbered, recorded, catalogued, never judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from controller.rig.source import Problem, Refused
from controller.shots.catalogue import Catalogue
from controller.shots.hashing import hash_bytes
from controller.shots.imports.formats import channel_names, read_traces
from controller.shots.imports.trace import FILE_MAX, BadFile
from controller.shots.model import ChannelCapture, Person, ShotIdentity, ShotRecord
from controller.shots.record import RecordUnusable, write_record

RIG = "import"
KIND = "import"
REASON = "imported traces; nothing was judged"


@dataclass(frozen=True, slots=True)
class Imported:
    """The shot that holds the traces."""

    number: int
    path: Path
    captures: tuple[ChannelCapture, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What a person says of the traces."""

    title: str = ""
    operator: str = "unnamed"
    tags: tuple[str, ...] = ()


def read_files(files: Sequence[Path]) -> tuple[ChannelCapture, ...]:
    """All traces of all files, channels named once each. Raises Refused with every file that cannot be read."""
    problems: list[Problem] = []
    found = []
    for path in files:
        try:
            if path.stat().st_size > FILE_MAX:
                raise BadFile(f"it is larger than {FILE_MAX} bytes", "export a shorter trace")
            data = path.read_bytes()
            settings = {"file": path.name, "sha256": hash_bytes(data)}
            found += [(trace, path.name, settings) for trace in read_traces(data, path.name)]
        except OSError as error:
            problems.append(Problem(str(path), 0, "", f"cannot be read: {error.strerror or error}", "check its name"))
        except BadFile as error:
            problems.append(Problem(str(path), 0, "", str(error), error.remedy))
    if problems:
        raise Refused(problems)
    names = channel_names(trace.name for trace, _, _ in found)
    return tuple(
        trace.capture(name, source, settings) for name, (trace, source, settings) in zip(names, found, strict=True)
    )


def import_traces(files: Sequence[Path], folder: Path, catalogue: str, about: About, at_utc: str) -> Imported:
    """Record the traces of ``files`` as a new shot in ``folder``. Raises Refused, RecordUnusable, CatalogueUnusable."""
    captures = read_files(files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            [Problem(str(folder), 0, "", f"cannot be made: {error.strerror}", "name another folder")]
        ) from None
    opened = Catalogue.open(catalogue or folder)
    try:
        return _record(opened, folder, captures, about, at_utc)
    finally:
        opened.close()


def _record(
    catalogue: Catalogue, folder: Path, captures: tuple[ChannelCapture, ...], about: About, at_utc: str
) -> Imported:
    number = catalogue.reserve_number(RIG, at_utc)
    place = folder / f"{number:06d}-{RIG}"
    record = _shot(number, captures, about, at_utc)
    try:
        place.mkdir()
        sha256 = write_record(record, place / "shot.nxs")
    except (OSError, RecordUnusable) as error:
        catalogue.update(number, verdict="error", ended="aborted", reason=str(error)[:400], ended_utc=at_utc)
        if isinstance(error, OSError):
            problem = f"cannot be written: {error.strerror or error}"
            raise Refused([Problem(str(place), 0, "", problem, "name another folder")]) from error
        raise
    catalogue.update(
        number,
        shot_id=record.identity.shot_id,
        kind=KIND,
        profile=KIND,
        operator=about.operator,
        verdict=record.verdict,
        ended=record.ended,
        reason=REASON,
        ended_utc=at_utc,
    )
    catalogue.add_file(number, "record", str(place / "shot.nxs"), sha256)
    catalogue.tag(number, *about.tags)
    return Imported(number, place / "shot.nxs", captures)


def _shot(number: int, captures: tuple[ChannelCapture, ...], about: About, at_utc: str) -> ShotRecord:
    listing = "".join(
        f"{item.channel}: {item.settings['file']} sha256 {item.settings['sha256']}\n" for item in captures
    )
    text = listing.encode()
    digest = hash_bytes(text + at_utc.encode())
    shot_id = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    return ShotRecord(
        identity=ShotIdentity(shot_id, number, RIG, 0, at_utc),
        ended_utc=at_utc,
        kind=KIND,
        profile=KIND,
        title=about.title or "Imported traces",
        load="",
        verdict="inconclusive",
        ended="completed",
        reason=REASON,
        operator=Person(about.operator, "operator"),
        purpose="",
        profile_text=text,
        profile_sha256=hash_bytes(text),
        rig_text=b"",
        rig_sha256="",
        tags=about.tags,
        captures=captures,
        versions={"sparkgap": version("sparkgap")},
        simulated=False,
    )
